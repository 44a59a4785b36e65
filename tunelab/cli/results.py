"""``tunelab results``: a sweep's outcome, or the list of sweeps."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search_spaces.errors import UserError
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.cli.output.json_output import finite, print_json
from tunelab.cli.output.say import note
from tunelab.display.live_table import STYLES
from tunelab.records.trial import TrialStatus
from tunelab.search.journal import is_running
from tunelab.setup.folders import sweep_folder
from tunelab.setup.resume import newest_sweeps
from tunelab.system.language import tr, tr_term
from tunelab.tracking.open import open_store, wanted_uri
from tunelab.tracking.uri import home_of

if TYPE_CHECKING:
    from mlflow.entities import Run

    from tunelab.records.result import SweepResult
    from tunelab.tracking.store import Store

STATUS = {  # whose colours the words in the list have
    "running": TrialStatus.RUNNING,
    "finished": TrialStatus.FINISHED,
    "interrupted": TrialStatus.INTERRUPTED,
    "failed": TrialStatus.FAILED,
}
STATUS_WORDS = {"KILLED": "interrupted"}  # MLflow's statuses that say something else here


def command(
    sweep: Annotated[
        str | None,
        typer.Argument(help="Name, run id, its beginning; @latest; else all.", autocompletion=complete_sweep),
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="The store to read.")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy the winner's figures there (PNG and HTML).")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write metrics.json, trials.csv and winner.csv there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a sweep's best trials, scores and baselines; without a name, list the sweeps."""
    from tunelab.cli.output.outcome import print_result, with_trials
    from tunelab.cli.output.tables import print_table

    store = _existing_store(tracking_uri)
    for option, folder in (("--figures", figures), ("--export", export)):
        if folder is not None and sweep is None:
            raise UserError(f"{option} needs a sweep's name: tunelab results SWEEP {option} FOLDER.")
    if sweep is not None:
        result = store.load(store.find_sweep(sweep))
        if export is not None:
            write_export(result, export)
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
        shown = [
            {
                **row,
                "status": tr_term(row["status"]),
                "started": _local(row["started"]),
                "run_id": row["run_id"][:8],
            }
            for row in rows
        ]
        header = [tr_term(name.replace("_", " ")) for name in rows[0]] if rows else [tr("sweep")]
        print_table(
            header,
            [list(row.values()) for row in shown],
            # a name that is too long for the window was derived from the task's
            drop_first=[tr("run id"), tr("started"), tr("trials"), tr("metric"), tr("task")],
            styles={tr_term(word): STYLES[status] for word, status in STATUS.items()},
        )


def _existing_store(tracking_uri: str | None) -> Store:
    """Open the store; where there is none yet, say that a sweep runs whose trials will be in it."""
    try:
        return open_store(tracking_uri)
    except UserError:
        home = home_of(wanted_uri(tracking_uri))
        running = [name for name in newest_sweeps(home) if is_running(sweep_folder(home, name))]
        if not running:
            raise
        raise UserError(
            f"Sweep '{running[0]}' is running and has no results yet. `tunelab watch {running[0]}` shows its trials."
        ) from None


def write_export(result: SweepResult, folder: Path) -> None:
    """Write a result as small files for other tools, such as DVC.

    Args:
        result: The sweep.
        folder: Gets ``metrics.json`` (the metrics of its MLflow run), ``trials.csv`` (a row a trial) and, when it has a
            winner, ``winner.csv`` (the winner's epochs; those of the heaviest member of an ensemble).
    """
    import pandas as pd

    from tunelab.interactive.result import InteractiveResult
    from tunelab.tracking.metrics import sweep_metrics

    make_folder("--export", folder)
    metrics = json.dumps(finite(sweep_metrics(result)), indent=2, sort_keys=True)
    (folder / "metrics.json").write_text(f"{metrics}\n", encoding="utf-8")
    InteractiveResult.from_result(result).to_pandas().to_csv(folder / "trials.csv")
    if result.best is not None:
        winner = next(trial for trial in result.trials if trial.number == result.best.trial)
        rows = [{"epoch": epoch.epoch, "val_loss": epoch.val_loss, **epoch.metrics} for epoch in winner.epochs]
        pd.DataFrame(rows).to_csv(folder / "winner.csv", index=False)
    note(f"Wrote metrics.json and tables to {folder}")


def make_folder(option: str, folder: Path) -> None:
    """Create the folder that an option names; raise ``UserError`` when it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{option} '{folder}' cannot be created: {error.strerror}.") from error


def copy_figures(store: Store, result: SweepResult, folder: Path) -> None:
    """Copy the winner's figures out of the store; raise ``UserError`` when there are none."""
    if result.best is None or not result.best.run_id:
        raise UserError(f"Sweep '{result.name}' has no winner in the store, hence no figures.")
    make_folder("--figures", folder)
    names = store.copy_files(result.best.run_id, "figures", folder)
    if not names:
        raise UserError(f"The winner of '{result.name}' has no figures in the store.")
    note(f"Files copied to {folder}: {len(names)}; open {folder / 'figures.html'}")


def _row(run: Run) -> dict[str, Any]:
    """Return what the list of sweeps says of one."""
    from tunelab.tracking.connection import measure_of  # loads MLflow

    metrics, tags, measure = run.data.metrics, run.data.tags, measure_of(run)
    return {
        "sweep": tags["tunelab.sweep"],
        "task": tags["tunelab.task"],
        "status": STATUS_WORDS.get(run.info.status, run.info.status.lower()),
        "trials": int(tags.get("tunelab.trials") or metrics.get("trials", 0)),
        "metric": measure.name,
        "best": metrics.get(measure.best_name),
        "score": tags.get("tunelab.score", ""),
        "started": run.info.start_time / 1000,
        "run_id": run.info.run_id,
    }


def _local(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
