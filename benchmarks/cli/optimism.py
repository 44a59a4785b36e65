"""``tunelab bench optimism``: how well an expected loss predicts the test loss."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.lists import read_names
from benchmarks.cli.output import keep_done, tell_report
from tunelab.cli.output.say import note


def command(
    tasks: Annotated[str | None, typer.Option(help="Bundled tables, with commas.")] = None,
    simulated: Annotated[int | None, typer.Option(help="Number of simulated selections; default 300.")] = None,
    sweeps: Annotated[int | None, typer.Option(help="Number of sweeps of each table; default 40.")] = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials of a sweep; default 20.")] = None,
    max_epochs: Annotated[int | None, typer.Option(help="Epochs of a trial; default 27.")] = None,
    rows: Annotated[int | None, typer.Option(help="Maximum number of rows of a table; default 2000.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the benchmark.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-optimism"),
) -> None:
    """Measure how well a winner's expected loss predicts its test loss: bias removed, coverage of the interval.

    Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench optimism

        tunelab bench optimism --tasks wine,auto_mpg --sweeps 20 --simulated 0
    """
    from benchmarks.optimism.spec import OptimismSpec, check

    sizes = {"simulated": simulated, "sweeps": sweeps, "trials": trials, "max_epochs": max_epochs, "rows": rows}
    spec = OptimismSpec.from_options(tasks=read_names(tasks), seed=seed, **sizes)
    check(spec)
    from benchmarks.optimism.report import verdict
    from benchmarks.optimism.run import run

    with keep_done(output):
        results = run(spec, output, note)
    typer.echo(verdict(results))
    tell_report(output)
