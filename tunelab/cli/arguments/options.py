"""Options of commands that take a sweep's settings, made from the fields of ``SweepSpec`` and the options of tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter
from itertools import pairwise
from typing import Annotated, Any

import typer

from search_spaces.errors import UserError
from search_spaces.python_file import PythonFile
from trainables import TaskOption, shipped_tasks, task_class, task_names
from tunelab.records.panels import YOUR_DATA
from tunelab.records.spec import SweepSpec
from tunelab.records.spec_option import choices_of, shown_as


def spec_parameters(
    names: Iterable[str] | None = None, help: Mapping[str, str] | None = None, *, as_before: bool = False
) -> list[Parameter]:
    """Make command line options of the fields of ``SweepSpec``.

    All take text, which ``make_spec`` reads, so that values are checked in one place.

    Args:
        names: Fields; all that have an option when None.
        help: Help texts that replace the description of a field.
        as_before: True if what is not given stays as it was, so that the help shows no defaults.
    """
    found = []
    for name, field in SweepSpec.model_fields.items():
        shown = shown_as(field)
        if shown is None or (names is not None and name not in names):
            continue
        choices = choices_of(field)
        default = shown.default or _shown(field.default)
        option = typer.Option(
            _flag(field.alias or name),
            help=(help or {}).get(name) or field.description,
            metavar="|".join(choices) or shown.metavar or None,
            rich_help_panel=shown.panel,
            show_default=False if as_before else default or False,
            autocompletion=_completing(choices),
        )
        kind: Any = bool if field.annotation is bool else list[str] if name == "fixed" else str
        found.append(_parameter(name, kind, option))
    return found


def task_parameters(tasks: Mapping[str, Sequence[TaskOption]], named: str | None = None) -> list[Parameter]:
    """Make command line options of the options that tasks declare; one for those of the same name.

    Args:
        tasks: Options by the name of their task.
        named: The task that the command line names: the help shows its options alone. Without one it has a line for
            each task that has the option, those of the same text in one line.
    """
    by_name: dict[str, list[tuple[str, TaskOption]]] = {}
    for task, options in tasks.items():
        for option in options:
            by_name.setdefault(option.name, []).append((task, option))
    found = []
    for name, declared in by_name.items():
        shown = [(task, option) for task, option in declared if named in (None, task)]
        texts: dict[str, list[str]] = {}
        for task, option in shown or declared:
            texts.setdefault(f"{option.help}{_default_text(option)}", []).append(task)
        first = (shown or declared)[0][1]
        choices = list(dict.fromkeys(choice for _, option in shown or declared for choice in option.choices))
        option = typer.Option(
            first.flag,
            help="\n".join(text if named else f"{', '.join(its)}: {text}" for text, its in texts.items()),
            metavar="|".join(choices) if choices and len(texts) == 1 else "VALUE",
            rich_help_panel=YOUR_DATA,
            show_default=False,
            hidden=not shown,
            autocompletion=_completing(choices),
        )
        kind: Any = bool if first.type is bool else list[str] if first.repeatable else str
        found.append(_parameter(name, kind, option))
    return found


def options_of_tasks(arguments: Sequence[str]) -> dict[str, Sequence[TaskOption]]:
    """Return the options of the shipped tasks and of the task that a command line names, by task.

    Args:
        arguments: The words behind the command's name.

    Raises:
        UserError: The file of a task does not run, or an option of it has the name of a sweep's.
    """
    found: dict[str, Sequence[TaskOption]] = {name: cls.options for name, cls in shipped_tasks().items()}
    named = named_task(arguments)
    if named is not None and named not in found:
        found[named] = task_class(named).options
        taken = sorted({option.name for option in found[named]} & _taken_names())
        if taken:
            raise UserError(
                f"Task '{named}' declares the option '{taken[0]}', which every sweep has. Give it another name."
            )
    return found


def named_task(arguments: Sequence[str]) -> str | None:
    """Return the first word that is a task, by name or as a Python file; None when no word is."""
    words = [
        word
        for previous, word in pairwise(["", *arguments])
        if previous not in ("--space", "--name", "--warm-start") and not word.startswith("-")
    ]
    known = set(shipped_tasks())
    if words and words[0] not in known:  # as it mostly is: only others look through all installed packages
        known = task_names()
    return next((word for word in words if word in known or PythonFile.parse(word) is not None), None)


def given_options(task: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read what the command line gave for a task's own options: every value that no field of ``SweepSpec`` takes.

    Args:
        task: Its name; values stay text when None.
        given: By parameter name, those of the sweep's fields left out.
    """
    declared = {} if task is None else {option.name: option for option in task_class(task).options}
    values = {
        name: value
        for name, value in given.items()
        if value is not None and value is not False and value != [] and value != ()
    }
    return {name: declared[name].read(value) if name in declared else value for name, value in values.items()}


def parse_assignment(text: str, where: str = "--set", example: str = "lr=0.01") -> tuple[str, str]:
    """Return the name and the value of ``lr=0.01``.

    Args:
        text: What was given.
        where: What the message begins with.
        example: What it should look like.

    Raises:
        UserError: It is not NAME=VALUE.
    """
    name, sign, value = text.partition("=")
    if not (sign and name.strip() and value.strip()):
        raise UserError(f"{where} '{text}' must be NAME=VALUE, e.g. {where} {example}.")
    return name.strip(), value.strip()


def argument(name: str, help: str, *, kind: Any = str, metavar: str | None = None, complete: Any = None) -> Parameter:
    """Make an argument that may be left out."""
    info = typer.Argument(help=help, metavar=metavar, autocompletion=complete, show_default=False)
    return _parameter(name, kind, info)


def option(
    name: str, help: str, *, kind: Any = str, panel: str = "", metavar: str | None = None, opposite: bool = False
) -> Parameter:
    """Make an option that is not a setting of a sweep, such as ``--json``; with ``opposite`` also ``--no-json``."""
    flag = _flag(name.removeprefix("as_"))
    both = f"{flag}/--no-{flag.removeprefix('--')}" if opposite else flag
    info = typer.Option(both, help=help, metavar=metavar, rich_help_panel=panel or None, show_default=False)
    return _parameter(name, kind, info)


def _parameter(name: str, kind: Any, info: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, info])


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _shown(default: object) -> str:
    if default is None or isinstance(default, bool | dict):
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)


def _default_text(option: TaskOption) -> str:
    return f" [default: {option.default}]" if option.default else ""


def _completing(choices: Sequence[str]) -> Callable[[str], list[str]] | None:
    if not choices:
        return None
    return lambda incomplete: [choice for choice in choices if choice.startswith(incomplete)]


def _taken_names() -> set[str]:
    return {*SweepSpec.model_fields, "set", "config", "as_json", "json", "print_config", "space", "language"}
