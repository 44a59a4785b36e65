"""``tunelab reproduce``: does a trial come out the same again?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from tunelab.cli.json_output import print_json
from tunelab.tracking.open import open_store


def command(
    run_id: Annotated[str, typer.Argument(help="The MLflow run of a trial; `tunelab results SWEEP` lists them.")],
    tracking_uri: Annotated[str | None, typer.Option(help="The store to read.")] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A file that the store names and you vouch for; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a trial again from its run id alone: identical, or the first epoch that differs. Exit code 0 or 1."""
    store = open_store(tracking_uri)
    from tunelab.reproduce import reproduce

    found = reproduce(store, store.trial_run_id(run_id), trust or [])
    if as_json:
        print_json({**asdict(found), "identical": found.identical})
    else:
        verdict = "identical" if found.identical else f"different, first at {found.difference}"
        sys.stdout.write(f"trial {found.trial} of {found.sweep}, {found.epochs} epochs: {verdict}\n")
        if found.error:
            sys.stdout.write(f"  it failed now: {found.error}\n")
        for name, (then, now) in found.environment.items():
            sys.stdout.write(f"  {name}: {then or 'unknown'} then, {now or 'unknown'} now\n")
    raise SystemExit(0 if found.identical else 1)
