"""``tunelab reproduce``: does a trial come out the same again?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer


def command(
    run_id: Annotated[str, typer.Argument(help="The MLflow run of a trial; `tunelab results SWEEP` lists them.")],
    tracking_uri: Annotated[str | None, typer.Option(help="The store to read.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a trial again from its run id alone: identical, or the first epoch that differs. Exit code 0 or 1."""
    from sweeps.reproduce import reproduce
    from sweeps.spec import default_tracking_uri
    from sweeps.tracking import Store

    store = Store(tracking_uri or default_tracking_uri(), create=False)
    found = reproduce(store, store.trial_run_id(run_id))
    if as_json:
        sys.stdout.write(json.dumps({**asdict(found), "identical": found.identical}, ensure_ascii=False) + "\n")
    else:
        verdict = "identical" if found.identical else f"different, first at {found.difference}"
        sys.stdout.write(f"trial {found.trial} of {found.sweep}, {found.epochs} epochs: {verdict}\n")
        for name, (then, now) in found.environment.items():
            sys.stdout.write(f"  {name}: {then or 'unknown'} then, {now or 'unknown'} now\n")
    raise SystemExit(0 if found.identical else 1)
