"""``tunelab results``: a sweep's outcome, or the list of sweeps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search_spaces.errors import UserError
from tunelab.cli.json_output import print_json
from tunelab.tracking.open import open_store

if TYPE_CHECKING:
    from tunelab.records.best import Best
    from tunelab.records.result import SweepResult
    from tunelab.tracking.store import Store

TOP = 10
MAX_CLASSES = 20


def command(
    sweep: Annotated[str | None, typer.Argument(help="Name or run id, or its beginning; all sweeps without.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="The store to read.")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy the winner's figures there (PNG and HTML).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a sweep's best trials, scores and baselines; without a name, list the sweeps."""
    from tunelab.cli.tables import print_table

    store = open_store(tracking_uri)
    if figures is not None and sweep is None:
        raise UserError("--figures needs a sweep's name: tunelab results SWEEP --figures FOLDER.")
    if sweep is not None:
        result = store.load(store.find_sweep(sweep))
        if figures is not None:
            copy_figures(store, result, figures)
        if as_json:
            trials = [t.to_json() for t in result.trials]
            print_json({**result.summary(), "records": trials})
        else:
            print_result(result)
        return
    rows = [
        {
            "sweep": run.data.tags["tunelab.sweep"],
            "task": run.data.tags["tunelab.task"],
            "status": run.info.status.lower(),
            "trials": int(run.data.metrics.get("trials", 0)),
            "best_val_loss": run.data.metrics.get("best_val_loss"),
            "run_id": run.info.run_id,
        }
        for run in store.sweeps()
    ]
    if as_json:
        print_json(rows, indent=2)
    else:
        print_table(list(rows[0]) if rows else ["sweep"], [list(row.values()) for row in rows])


def print_result(result: SweepResult) -> None:
    """The outcome for people: best trials, the winner beside baselines, and where to look."""
    from tunelab.analysis.caveats import caveats, test_openings
    from tunelab.analysis.published import place_sentence, published_place
    from tunelab.cli.tables import cell, print_table

    best, counts = result.best, result.counts
    sys.stdout.write(f"{result.facts.title}\n")
    if result.facts.note:
        sys.stdout.write(f"{result.facts.note}\n")
    names = list(dict.fromkeys(name for t in result.ranked()[:TOP] for name in t.params))
    if not result.ranked():
        sys.stdout.write(f"{result.name}: none of {len(result.trials)} trials has a result\n")
    else:
        print_table(
            ["trial", "status", "val_loss", "epochs", *names, "run id"],
            [
                [t.number, t.status.label, t.val_loss, len(t.epochs)]
                + [t.params.get(name) for name in names]
                + [t.run_id[:8]]
                for t in result.ranked()[:TOP]
            ],
            title=f"{result.name}: the best of {len(result.trials)} trials",
        )
    if best is not None and best.test:
        unit = f" ({result.facts.unit})" if result.facts.unit else ""
        scores = list(best.test)
        rows: list[list[object]] = [
            [_winner(best), *[best.validation.get(s) for s in scores], *[best.test[s] for s in scores]]
        ]
        for b in result.baselines:
            rows.append([b.name, *[b.validation.get(s) for s in scores], *[b.test.get(s) for s in scores]])
        header = ["model", *[f"val {s}" for s in scores], *[f"test {s}" for s in scores]]
        print_table(header, rows, title=f"Winner and baselines{unit}; {test_openings(result)}")
        placed = published_place(result)
        if placed:
            places: list[list[object]] = [[row.model, row.test_rmse, row.source] for row in placed]
            print_table(["model", f"test rmse{unit}", "source"], places, title=place_sentence(placed))
    print_evaluation(result)
    lines = [
        f"{counts.finished} finished, {counts.stopped_early} stopped early, {counts.diverged} diverged, "
        f"{counts.failed} failed, {counts.interrupted} interrupted; {result.epochs} epochs, "
        f"{cell(result.train_seconds)} s of training in {cell(result.wall_seconds)} s."
    ]
    errors = [t for t in result.trials if t.error]
    if errors:
        lines.append(f"{len(errors)} trials failed, the first with: {errors[0].error.partition(chr(10))[0]}")
    lines += [f"Left out: {note}." for note in result.evaluation.notes]
    lines += caveats(result)
    if result.stopped:
        lines.append(f"The search ended early: {result.stopped}. `tunelab resume {result.name}` goes on with it.")
    if best is not None and best.version:
        standing = "now the champion" if best.champion else f"registered. {best.not_champion}"
        lines.append(f"Model: models:/tunelab-{result.task}/{best.version}, {standing.rstrip('.')}.")
    if result.parent_run_id:
        lines.append("Look at it: tunelab ui")
    if best is not None and best.test and best.run_id:
        lines.append(f"Its figures: tunelab results {result.name} --figures FOLDER")
    sys.stdout.write("\n".join(lines) + "\n")


def print_evaluation(result: SweepResult) -> None:
    """What the winner uses (permutation importance), how it does by class, and which classes it takes for which."""
    from tunelab.cli.tables import print_table

    importance, tables = result.evaluation.importance, result.evaluation.classification
    if importance is not None:
        print_table(
            ["column", f"increase of {importance.loss}", "± std"],
            [[c.name, c.mean, c.std] for c in importance.columns[:TOP]],
            title=f"What the winner uses: each column shuffled {importance.repeats} times, "
            f"{importance.rows:,} test rows",
        )
    if tables is not None:
        classes = tables.classes
        shown = classes if len(classes) <= MAX_CLASSES else sorted(classes, key=lambda c: c.f1)[:MAX_CLASSES]
        rest = "" if len(shown) == len(classes) else f", the {len(shown)} worst of {len(classes)}"
        print_table(
            ["class", "precision", "recall", "F1", "test rows"],
            [[c.name, c.precision, c.recall, c.f1, c.rows] for c in shown],
            title=f"By class{rest}; expected calibration error {tables.calibration_error:.3f}",
        )
    if tables is not None and tables.confusion and len(tables.classes) <= MAX_CLASSES:
        names = [c.name for c in tables.classes]
        print_table(
            ["true", *names],
            [[name, *counts] for name, counts in zip(names, tables.confusion, strict=True)],
            title="Confusion matrix: test rows of each class by what the winner takes them for",
        )


def copy_figures(store: Store, result: SweepResult, folder: Path) -> None:
    """Copies the winner's figures out of the store; raises ``UserError`` when there are none."""
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


def _winner(best: Best) -> str:
    if best.members:
        return f"winner, mean of trials {', '.join(map(str, best.members))}"
    return f"winner, trial {best.trial}"
