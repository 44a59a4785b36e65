"""``tunelab bench verify``: a benchmark run again from its lock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunelab.cli.output.say import say
from tunelab.system.texts import tr_text


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A benchmark's folder.")],
    trust: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A model that the lock names and you vouch for; repeatable."),
    ] = None,
) -> None:
    """Run a benchmark again from its lock and say 'identical', or list what differs (exit code 1)."""
    from benchmarks.harness import verify as harness

    differences = harness.verify(folder, trust or [])
    if differences:
        say(f"Differences: {len(differences)}")
        typer.echo("\n".join(f"- {tr_text(difference)}" for difference in differences))
        raise typer.Exit(1)
    say("identical")
