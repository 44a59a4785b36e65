"""What the documentation shows is true: commands exist with their options, and both languages say the same."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from typer.main import get_command

from search_spaces.errors import UserError
from tests.docs.pages import (
    DOCS,
    KOREAN,
    ROOT,
    command_lines,
    english_pages,
    fences,
    outline,
    python_examples,
    same_in_both,
    translated_pages,
)
from tunelab.cli.commands import COMMANDS, load_command
from tunelab.cli.main import UsageError, app

PAPERS = [ROOT / "README.md", ROOT / "README.ko.md", ROOT / "CONTRIBUTING.md"]


def complaint(words: list[str]) -> str:
    """What the command line says against a command; empty when it would begin."""
    name, rest = words[0], words[1:]
    if name.startswith("-"):
        own = {flag for parameter in get_command(app).params for flag in parameter.opts}
        return "" if name in own else "no such option"
    if name not in COMMANDS:
        return "no such command"
    if not rest:  # named, not called
        return ""
    try:
        command = load_command(name, rest)
        if rest and rest[0] in getattr(command, "commands", {}):
            command, rest = command.commands[rest[0]], rest[1:]
        elif hasattr(command, "commands"):
            return "no such command of the group" if rest else ""
        command.make_context(name, list(rest))
    except UsageError as error:
        message = str(error.format_message())  # type: ignore[attr-defined]
        return "" if message.startswith("Missing argument") else message  # prose names an option alone
    except UserError as error:
        return "" if "NAME" in str(error) else str(error)  # a file of that name is the reader's
    return ""


@pytest.fixture
def shown_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files of a user that the pages name, as they show them."""
    task, space = [
        body for language, body in fences((ROOT / "CONTRIBUTING.md").read_text("utf-8")) if language == "python"
    ]
    train = next(
        body for language, body in fences((DOCS / "how-to/own-model.md").read_text("utf-8")) if language == "python"
    )
    for name, body in (("my_task.py", task), ("my_space.py", space), ("train.py", train)):
        (tmp_path / name).write_text(body, "utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("shown_files")
def test_every_command_shown_exists_with_its_options() -> None:
    pages = [*PAPERS, *english_pages(), *KOREAN.rglob("*.md")]
    places: dict[tuple[str, ...], list[str]] = {}  # most commands are on several pages
    for page in pages:
        for words in command_lines(page.read_text("utf-8")):
            places.setdefault(tuple(words), []).append(str(page.relative_to(ROOT)))
    assert places
    assert [(on, words, found) for words, on in places.items() if (found := complaint(list(words)))] == []


@pytest.mark.usefixtures("shown_files")
def test_a_command_that_does_not_exist_is_found() -> None:
    assert command_lines("```\nX=1 tunelab sweep wine --trails 3 > log  # no\n```\n") == [
        ["sweep", "wine", "--trails", "3"]
    ]
    assert "--trails" in complaint(["sweep", "wine", "--trails", "3"])
    assert complaint(["bench", "nonsense"])
    assert complaint(["swep"])


def test_every_environment_variable_of_the_code_is_in_the_reference() -> None:
    packages = ("search_spaces", "trainables", "tunelab")  # what `benchmarks` sets is for its own processes
    code = "".join(path.read_text("utf-8") for package in packages for path in (ROOT / package).rglob("*.py"))
    read = set(re.findall(r'"(TUNELAB_[A-Z_]+)"', code))
    reference = (DOCS / "reference" / "files.md").read_text("utf-8")
    assert read == set(re.findall(r"`(TUNELAB_[A-Z_]+)", reference))
    assert len(read) >= 6


def test_no_page_has_the_name_of_one_that_sphinx_makes_itself() -> None:
    names = {page.relative_to(folder).as_posix() for folder in (DOCS, KOREAN) for page in folder.glob("*.md")}
    assert names.isdisjoint({"search.md", "genindex.md", "py-modindex.md"})


def test_korean_pages_are_those_that_have_to_be_there() -> None:
    expected = {path.relative_to(DOCS) for path in translated_pages()}
    assert {path.relative_to(KOREAN) for path in KOREAN.rglob("*.md")} == expected


@pytest.mark.parametrize("page", translated_pages(), ids=lambda page: str(page.relative_to(DOCS)))
def test_both_languages_have_the_same_headings_examples_and_commands(page: Path) -> None:
    english = page.read_text("utf-8")
    korean = (KOREAN / page.relative_to(DOCS)).read_text("utf-8")
    assert outline(korean) == outline(english)
    shown = [(language, same_in_both(language, body)) for language, body in fences(english)]
    assert [(language, same_in_both(language, body)) for language, body in fences(korean)] == shown
    assert Counter(map(tuple, command_lines(korean))) == Counter(map(tuple, command_lines(english)))


def test_the_function_shown_learns() -> None:
    body = python_examples(DOCS / "how-to/own-model.md")[0]
    found: dict[str, object] = {"__name__": "train"}
    exec(body, found)
    losses: list[float] = []

    class Trial:
        seed, max_epochs = 1, 20

        def report(self, val_loss: float) -> None:
            losses.append(val_loss)

    found["train"]({"lr": 0.5, "penalty": 1e-6}, Trial())  # type: ignore[operator]
    assert losses[-1] < 0.02 < losses[0]
