"""``tunelab bench search``: methods of search with equal budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.lists import read_names, read_numbers
from benchmarks.cli.output import keep_done
from search_spaces.errors import UserError

Tables = Annotated[
    Path | None, typer.Option(help="Folder with recorded learning curves; trials are looked up, not trained.")
]
Tasks = Annotated[
    str | None, typer.Option(help="Bundled tasks, with commas; with --tables those of the folder, default all.")
]
Methods = Annotated[
    str | None,
    typer.Option(
        help="SAMPLER+SCHEDULER, with commas: curves, tpe, random; asha, none; others by name from Optuna or Ray. With "
        "--tables also SyneTune-ASHA, SyneTune-CQR, SyneTune-BOHB, SMAC3-Hyperband, NePS-ASHA, NePS-Hyperband, "
        "NePS-PriorBand where the package is installed."
    ),
]
FullTrials = Annotated[
    str | None,
    typer.Option(help="Budget of a search: epochs of this many full trials; with --tables several, with commas."),
]
Workers = Annotated[str | None, typer.Option(help="With --tables: simulated workers, with commas; default 1,8,32.")]


def command(
    tables: Tables = None,
    tasks: Tasks = None,
    methods: Methods = None,
    seeds: Annotated[int | None, typer.Option(help="Repetitions; default 5, with --tables 30.")] = None,
    full_trials: FullTrials = None,
    workers: Workers = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the benchmark.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-search"),
) -> None:
    """Compare methods of search with equal budgets; one folder with a report comes out.

    With --tables nothing is trained: searches replay recorded learning curves. Two commands fetch them into FOLDER:

        git clone --depth 1 https://github.com/slds-lmu/yahpo_data FOLDER/yahpo_data

        git clone --depth 1 https://github.com/releaunifreiburg/DyHPO FOLDER/DyHPO

    Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench search

        tunelab bench search --tasks wine,auto_mpg --methods tpe+asha,GPSampler+asha,tpe+HyperBandScheduler --seeds 10

        tunelab bench search --tables curves --methods tpe+asha,random+asha --workers 1,8 --seeds 5
    """
    from benchmarks.search.arena.command import compare_on_curves
    from benchmarks.search.command import compare_by_training

    if tables is None and workers is not None:
        raise UserError("--workers needs --tables: without recorded curves, trials train one after another.")
    given = {"tasks": read_names(tasks), "methods": read_names(methods), "seeds": seeds, "seed": seed}
    sizes = {"full_trials": read_numbers("full-trials", full_trials), "workers": read_numbers("workers", workers)}
    values = {key: value for key, value in {**given, **sizes}.items() if value is not None}
    with keep_done(output):
        lines = compare_by_training(values, output) if tables is None else compare_on_curves(tables, values, output)
    for line in lines:
        typer.echo(line)
