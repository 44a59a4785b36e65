"""``tunelab clean``: frees the disk of what no command will ask for."""

from __future__ import annotations

from typing import Annotated

import typer

from tunelab.cli.output.say import note, say
from tunelab.system.language import tr
from tunelab.system.texts import tr_text
from tunelab.tracking.open import wanted_uri


def command(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, only show.")] = False,
    tracking_uri: Annotated[
        str | None, typer.Option(metavar="URI", help="The store whose sweeps are looked at.")
    ] = None,
) -> None:
    """Show what can be removed: losers' weights, old checkpoints, ended Ray sessions; never a run or a model."""
    from tunelab.clean import find_removable
    from tunelab.cli.output.tables import print_table
    from tunelab.records.text import format_bytes
    from tunelab.tracking.uri import home_of

    items = find_removable(home_of(wanted_uri(tracking_uri)), note)
    if not items:
        say("Nothing to remove.")
        return
    rows = [[tr_text(item.owner), tr_text(item.what), format_bytes(item.size), item.where] for item in items]
    header = [tr("of"), tr("what"), tr("size"), tr("where")]
    print_table(header, rows, drop_first=[tr("what")], cut=tr("where"))
    total = format_bytes(sum(item.size for item in items))
    if not yes:
        say(f"{total} in all; `tunelab clean --yes` removes it.")
        return
    removed = 0
    for item in items:
        try:
            item.remove()
            removed += item.size
        except OSError as error:
            note(f"{item.where} cannot be removed: {error.strerror}")
    say(f"{format_bytes(removed)} removed.")
