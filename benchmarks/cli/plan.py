"""``tunelab bench plan``: predictions of `tunelab plan` against what sweeps take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.output import tell_report
from tunelab.cli.output.say import note

TASKS = ("california_housing", "auto_mpg", "diamonds", "boston_housing", "heart_disease", "wine", "mnist")


def command(
    tasks: Annotated[str, typer.Option(help="Bundled tasks, with commas.", show_default=", ".join(TASKS))] = (
        ",".join(TASKS)
    ),
    trials: Annotated[int, typer.Option(min=1, help="Size of each sweep.")] = 32,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-plan"),
) -> None:
    """Compare what `tunelab plan` predicts with what the sweep then takes; one folder with a report comes out."""
    from benchmarks.plan import run as benchmark
    from benchmarks.plan.report import verdict

    found = benchmark.run(tasks.split(","), ["--trials", str(trials)], output, note)
    typer.echo(verdict(found))
    tell_report(output)
