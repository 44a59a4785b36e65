"""``tunelab bench confirmation``: how often a confirmation errs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.lists import read_names
from benchmarks.cli.output import keep_done, tell_report
from tunelab.cli.output.say import note


def command(
    tasks: Annotated[str | None, typer.Option(help="Bundled tables, with commas.")] = None,
    sweeps: Annotated[int | None, typer.Option(help="Simulated sweeps of each task on noise; default 100.")] = None,
    planted: Annotated[
        int | None, typer.Option(help="Sweeps of each task and each weak reference; default 30.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Trials of a sweep; default 20.")] = None,
    max_epochs: Annotated[int | None, typer.Option(help="Epochs of a trial; default 27.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the benchmark.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-confirmation"),
) -> None:
    """Measure how often a confirmation errs: winners called better on noise, and better ones that it misses.

    Takes about a quarter of an hour on two cores. Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench confirmation

        tunelab bench confirmation --tasks wine --sweeps 400 --planted 0
    """
    from benchmarks.confirmation.spec import ConfirmationSpec, check

    sizes = {"sweeps": sweeps, "planted": planted, "trials": trials, "max_epochs": max_epochs}
    spec = ConfirmationSpec.from_options(tasks=read_names(tasks), seed=seed, **sizes)
    check(spec)
    from benchmarks.confirmation.report import verdict
    from benchmarks.confirmation.run import run

    with keep_done(output):
        results = run(spec, output, note)
    typer.echo(verdict(results.sweeps))
    tell_report(output)
