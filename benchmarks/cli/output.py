"""What a benchmark says while it runs, and how Ctrl-C ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from tunelab.system.language import tr
from tunelab.system.signals import EXIT_CODE


@contextmanager
def keep_done(folder: Path) -> Iterator[None]:
    """End the command in order when Ctrl-C stops the block; what is done is kept in the folder."""
    try:
        yield
    except KeyboardInterrupt:
        text = tr("Stopped. What is done is kept in {folder}; the same command continues from there.", folder=folder)
        typer.echo(text, err=True)
        raise SystemExit(EXIT_CODE) from None  # `typer.Exit` would be Typer's own answer, before there was anything


def tell_report(folder: Path) -> None:
    """Say where the report of a folder is."""
    from benchmarks.harness.suite import REPORT

    typer.echo(tr("Report: {path}", path=folder / REPORT))
