"""``tunelab new-task``: a working file of a task of one's own, with its test, to be filled in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from search_spaces.errors import UserError, unknown
from tunelab.cli.output.say import say

KINDS = {  # what a task name in tests ends in, and a configuration of the space
    "table": ("", "task.reference"),
    "torch": ("", "task.reference"),
    "sklearn": ("", "task.reference"),
    "function": (":train", '{"width": 16, "lr": 0.01}'),
}
NAME = re.compile(r"[a-z][a-z0-9_]*")


def command(
    name: Annotated[str, typer.Argument(help="Name of the task; the files are NAME.py and test_NAME.py.")],
    kind: Annotated[
        str,
        typer.Option(
            metavar="|".join(KINDS),
            help="A table, a network in PyTorch, an estimator of scikit-learn, or a training function.",
        ),
    ] = "table",
) -> None:
    """Write a working task to start from, with its test, into this folder."""
    if kind not in KINDS:
        raise unknown("kind of task", kind, KINDS)
    check_name(name)
    suffix, config = KINDS[kind]
    values = {"@NAME@": name, "@CLASS@": class_name(name), "@SUFFIX@": suffix, "@CONFIG@": config}
    files = {Path(f"{name}.py"): f"{kind}.py.txt", Path(f"test_{name}.py"): "test.py.txt"}
    existing = [str(path) for path in files if path.exists()]
    if existing:
        raise UserError(f"'{existing[0]}' exists already. Choose another name, or work in another folder.")
    for path, template in files.items():
        try:
            path.write_text(filled(template, values), encoding="utf-8")
        except OSError as error:
            raise UserError(f"'{path}' cannot be written: {error.strerror}.") from error
    task = f"./{name}.py{suffix}"
    say(
        f"Wrote {', '.join(map(str, files))}. It works as it is; put your data and your model in. Then:",
        f"  tunelab check-task {task}",
        f"  pytest test_{name}.py",
        f"  tunelab sweep {task}",
    )


def check_name(name: str) -> None:
    """Raise ``UserError`` unless a name is one that a task, a file and a class can have."""
    from trainables import shipped_tasks

    if NAME.fullmatch(name) is None:
        raise UserError(f"NAME must be lower-case letters, digits and '_', a letter first, got '{name}'.")
    if name in shipped_tasks():
        raise UserError(f"A task '{name}' ships with tunelab. Choose another name.")


def class_name(name: str) -> str:
    """Return the name of a task's class: ``MyTask`` for ``my_task``."""
    return "".join(part.capitalize() for part in name.split("_"))


def filled(template: str, values: dict[str, str]) -> str:
    """Return a template of this command with its placeholders replaced."""
    text = (Path(__file__).with_name("templates") / template).read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text
