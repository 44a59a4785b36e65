"""Reference pages written from the code itself, before each build: they cannot say what the code does not do.

They lie in ``reference/from_code/``, which git ignores. A page whose text is as before is left alone, so that the next
build reads it from its cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

FOLDER = Path(__file__).parents[1] / "reference" / "from_code"
BREAK = "\u200b"  # a place without width where a line may break
DRAWS = 60  # of a space, to see which hyperparameters each of its branches has


def write_pages(app: Sphinx) -> None:
    """Write the pages of the English build."""
    if app.config.language != "en":
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    pages = {"commands": command_lines(), "options": option_lines(), "spaces": space_lines()}
    for name, lines in pages.items():
        path, text = FOLDER / f"{name}.md", "\n".join(lines) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    for row in (titles, ["---"] * len(titles), *rows):
        yield "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
    yield ""


def command_lines() -> Iterator[str]:
    """Yield the page of the command line: usage, help and options of every command."""
    from tunelab.cli.commands import COMMANDS, load_command

    yield "# Commands and their options"
    yield ""
    yield "Made from the command line itself. `tunelab COMMAND --help` shows the same on a terminal."
    yield ""
    for name in COMMANDS:
        command = load_command(name)
        yield from _command(f"tunelab {name}", command)
        for sub_name, sub_command in getattr(command, "commands", {}).items():
            yield from _command(f"tunelab {name} {sub_name}", sub_command)


def _command(name: str, command: Any) -> Iterator[str]:
    from tunelab.cli.output.help import help_panels

    context = command.make_context(name, [], resilient_parsing=True)
    yield f"## {name}"
    yield ""
    yield f"`{name} {' '.join(command.collect_usage_pieces(context))}`"
    yield ""
    yield from _help_text((command.help or "").replace("\b", ""))
    shown = [one for one in command.get_params(context) if one.name not in ("install_completion", "show_completion")]
    for title, rows in help_panels(shown).items():
        rows = [row for row in rows if "--help" not in row[0]]
        if rows:
            yield from table([title, ""], [(_option(names), text.replace("\n", "<br>")) for names, text in rows])


def _option(names: str) -> str:
    """Return an option and its values as Markdown; a line may break before the values, and between choices."""
    return " ".join(
        f"`{word.rstrip(',')}`{{.option}}{',' * word.endswith(',')}"
        if word.startswith("-")
        else f"|{BREAK}".join(f"`{choice}`" for choice in word.split("|"))
        for word in names.split()
    )


def _help_text(text: str) -> Iterator[str]:
    """Yield a help text as Markdown; indented lines are examples."""
    for is_example, group in groupby(text.split("\n\n"), key=lambda paragraph: paragraph.startswith("    ")):
        if is_example:
            yield from ["```", *(line.strip() for part in group for line in part.splitlines()), "```", ""]
            continue
        for paragraph in group:
            yield from [*(line.strip() for line in paragraph.splitlines()), ""]


def option_lines() -> Iterator[str]:
    """Yield the page of ``sweep.yaml``: the fields of ``SweepSpec`` and the options of tasks."""
    from trainables import shipped_tasks
    from tunelab.records.spec import SweepSpec
    from tunelab.records.spec_option import choices_of, shown_as

    yield "# Keys of a sweep.yaml"
    yield ""
    yield "`tunelab sweep --config sweep.yaml` reads these keys, the command line's long options, `_` and `-` alike; an"
    yield "option on the command line comes first. `SweepSpec` and `tunelab.run_sweep` take them as arguments."
    yield "`--print-config` prints the file of a sweep."
    yield ""
    panels: dict[str, list[Sequence[object]]] = {}
    for name, field in SweepSpec.model_fields.items():
        shown = shown_as(field)
        if shown is None:
            row = (f"`{name}`", "", "", field.description)
            panels.setdefault("Task", []).append(row)
            continue
        choices = " or ".join(f"`{choice}`" for choice in choices_of(field))
        values = choices or shown.metavar or "true or false"
        default = shown.default or ("none" if field.default in (None, {}) else str(field.default).lower())
        panels.setdefault(shown.panel, []).append((f"`{field.alias or name}`", values, default, field.description))
    for title, rows in panels.items():
        yield f"## {title}"
        yield ""
        yield from table(["key", "values", "default", "meaning"], rows)
    yield "## Options of tasks"
    yield ""
    rows = [
        (f"`{option.name}`", f"`{task}`", " or ".join(option.choices), option.default or "", option.help)
        for task, cls in shipped_tasks().items()
        for option in cls.options
    ]
    yield from table(["key", "task", "values", "default", "meaning"], rows)


def space_lines() -> Iterator[str]:
    """Yield the page of tasks and spaces: ranges, and the reference configuration of each task."""
    from search_spaces import UserError, get_space, space_names
    from trainables import get_task, shipped_tasks

    yield "# Tasks and search spaces"
    yield ""
    yield "Made from the tasks and the spaces. `tunelab space TASK` shows the same on a terminal, also for your own"
    yield "table: `tunelab space table --data houses.csv --target price`."
    yield ""
    yield "## Shipped tasks"
    yield ""
    tasks: dict[str, Any] = {}
    for name in shipped_tasks():
        try:
            tasks[name] = get_task(name)
        except UserError:  # a table of one's own: its facts come with the data
            continue
    yield from table(
        ["task", "learns", "kind", "score", "trials", "epochs", "grace period", "space", "data"],
        [_task_row(name, task) for name, task in tasks.items()],
    )
    for name in space_names():
        space = get_space(name)
        yield f"## Space {name}"
        yield ""
        own = {task_name: task for task_name, task in tasks.items() if task.space().name == space.name}
        if space.branch is not None:
            yield f"`{space.branch}` is drawn first; the other hyperparameters are those of the one drawn."
            yield ""
        used = _branches_of(space)
        references = [f"reference of {task_name}" for task_name in own]
        titles = ["hyperparameter", "values", *([] if space.branch is None else ["with"]), *references]
        yield from table(titles, _space_rows(space, own, used))


def _task_row(name: str, task: Any) -> Sequence[object]:
    facts = task.facts
    score = f"{facts.score} {'↑' if facts.score_direction == 'maximize' else '↓'} {facts.unit}"
    source = f"{facts.source}; licence: {facts.licence}"
    budget = facts.trials, facts.max_epochs, facts.grace_period
    return f"`{name}`", facts.title, facts.kind, score, *budget, f"`{task.space().name}`", source


def _space_rows(space: Any, tasks: Mapping[str, Any], used: Mapping[str, set[object]]) -> Iterator[Sequence[object]]:
    from tunelab.cli.tasks.space import values_of

    domains = space.distributions()
    branches = () if space.branch is None else domains[space.branch].choices
    for name, distribution in domains.items():
        references = [task.reference.get(name, "") for task in tasks.values()]
        found = used.get(name, set())
        with_ = ", ".join(str(one) for one in branches if one in found) if len(found) < len(branches) else "all"
        yield f"`{name}`", values_of(distribution), *([] if space.branch is None else [with_]), *references


def _branches_of(space: Any) -> dict[str, set[object]]:
    """Return the choices of a space's branch with which each hyperparameter is drawn."""
    import optuna

    from search_spaces.optuna_logging import quiet_optuna

    found: dict[str, set[object]] = {}
    if space.branch is None:
        return found
    with quiet_optuna():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(DRAWS):
        trial = study.ask()
        space(trial)
        for name in trial.params:
            found.setdefault(name, set()).add(trial.params[space.branch])
    return found


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the pages when a build begins."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
