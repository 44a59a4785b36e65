"""``tunelab clean``: frees the disk of what no command will ask for."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tunelab.tracking.open import wanted_uri


def command(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, only show.")] = False,
    tracking_uri: Annotated[str | None, typer.Option(help="The store whose sweeps are looked at.")] = None,
) -> None:
    """Show what can be removed: losers' weights, old checkpoints, ended Ray sessions; never a run or a model."""
    from tunelab.clean import find_removable
    from tunelab.cli.output.tables import print_table
    from tunelab.records.text import format_bytes
    from tunelab.tracking.uri import home_of

    items = find_removable(home_of(wanted_uri(tracking_uri)), print_note)
    if not items:
        sys.stdout.write("Nothing to remove.\n")
        return
    rows = [[item.owner, item.what, format_bytes(item.size), item.where] for item in items]
    print_table(["of", "what", "size", "where"], rows)
    total = format_bytes(sum(item.size for item in items))
    if not yes:
        sys.stdout.write(f"{total} in all; `tunelab clean --yes` removes it.\n")
        return
    removed = 0
    for item in items:
        try:
            item.remove()
            removed += item.size
        except OSError as error:
            print_note(f"{item.where} cannot be removed: {error.strerror}")
    sys.stdout.write(f"{format_bytes(removed)} removed.\n")


def print_note(text: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{text}\n")
