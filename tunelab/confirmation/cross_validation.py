"""Cross-validation of the leaders, for tables whose validation split is too small to tell them apart.

The lowest of many losses on a few dozen validation rows is mostly luck. Training and validation rows are dealt into
folds, each leader is trained on all folds but one and judged on that one, and the lowest mean wins, or a weighted mean
of the leaders whose weights are chosen on what they predict for these rows: five times as many as the validation split
has. Test rows take no part. The preprocessing stays the one that was fitted on the sweep's training rows: it does not
know the leaders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

import numpy as np

from trainables import Splits, Task, TrainingData
from trainables.base.kinds.registry import row_kind
from trainables.base.worker.assignment import weights_path
from trainables.base.worker.storage import Storage
from tunelab.analysis.confirmation_cost import (
    DEFAULT_MIN_TRIALS,
    estimated_epochs,
    search_seconds,
    training_seconds,
)
from tunelab.confirmation.statistics import mean_interval
from tunelab.launch.retraining import assignment_for, retrain_here
from tunelab.records.assessment.cross_validation import CrossValidation, CrossValidationRow
from tunelab.records.result import SweepResult
from tunelab.records.seeds import derive_seed
from tunelab.records.spec import SweepSpec
from tunelab.records.text import format_interval, format_number
from tunelab.records.trial import TrialRecord

MIN_VALIDATION_ROWS = 500  # with as many rows, validation losses decide
FOLDS = 5
MAX_LEADERS = 8
MAX_COST = 0.5  # seconds of the cross-validation, compared with those of the search; epochs in deterministic mode
DEALT_BY_OPTION = ("group_column", "time_column", "split_column")  # then rows must not be dealt at random


def leaders_to_compare(result: SweepResult, task: Task, splits: Splits) -> list[TrialRecord]:
    """Return the leaders that a cross-validation should compare.

    Args:
        result: The sweep, with trials.
        task: What it learned.
        splits: The task's data.

    Returns:
        Two to eight leaders, as many as cost half the time of the search, best validation loss first: the best of
        each family of models, then the best of all. Empty when validation rows are enough, in a small sweep, and when
        rows cannot be dealt into folds.
    """
    if len(result.trials) < DEFAULT_MIN_TRIALS or not needs_folds(result.spec, task, splits):
        return []
    ranked = result.ranked()
    best = set({trial.config.get("family"): trial.number for trial in reversed(ranked)}.values())
    ordered = sorted(ranked, key=lambda trial: trial.number not in best)  # a stable sort
    for count in range(min(MAX_LEADERS, len(ranked)), 1, -1):
        leaders = ordered[:count]
        if _cost(result, leaders) <= MAX_COST:
            return sorted(leaders, key=ranked.index)
    return []


def _cost(result: SweepResult, leaders: Sequence[TrialRecord]) -> float:
    """Return what a cross-validation of these leaders would cost, in parts of the search.

    In deterministic mode it is counted in epochs, which do not depend on the machine.
    """
    if result.spec.deterministic:
        return estimated_epochs(leaders, FOLDS) / max(1, result.epochs)
    return training_seconds(leaders, FOLDS) / max(1e-9, search_seconds(result))


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
    folds = list(deal_folds(splits.training, derive_seed(result.spec.seed, "folds", 0)))
    runs = [_run_fold(result, task, splits, leaders, fold, data) for fold, data in enumerate(folds)]
    averaged = _average(runs, task, folds, result.spec.ensemble)
    compared = []
    for place, trial in enumerate(leaders):
        losses = tuple(run.losses[place] for run in runs)
        weight = 0.0 if averaged is None else averaged.weights[place]
        compared.append(CrossValidationRow(trial.number, losses, *mean_interval(losses), weight))
    compared.sort(key=lambda row: row.mean)
    verdict = _verdict(compared, leaders[0].number) + ("" if averaged is None else f" {averaged.verdict}")
    return CrossValidation(tuple(compared), compared[0].trial, verdict, sum(run.seconds for run in runs))


@dataclass(frozen=True)
class _FoldRun:
    """The leaders, trained on all folds but one.

    Attributes:
        losses: Of each leader on that fold.
        decoded: (leaders, rows, outputs) what they predict for it; None where a model gives no outputs for each row.
        seconds: Of training.
    """

    losses: tuple[float, ...]
    decoded: np.ndarray | None
    seconds: float


def _run_fold(
    result: SweepResult, task: Task, splits: Splits, leaders: Sequence[TrialRecord], fold: int, data: TrainingData
) -> _FoldRun:
    seed = derive_seed(result.spec.seed, "fold", fold)
    with TemporaryDirectory() as folder:
        runs = retrain_here([assignment_for(t, i, seed, folder) for i, t in enumerate(leaders)], task, data)
        decoded = [_decoded(run, task, splits, data, Storage(folder)) for run in runs]
    known = [one for one in decoded if one is not None]
    joined = np.stack(known) if len(known) == len(leaders) else None
    return _FoldRun(tuple(run.val_loss for run in runs), joined, sum(run.train_seconds for run in runs))


def _decoded(run: TrialRecord, task: Task, splits: Splits, data: TrainingData, storage: Storage) -> np.ndarray | None:
    """Return what a run's best epoch predicts for the rows of its fold, (rows, outputs); None without a model."""
    from safetensors.torch import load  # torch loads only now: training begins without it

    from trainables.base.tables.inputs import TableInputs
    from trainables.base.training.ensemble import is_member

    try:
        weights = load(storage.read(weights_path(run.number)))
    except FileNotFoundError:  # the run failed, or the task yields none
        return None
    predictor = task.predictor(run.config, weights, splits)
    if predictor is None or not is_member(predictor):
        return None
    outputs = predictor.encoded_outputs(TableInputs.from_arrays(data.arrays, "val"))
    return row_kind(task.facts.kind).decode(np.asarray(outputs))


@dataclass(frozen=True)
class _Average:
    """A weighted mean of the leaders that predicts other rows better than the best of them.

    Attributes:
        weights: Of each leader.
        verdict: One sentence.
    """

    weights: tuple[float, ...]
    verdict: str


def _average(runs: Sequence[_FoldRun], task: Task, folds: Sequence[TrainingData], at_most: int) -> _Average | None:
    """Choose weights of the leaders on all folds; None where a single leader is as good on rows not chosen on."""
    from trainables.base.training.ensemble_selection import held_out_losses, select_greedily

    known = [run.decoded for run in runs if run.decoded is not None]
    if at_most < 2 or len(known) < len(runs):
        return None
    kind, decoded = row_kind(task.facts.kind), np.concatenate(known, axis=1)
    target = np.concatenate([fold.arrays["y_val"].reshape(-1) for fold in folds])
    held_out, single = held_out_losses(kind, decoded, target, at_most)
    weights, _ = select_greedily(kind, decoded, target, at_most)
    if held_out >= single or np.count_nonzero(weights) < 2:
        return None
    return _Average(
        tuple(map(float, weights)),
        f"A weighted mean of {np.count_nonzero(weights)} leaders wins: on rows that its weights were not chosen on it "
        f"has {format_number(held_out)}, the best single leader {format_number(single)}.",
    )


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
