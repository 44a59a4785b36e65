"""Permutation importance of a model's raw columns: what shuffling a column costs, with scikit-learn."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance

from trainables import RawSplit, Task
from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import kind_of
from trainables.base.kinds.rounding import without_rounding
from tunelab.records.assessment.importance import ColumnImportance, Importance

ROWS = 1000  # enough for the figure, few enough for its cost
REPEATS, REPEATS_OF_LARGE = 10, 5  # by the table alone: on a busy machine a figure must come out the same
LARGE_CELLS = 10_000  # of the sample
BUDGET = 3.0  # seconds; rows are cut when several times as much would be needed
MIN_ROWS = 200


class _Model:
    """A predictor where scikit-learn expects an estimator."""

    def fit(self, x: Any, y: Any) -> None:
        raise NotImplementedError("a trained model is only scored here")


def column_importance(task: Task, predictor: Any, split: RawSplit, budget: float = BUDGET) -> Importance | None:
    """Shuffle one raw column after the other; a one-hot group is one column here.

    Args:
        task: Scores the predictor.
        predictor: The trained model.
        split: Held-out raw rows.
        budget: Seconds that it should take, approximately.

    Returns:
        None when the inputs are not a table of several columns. Without columns, but with a note,
        when even few repeats on few rows would take several times the budget.
    """
    if not _has_columns(task, split):
        return None
    score, sign = task.facts.score, -1.0 if task.facts.score_direction == "minimize" else 1.0
    loss = score if sign < 0 else f"1 − {score}"
    unread = [name for name in task.unread if name in split.inputs.columns]

    def scored(_: Any, x: pd.DataFrame, y: np.ndarray) -> float:
        return sign * task.scores(predictor, RawSplit(x.join(kept), y))[score]

    sample, kept = _sample(split, ROWS, unread)
    scored(None, sample.inputs, sample.targets)  # the first call also pays for warming up
    began = time.perf_counter()
    whole = scored(None, sample.inputs, sample.targets)
    seconds = (time.perf_counter() - began) * len(sample.inputs.columns)
    repeats = REPEATS if sample.inputs.size <= LARGE_CELLS else REPEATS_OF_LARGE
    if seconds * repeats > 3 * budget:
        sample, kept = _sample(split, MIN_ROWS, unread)
        expected = seconds * repeats * MIN_ROWS / ROWS
        if expected > 3 * budget:
            note = f"not measured: {repeats} repeats on {MIN_ROWS} rows would take about {expected:.0f} s"
            return Importance(score, loss, 0, 0, (), note)
    found = permutation_importance(
        _Model(), sample.inputs, sample.targets, scoring=scored, n_repeats=repeats, random_state=0
    )
    figures = zip(sample.inputs.columns, found["importances_mean"], found["importances_std"], strict=True)
    columns = [
        ColumnImportance(str(name), without_rounding(float(mean), whole), without_rounding(float(std), whole))
        for name, mean, std in figures
    ]
    columns.sort(key=lambda column: -column.mean)
    return Importance(score, loss, len(sample.targets), repeats, tuple(columns))


def _has_columns(task: Task, split: RawSplit) -> bool:
    """Return True if inputs are a table of several columns, and a target is a value a row."""
    return (
        isinstance(split.inputs, pd.DataFrame)
        and len(split.inputs.columns) > 1
        and len(split.targets) > 1
        and isinstance(kind_of(task.facts.kind), RowKind)
    )


def _sample(split: RawSplit, rows: int, unread: list[str]) -> tuple[RawSplit, pd.DataFrame]:
    """Return some rows, and the columns of theirs that no model reads."""
    chosen = np.arange(len(split.targets))
    if len(split.targets) > rows:
        chosen = np.sort(np.random.default_rng(0).choice(len(split.targets), rows, replace=False))
    inputs = split.inputs.iloc[chosen].reset_index(drop=True)
    return RawSplit(inputs.drop(columns=unread), np.asarray(split.targets)[chosen]), inputs[unread]
