"""The help of a command: options under headings with their defaults, in the language in force, for any terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from typer.core import TyperCommand

from trainables import task_names
from tunelab.records.panels import BUDGET, RESOURCES, SEARCH, STORE, TRUST, YOUR_DATA
from tunelab.system.language import tr
from tunelab.system.terminal import cells, packed, padded, wrapped
from tunelab.system.texts import tr_text

PANELS = ("Arguments", BUDGET, SEARCH, TRUST, RESOURCES, YOUR_DATA, STORE, "Options")  # their order
NAME_WIDTH = 30  # cells of the column of options in a help
EXAMPLE = " " * 4  # begins a paragraph that is a command
GAP = 2  # blanks between the columns
PLACEHOLDERS = {"int": "N", "integer": "N", "float": "X", "Path": "PATH", "path": "PATH"}  # by the name of a type


class PanelCommand(TyperCommand):
    """A command whose help lists its options under headings, with their defaults, in the language in force."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        arguments = map(_usage_piece, (p for p in self.get_params(ctx) if p.param_type_name == "argument"))
        formatter.write_usage(ctx.command_path, " ".join(["[OPTIONS]", *arguments]), prefix=tr("Usage: "))

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        with formatter.indentation():
            for paragraph in (self.help or "").split("\n\n"):
                if paragraph.startswith(EXAMPLE):
                    write_example(formatter, paragraph.split())
                else:
                    formatter.write_paragraph()
                    write_wrapped(formatter, tr_text(" ".join(paragraph.split())))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for title, rows in help_panels(self.get_params(ctx)).items():
            with formatter.section(tr_text(title)):
                write_rows(formatter, rows)


def help_panels(parameters: Iterable[Any]) -> dict[str, list[tuple[str, str]]]:
    """Return what a help says of arguments and options.

    Args:
        parameters: Those of a command, as Typer has them.

    Returns:
        By heading, in the order of ``PANELS``, the names with their placeholder, and the text with the default.
    """
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in parameters:
        if not getattr(parameter, "hidden", False):
            panels.setdefault(_panel_of(parameter), []).append(_help_row(parameter))
    return {title: panels[title] for title in sorted(panels, key=PANELS.index)}


def _panel_of(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return "Arguments"
    return getattr(parameter, "rich_help_panel", None) or "Options"


def _help_row(parameter: Any) -> tuple[str, str]:
    help = "\n".join(map(_translated, (parameter.help or "").splitlines()))  # of several tasks a line each
    if parameter.param_type_name == "argument":
        return _argument_name(parameter), help
    names = ", ".join([*sorted(parameter.opts, key=len), *parameter.secondary_opts])
    flag = getattr(parameter, "is_flag", True)
    value = "" if flag else f" {parameter.metavar or _placeholder(parameter)}"
    shown = getattr(parameter, "show_default", False)
    default = shown if isinstance(shown, str) else parameter.default
    told = default is not None and default is not False and shown is not False and default not in ("", ())
    return names + value, f"{help} {tr_text(f'[default: {default}]')}" if told else help


def _translated(text: str) -> str:
    """Return a line of a help in the language in force; the tasks that it begins with keep their names."""
    tasks, colon, rest = text.partition(": ")
    named = bool(colon) and set(tasks.split(", ")) <= _tasks()
    return f"{tasks}: {tr_text(rest)}" if named else tr_text(text)


@cache
def _tasks() -> set[str]:
    """Return the names of all tasks; finding the installed ones reads the metadata of every package."""
    return task_names()


def _placeholder(option: Any) -> str:
    """Return what a help shows as an option's value, from its type, which not all versions of Typer keep alike."""
    descriptor = getattr(option, "type_descriptor", None)
    name = option.type.name.partition(" ")[0] if descriptor is None else descriptor.annotation.__name__
    return PLACEHOLDERS.get(name, "TEXT")


def _usage_piece(argument: Any) -> str:
    name = f"{_argument_name(argument)}{'...' if argument.nargs != 1 else ''}"
    return name if argument.required else f"[{name}]"


def _argument_name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()).removesuffix("...")


def write_wrapped(formatter: Any, text: str) -> None:
    """Write a paragraph between the edges of a formatter."""
    edge = " " * formatter.current_indent
    formatter.write("".join(f"{edge}{line}\n" for line in wrapped(text, formatter.width - len(edge))))


def write_example(formatter: Any, words: Sequence[str]) -> None:
    """Write a command further in; one that is too wide has a backslash where its lines break, for the shell."""
    edge = " " * formatter.current_indent + EXAMPLE
    lines = packed(words, formatter.width - len(edge), behind=" \\")
    formatter.write("".join(f"{edge}{line}\n" for line in lines))


def write_rows(formatter: Any, rows: Sequence[tuple[str, str]]) -> None:
    """Write names with their texts in a column beside them; below a name that is too wide."""
    edge = " " * formatter.current_indent
    column = min(max(cells(name) for name, _ in rows), NAME_WIDTH) + GAP
    for name, text in rows:
        space = formatter.width - len(edge) - column
        first, *others = [line for part in text.split("\n") for line in wrapped(part, space)]
        fits = cells(name) + GAP <= column
        lines = [padded(name, column) + first] if fits else [name, " " * column + first]
        lines += [" " * column + line for line in others]
        formatter.write("".join(f"{edge}{line.rstrip()}\n" for line in lines))
