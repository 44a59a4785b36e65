"""The help of a command: options under headings with their defaults, in the language in force, for any terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from typer.core import TyperCommand

from tunelab.system.language import tr
from tunelab.system.terminal import cells, padded, wrapped
from tunelab.system.texts import tr_text

PANELS = ("Arguments", "Budget", "Search", "Trust", "Resources", "Your data", "Store", "Options")  # their order
NAME_WIDTH = 30  # cells of the column of options in a help
GAP = 2  # blanks between the columns


class PanelCommand(TyperCommand):
    """A command whose help lists its options under headings, with their defaults, in the language in force."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), prefix=tr("Usage: "))

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            for paragraph in (self.help or "").split("\n\n"):
                write_wrapped(formatter, tr_text(" ".join(paragraph.split())))
                formatter.write_paragraph()

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
    help = " ".join(tr_text(parameter.help or "").split())  # of several tasks a line each
    if parameter.param_type_name == "argument":
        return parameter.metavar or parameter.name.upper(), help
    names = ", ".join([*sorted(parameter.opts, key=len), *parameter.secondary_opts])
    flag = getattr(parameter, "is_flag", True)
    value = "" if flag else f" {parameter.metavar or 'TEXT'}"
    shown = getattr(parameter, "show_default", False)
    default = shown if isinstance(shown, str) else parameter.default
    told = default is not None and default is not False and shown is not False and default not in ("", ())
    return names + value, f"{help} {tr_text(f'[default: {default}]')}" if told else help


def write_wrapped(formatter: Any, text: str) -> None:
    """Write a paragraph between the edges of a formatter."""
    edge = " " * formatter.current_indent
    formatter.write("".join(f"{edge}{line}\n" for line in wrapped(text, formatter.width - len(edge))))


def write_rows(formatter: Any, rows: Sequence[tuple[str, str]]) -> None:
    """Write names with their texts in a column beside them; below a name that is too wide."""
    edge = " " * formatter.current_indent
    column = min(max(cells(name) for name, _ in rows), NAME_WIDTH) + GAP
    for name, text in rows:
        first, *others = wrapped(text, formatter.width - len(edge) - column)
        fits = cells(name) + GAP <= column
        lines = [padded(name, column) + first] if fits else [name, " " * column + first]
        lines += [" " * column + line for line in others]
        formatter.write("".join(f"{edge}{line.rstrip()}\n" for line in lines))
