"""Where a winner is among published results on the same test rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from tunelab.records.result import SweepResult
from tunelab.system.language import tr

WINNER = "this sweep"


@dataclass(frozen=True)
class PublishedRow:
    """A model's test error.

    Attributes:
        model: its name; ``WINNER`` for the sweep's own.
        test_rmse: in the task's unit; of published rows a mean over seeds.
        source: where it was published; empty for the sweep's own.
    """

    model: str
    test_rmse: float
    source: str = ""


def published_place(result: SweepResult) -> tuple[PublishedRow, ...]:
    """Return the published rows with the winner's among them, the lowest error first.

    Empty unless the sweep used the published split (``--split published``) and its winner was scored on it.
    """
    best = result.best
    if result.spec.task_options.get("split") != "published" or best is None or "rmse" not in best.test:
        return ()
    rows = [*published_rows(result.task), PublishedRow(WINNER, best.test["rmse"])]
    return tuple(sorted(rows, key=lambda row: row.test_rmse)) if len(rows) > 1 else ()


def published_rows(task: str) -> list[PublishedRow]:
    """Return the published results of a task, from ``benchmarks/published``; none for a task without."""
    file = files("benchmarks") / "published" / f"{task}.csv"
    if not file.is_file():
        return []
    lines = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return [PublishedRow(line["model"], float(line["test_rmse"]), line["source"]) for line in lines]


def place_sentence(rows: tuple[PublishedRow, ...]) -> str:
    """Return where the winner is, in a sentence; empty without rows."""
    if not rows:
        return ""
    place = next(number for number, row in enumerate(rows, start=1) if row.model == WINNER)
    return tr("On the published split this sweep's winner is number {place} of {count}.", place=place, count=len(rows))
