"""``tunelab bench speed``: speed of a sweep against its peers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.lists import read_names, read_numbers
from benchmarks.cli.output import tell_report
from search_spaces.errors import UserError
from tunelab.cli.output.say import note


def command(
    tasks: Annotated[str, typer.Option(help="Tables with a number to predict, with commas.")] = (
        "california_housing,diamonds"
    ),
    trials: Annotated[str, typer.Option(help="Sizes of sweeps, with commas.")] = "16",
    max_epochs: Annotated[int, typer.Option(min=1, help="Budget of one trial, epochs.")] = 27,
    rounds: Annotated[int, typer.Option(min=1, help="Number of runs of each competitor, alternating.")] = 3,
    competitors: Annotated[str, typer.Option(help="Competitors, with commas; default all.")] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Trials at once.")] = 2,
    device: Annotated[str, typer.Option(help="cpu | cuda")] = "cpu",
    control_trials: Annotated[int, typer.Option(help="Instant trials that show what control costs; 0 for none.")] = 400,
    loop_rounds: Annotated[int, typer.Option(min=0, help="Rounds of the training loop alone; 0 for none.")] = 5,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-speed"),
) -> None:
    """Measure what a sweep costs beside its training, against other ways to run it; one folder with a report comes out.

    For example:

        tunelab bench speed

        tunelab bench speed --tasks california_housing --trials 64,256 --control-trials 2000
    """
    from benchmarks.speed import run as benchmark

    sizes = read_numbers("trials", trials) or ()
    if min(sizes, default=0) < 1:
        raise UserError(f"--trials '{trials}': each number must be at least 1.")
    request = benchmark.Request(
        tasks=tuple(tasks.split(",")),
        trials=sizes,
        max_epochs=max_epochs,
        rounds=rounds,
        competitors=read_names(competitors) or (),
        concurrency=concurrency,
        device=device,
        control_trials=control_trials,
        loop_rounds=loop_rounds,
    )
    benchmark.run(request, output, note)
    tell_report(output)
