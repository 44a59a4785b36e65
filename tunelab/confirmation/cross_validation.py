"""Cross-validation of the leaders, for tables whose validation split is too small to tell them apart.

The lowest of many losses on a few dozen validation rows is mostly luck. Training and validation rows are dealt into
folds, each leader is trained on all folds but one and judged on that one, and the lowest mean wins. Test rows take no
part. The preprocessing stays the one that was fitted on the sweep's training rows: it does not know the leaders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from trainables import Splits, Task, TrainingData
from tunelab.analysis.confirmation_cost import DEFAULT_MIN_TRIALS, estimated_epochs
from tunelab.confirmation.statistics import mean_interval
from tunelab.launch.retraining import assignment_for, retrain_here
from tunelab.records.assessment.cross_validation import CrossValidation, CrossValidationRow
from tunelab.records.result import SweepResult
from tunelab.records.seeds import derive_seed
from tunelab.records.spec import SweepSpec
from tunelab.records.text import format_interval
from tunelab.records.trial import TrialRecord

MIN_VALIDATION_ROWS = 500  # with as many rows, validation losses decide
FOLDS = 5
MAX_LEADERS = 4
MAX_COST = 1.0  # epochs of the cross-validation, compared with those of the search
DEALT_BY_OPTION = ("group_column", "time_column", "split_column")  # then rows must not be dealt at random


def leaders_to_compare(result: SweepResult, task: Task, splits: Splits) -> list[TrialRecord]:
    """Return the leaders that a cross-validation should compare.

    Args:
        result: The sweep, with trials.
        task: What it learned.
        splits: The task's data.

    Returns:
        Two to four leaders, as many as cost no more epochs than the search. Empty when validation rows are enough,
        in a small sweep, and when rows cannot be dealt into folds.
    """
    if len(result.trials) < DEFAULT_MIN_TRIALS or not needs_folds(result.spec, task, splits):
        return []
    for count in range(min(MAX_LEADERS, len(result.ranked())), 1, -1):
        leaders = result.ranked()[:count]
        if estimated_epochs(leaders, FOLDS) <= MAX_COST * result.epochs:
            return leaders
    return []


def needs_folds(spec: SweepSpec, task: Task, splits: Splits) -> bool:
    """Return True if validation rows are too few to tell leaders apart, and may be dealt into folds."""
    few = len(splits.validation.targets) < MIN_VALIDATION_ROWS
    return few and rows_are_exchangeable(spec, task, splits.training)


def rows_are_exchangeable(spec: SweepSpec, task: Task, data: TrainingData) -> bool:
    """Return True if training and validation rows are a random split of a table, so that they may be dealt again."""
    from trainables import TabularTask
    from trainables.table import Table

    if not isinstance(task, TabularTask) or type(task).split not in (TabularTask.split, Table.split):
        return False
    if any(spec.task_options.get(option) for option in DEALT_BY_OPTION):
        return False
    return {name.rpartition("_")[0] for name in data.arrays if name.endswith("_train")} == {
        name.rpartition("_")[0] for name in data.arrays if name.endswith("_val")
    }


def cross_validate(
    result: SweepResult, task: Task, splits: Splits, leaders: Sequence[TrialRecord], log: Callable[[str], None]
) -> CrossValidation:
    """Compare leaders by cross-validation over training and validation rows, in this process.

    Args:
        result: The sweep.
        task: What it learned.
        splits: The task's data.
        leaders: At least two trials, best validation loss first.
        log: Shows a step to the user.
    """
    rows = len(splits.validation.targets)
    log(f"comparing the best {len(leaders)} trials by {FOLDS}-fold cross-validation: there are {rows} validation rows")
    losses: dict[int, list[float]] = {trial.number: [] for trial in leaders}
    seconds = 0.0
    for fold, data in enumerate(deal_folds(splits.training, derive_seed(result.spec.seed, "folds", 0))):
        seed = derive_seed(result.spec.seed, "fold", fold)
        runs = retrain_here([assignment_for(t, i, seed) for i, t in enumerate(leaders)], task, data)
        seconds += sum(run.train_seconds for run in runs)
        for trial, run in zip(leaders, runs, strict=True):
            losses[trial.number].append(run.val_loss)
    compared = [CrossValidationRow(n, tuple(values), *mean_interval(values)) for n, values in losses.items()]
    compared.sort(key=lambda row: row.mean)
    return CrossValidation(tuple(compared), compared[0].trial, _verdict(compared, leaders[0].number), seconds)


def deal_folds(data: TrainingData, seed: int) -> Iterator[TrainingData]:
    """Deal training and validation rows into folds; yield the data of each fold with that fold as validation rows.

    Rows are dealt in the order of their targets, so that every fold has its part of each class and range.
    """
    names = [name.removesuffix("_train") for name in data.arrays if name.endswith("_train")]
    pooled = {name: np.concatenate([data.arrays[f"{name}_train"], data.arrays[f"{name}_val"]]) for name in names}
    rng = np.random.default_rng(seed)
    target = pooled["y"].reshape(-1)
    order = np.lexsort((rng.random(len(target)), target))
    fold_of = np.empty(len(target), dtype=np.int64)
    fold_of[order] = np.arange(len(target)) % FOLDS
    for fold in range(FOLDS):
        held_out = fold_of == fold
        arrays = {f"{name}_train": values[~held_out] for name, values in pooled.items()}
        arrays |= {f"{name}_val": values[held_out] for name, values in pooled.items()}
        yield replace(data, arrays=arrays)


def _verdict(rows: Sequence[CrossValidationRow], first: int) -> str:
    best = rows[0]
    text = (
        f"By {FOLDS}-fold cross-validation over training and validation rows, trial {best.trial} is the best of "
        f"{len(rows)} leaders ({format_interval(best.mean, best.half_width)})"
    )
    if best.trial == first:
        return f"{text}, as by validation loss."
    other = next(row for row in rows if row.trial == first)
    scored = format_interval(other.mean, other.half_width)
    return f"{text}; by validation loss it would be trial {first}, which has {scored}."
