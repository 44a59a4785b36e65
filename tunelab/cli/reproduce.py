"""``tunelab reproduce``: does a trial come out the same again?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from tunelab.cli.arguments.completion import complete_sweep
from tunelab.cli.output.json_output import print_json
from tunelab.cli.output.say import say
from tunelab.system.language import tr_term
from tunelab.system.texts import tr_text
from tunelab.tracking.open import open_store


def command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP|RUN", help="A sweep (@latest), or the run id of a trial.", autocompletion=complete_sweep
        ),
    ],
    trial: Annotated[
        int | None, typer.Argument(metavar="TRIAL", help="Number of the sweep's trial; its winner when left out.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="The store to read.")] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A file that the store names and you vouch for; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a trial again and compare it epoch by epoch; exit code 0 when it is identical, else 1."""
    store = open_store(tracking_uri)
    from tunelab.reproduce import reproduce

    found = reproduce(store, store.trial_run_id(run, trial), trust or [])
    if as_json:
        print_json({**asdict(found), "identical": found.identical})
    else:
        verdict = "identical" if found.identical else f"different, first at {found.difference}"
        say(f"trial {found.trial} of {found.sweep} (epochs compared: {found.epochs}): {tr_text(verdict)}")
        if found.error:
            say(f"  it failed now: {found.error}")
        for name, (then, now) in found.environment.items():
            say(f"  {tr_term(name)}: {then or 'unknown'} then, {now or 'unknown'} now")
    raise SystemExit(0 if found.identical else 1)
