"""``tunelab bench``: the command line of the benchmarks, one file a command, each of which loads its own code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from benchmarks.cli import confirmation, generation, optimism, plan, search, speed, tables, verify
from tunelab.cli.arguments.language import LanguageOption, with_language
from tunelab.cli.commands import HelpfulGroup
from tunelab.cli.output.help import PanelCommand

COMMANDS: dict[str, Callable[..., Any]] = {
    "generation": generation.command,
    "speed": speed.command,
    "search": search.command,
    "plan": plan.command,
    "optimism": optimism.command,
    "confirmation": confirmation.command,
    "tables": tables.command,
    "verify": verify.command,
}

app = typer.Typer(
    name="bench",
    cls=HelpfulGroup,
    help="Benchmarks: tables, settings of text generation, methods of search, confirmation, speed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)
for name, function in COMMANDS.items():
    app.command(name, cls=PanelCommand)(with_language(function))


@app.callback()
def options(language: LanguageOption = None) -> None:
    """Take the language before the command, which ``HelpfulGroup`` has read."""
