"""Permutation importance of a model's raw columns: what shuffling a column costs, as scikit-learn measures it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

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
SEED = 209_652_396  # which scikit-learn's permutation_importance draws from its random_state=0


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

    def scored(frames: Sequence[pd.DataFrame]) -> list[float]:
        parts = [RawSplit(frame.join(kept), sample.targets) for frame in frames]
        return [sign * scores[score] for scores in _scores(task, predictor, parts)]

    sample, kept = _sample(split, ROWS, unread)
    scored([sample.inputs])  # the first call also pays for warming up
    began = time.perf_counter()
    (whole,) = scored([sample.inputs])
    seconds = (time.perf_counter() - began) * len(sample.inputs.columns)
    repeats = REPEATS if sample.inputs.size <= LARGE_CELLS else REPEATS_OF_LARGE
    if seconds * repeats > 3 * budget:
        sample, kept = _sample(split, MIN_ROWS, unread)
        expected = seconds * repeats * MIN_ROWS / ROWS
        if expected > 3 * budget:
            note = f"not measured: {repeats} repeats on {MIN_ROWS} rows would take about {expected:.0f} s"
            return Importance(score, loss, 0, 0, (), note)
    (whole,) = scored([sample.inputs])  # of the rows that are left
    columns = []
    for name in sample.inputs.columns:
        lost = whole - np.array(scored(_shuffled(sample.inputs, name, repeats)))
        mean, std = float(lost.mean()), float(lost.std())
        columns.append(ColumnImportance(str(name), without_rounding(mean, whole), without_rounding(std, whole)))
    columns.sort(key=lambda column: -column.mean)
    return Importance(score, loss, len(sample.targets), repeats, tuple(columns))


def _shuffled(frame: pd.DataFrame, name: Any, repeats: int) -> list[pd.DataFrame]:
    """Return copies of a table with one column shuffled, each from the one before, as scikit-learn's function does."""
    draw, order, column = np.random.RandomState(SEED), np.arange(len(frame)), frame[name]
    copies = []
    for _ in range(repeats):
        draw.shuffle(order)
        copy = frame.copy(deep=False)
        copy[name] = column = column.iloc[order].set_axis(frame.index)
        copies.append(copy)
    return copies


def _scores(task: Task, predictor: Any, parts: Sequence[RawSplit]) -> list[dict[str, float]]:
    """Return the scores of each part, with one call of the predictor where a task scores its outputs row by row."""
    if type(task).scores is not Task.scores or not hasattr(predictor, "outputs"):
        return [task.scores(predictor, part) for part in parts]
    outputs = predictor.outputs(pd.concat([part.inputs for part in parts], ignore_index=True))
    facts = getattr(predictor, "facts", {})
    each = np.split(np.asarray(outputs), len(parts))
    return [task.output_scores(own, part, facts) for own, part in zip(each, parts, strict=True)]


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
