"""The English texts in the code that people come to see, as the forms of the catalogue ``texts``.

A text is a string with words in it. Of ``f"Unknown {what} '{given}'."`` the form is ``Unknown {what} '{given}'.``: a
field has the name of what it shows, and the format is left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("search_spaces", "trainables", "tunelab", "benchmarks")
# Rooms that say nothing, or whose texts go elsewhere: into MLflow, the report (through tr), or a developer's script.
OTHER_ROOMS = re.compile(
    r"tunelab/(figures|report|documents)/|tracking/(descriptions|ui_views)\.py|(kogpt2_standin|mnist_gan_judge)\.py|interactive/(plots|static_figure)\.py|"
    r"benchmarks/(gpu_check/|speed/(loop|warm|instant)\.py|generation/report/)|"
    r"base/training/(lightgbm_text|xgboost_ubjson|restoring)\.py|launch/tune_classes\.py|(tunelab|interactive)/__init__\.py"
)
NO_TEXT = re.compile(
    r"SELECT |UPDATE |attributes\.|tags\.|name = |run_id = |source_run_id"  # queries
    r"|tunelab (resume|predict|results|report|check-task|sweep) (\{\w+\}|\./)[^.;]*( predictions\.csv)?$|pip install '"
    r"|(SEED|INPUT) --output |tunelab bench verify FOLDER$|git clone |from tunelab\."
    r"|--(set|stop|ignore|trust|scheduler) ['{\w]+[^ ]*$|--widen \{|--grace-period \{\w+\} --reduction"
    r"|pytest |--app-dir"  # commands
    r"|#|import |from safetensors|try:|except |ray\._|(network|estimator|booster) = |mlflow\.|at 0x|line \("
    r"|def |os\.|sys\.|threading\.|X does not have "
    r"|\(os error|Pytorch|Glyph |Response body|Error tokenizing|The given NumPy|Found unknown|Value error"
    r"|beam (search|sampling)$|tuned \{|\{outer\}\{key\} of$|(nll|zipf|tokens), |bill \{"
    r"|part of this program|training documents of: "  # entries of a lock, names of settings and measures
    r"|---|language: |license: |Fine-tuned from |Base model |Documents begin|MLflow's PyTorch|The same run holds"
    r"|does not give; |Winners of sweeps on "  # files beside a model, a description
    r"|watching Ray|letting go|whole sampler|given up|training, validation and sealed|model name|test opened"  # names
    r"|stop \{number\}$|<|\{\w+\}: \{\w+\}$|tunelab:? \{\w+\}|\{option\} \{\w+\}\{?|\{tr\} rmse"  # frames
    r"|\{what\} (in \{|more than$|\{)|must be \{|\{name\} on \{|\{read\} "
)
FUNCTIONS = {"len", "join", "sorted", "map", "str", "repr", "round", "max", "min", "sum", "next", "get", "int", "float"}
BUILTIN_ERRORS = {"ValueError", "RuntimeError", "AttributeError", "NotImplementedError"}  # whose words are a detail


def texts() -> dict[str, str]:
    """Return where each text is, by its form."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not OTHER_ROOMS.search(name):
                for line, text in texts_of(ast.parse(path.read_text(encoding="utf-8"))):
                    found.setdefault(text, f"{name}:{line}")
    return found


def texts_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module with their lines."""
    docstrings = {id(string) for string in _docstrings(tree)}
    for line, form in _forms(tree, docstrings):
        for part in form.split("\n"):
            text = part.strip()
            if is_text(text):
                yield line, text


def nameless(form: str) -> str:
    """Return a form without the names of its fields, which say nothing about which text it is."""
    return re.sub(r"\{\w+[^{}]*\}", "{}", form)


def is_text(text: str) -> bool:
    """Return whether a form has words that are not names of code: at least two, or one with a field."""
    bare = re.sub(r"`[^`]*`|\{[^{}]*\}", "", text)
    return " " in text and re.search(r"(^|[\s('])[a-z]{2,}([\s.,:;)']|$)", bare) is not None and not NO_TEXT.match(text)


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield from (part.value for part in node.body if isinstance(part, ast.Expr))


def _forms(node: ast.AST, left_out: set[int]) -> Iterator[tuple[int, str]]:
    if id(node) in left_out or isinstance(node, ast.Assert):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in ("tr", "tr_plural", "tr_term", "cast"):  # these are in the other catalogue
            left_out = left_out | {id(argument) for argument in node.args[:2]}
        elif node.func.id in BUILTIN_ERRORS:
            return
    if isinstance(node, ast.Subscript | ast.AnnAssign):  # names in types are not texts
        part = node.annotation if isinstance(node, ast.AnnAssign) else node.slice
        if not (isinstance(node, ast.Subscript) and "Annotated" in ast.dump(node.value)):
            left_out = left_out | {id(part)}
    if isinstance(node, ast.JoinedStr):
        yield node.lineno, form_of(node)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _forms(part.value, left_out)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, _escaped(node.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _forms(child, left_out)


def form_of(node: ast.JoinedStr) -> str:
    """Return the form of an f-string."""
    form, shown = "", dict[str, str]()
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            form += f"{{{_field(part.value, shown)}}}"
        elif isinstance(part, ast.Constant):
            form += str(part.value).replace("{", "{{").replace("}", "}}")
    return form


def _field(value: ast.AST, shown: dict[str, str]) -> str:
    """Return the name of a field: the outermost name in it that is not a function of Python's; numbered when taken."""
    names = [getattr(node, "attr", getattr(node, "id", "")).strip("_") for node in ast.walk(value)]
    base = next((name.lower() for name in names if name and name not in FUNCTIONS), "value")
    code = ast.unparse(value)
    name = next(name for name in (base, *(f"{base}{i}" for i in range(2, 20))) if shown.get(name, code) == code)
    shown[name] = code
    return name


def _escaped(text: str) -> str:
    """Return a string as a form: braces are its own, unless ``str.format`` fills them in."""
    if re.fullmatch(r"([^{}]|\{\w+(:[^\s{}]*)?\})*", text):
        return re.sub(r"\{(\w+):[^\s{}]*\}", r"{\1}", text)
    return text.replace("{", "{{").replace("}", "}}")
