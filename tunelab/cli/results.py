"""``tunelab results``: a sweep's outcome, or the list of sweeps."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search_spaces.errors import UserError
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.cli.output.json_output import print_json
from tunelab.tracking.open import open_store

if TYPE_CHECKING:
    from tunelab.records.result import SweepResult
    from tunelab.tracking.store import Store


def command(
    sweep: Annotated[
        str | None,
        typer.Argument(help="Name, run id, its beginning; @latest; else all.", autocompletion=complete_sweep),
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="The store to read.")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy the winner's figures there (PNG and HTML).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a sweep's best trials, scores and baselines; without a name, list the sweeps."""
    from tunelab.cli.output.outcome import print_result, with_trials
    from tunelab.cli.output.tables import print_table

    store = open_store(tracking_uri)
    if figures is not None and sweep is None:
        raise UserError("--figures needs a sweep's name: tunelab results SWEEP --figures FOLDER.")
    if sweep is not None:
        result = store.load(store.find_sweep(sweep))
        if figures is not None:
            copy_figures(store, result, figures)
        if as_json:
            print_json(with_trials(result))
        else:
            print_result(result, store)
        return
    rows = [_row(run) for run in store.sweeps()]
    if as_json:
        print_json(rows, indent=2)
    else:
        shown = [{**row, "started": _local(row["started"]), "run_id": row["run_id"][:8]} for row in rows]
        print_table(list(rows[0]) if rows else ["sweep"], [list(row.values()) for row in shown], drop_first=["run_id"])


def copy_figures(store: Store, result: SweepResult, folder: Path) -> None:
    """Copy the winner's figures out of the store; raise ``UserError`` when there are none."""
    if result.best is None or not result.best.run_id:
        raise UserError(f"Sweep '{result.name}' has no winner in the store, hence no figures.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--figures '{folder}' cannot be created: {error.strerror}.") from error
    names = store.copy_files(result.best.run_id, "figures", folder)
    if not names:
        raise UserError(f"The winner of '{result.name}' has no figures in the store.")
    sys.stderr.write(f"Copied {len(names)} files to {folder}; open {folder / 'figures.html'}\n")


def _row(run: Any) -> dict[str, Any]:
    """Return what the list of sweeps says of one."""
    metrics, tags = run.data.metrics, run.data.tags
    return {
        "sweep": tags["tunelab.sweep"],
        "task": tags["tunelab.task"],
        "status": run.info.status.lower(),
        "trials": int(tags.get("tunelab.trials") or metrics.get("trials", 0)),
        "best_val_loss": metrics.get("best_val_loss"),
        "score": tags.get("tunelab.score", ""),
        "started": run.info.start_time / 1000,
        "run_id": run.info.run_id,
    }


def _local(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
