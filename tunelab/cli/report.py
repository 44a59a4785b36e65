"""``tunelab report``: a sweep as one HTML file and its Markdown twin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from search_spaces.errors import UserError
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.tracking.open import open_store


def command(
    sweep: Annotated[
        str, typer.Argument(help="Name or run id of a sweep, or its beginning; @latest.", autocompletion=complete_sweep)
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file; NAME-report.html when not given.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="The store to read.")] = None,
) -> None:
    """Write a sweep's report: one self-contained HTML file and a Markdown twin beside it; the run gets both."""
    check_output(output)
    store = open_store(tracking_uri)
    from tunelab.report.report import log_report, write_report

    result = store.load(store.find_sweep(sweep))
    path = output or Path(f"{result.name}-report.html")
    twin = write_report(result, path)
    log_report(store, result)
    sys.stdout.write(f"{path}\n{twin}\n")


def check_output(output: Path | None) -> None:
    """Raise ``UserError`` for an output file that cannot be one."""
    if output is None:
        return
    if output.suffix not in (".html", ".htm"):
        raise UserError(f"--output '{output}' must end in .html; the Markdown twin is written beside it.")
    if output.is_dir() or not output.absolute().parent.is_dir():
        problem = "is a folder" if output.is_dir() else "lies in a folder that does not exist"
        raise UserError(f"--output '{output}' {problem}. Give a file in an existing folder.")
