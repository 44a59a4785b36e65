"""``tunelab bench tables``: systems on a list of tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.output import keep_done, tell_report
from tunelab.cli.output.say import note


def command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder with tables.yaml: files and targets, systems, seeds.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-tables"),
) -> None:
    """Compare systems on a list of tables: ours, LightGBM, scikit-learn, and AutoGluon where it is installed.

    All get the same rows and the same time. Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench tables my-tables

        tunelab bench tables my-tables --output results
    """
    from benchmarks.tables.spec import read_tables

    spec = read_tables(folder)
    from benchmarks.tables.report import verdict
    from benchmarks.tables.run import run

    with keep_done(output):
        results = run(spec, output, note)
    typer.echo(verdict(results))
    tell_report(output)
