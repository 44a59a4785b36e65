"""``tunelab bench``: the command line of the benchmarks, one file a command, each of which loads its own code."""

from __future__ import annotations

import typer

from benchmarks.cli import confirmation, generation, optimism, plan, search, speed, tables, verify
from tunelab.cli.commands import HelpfulGroup

app = typer.Typer(
    name="bench",
    cls=HelpfulGroup,
    help="Benchmarks: tables, settings of text generation, methods of search, confirmation, speed.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command("generation")(generation.command)
app.command("speed")(speed.command)
app.command("search")(search.command)
app.command("plan")(plan.command)
app.command("optimism")(optimism.command)
app.command("confirmation")(confirmation.command)
app.command("tables")(tables.command)
app.command("verify")(verify.command)
