"""The loss to expect of the winner on new rows: its validation loss, corrected for having been chosen by it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from trainables import RawSplit, Splits, Task
from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import row_kind
from trainables.base.training.compute import Compute
from tunelab.confirmation.cross_validation import DEALT_BY_OPTION
from tunelab.confirmation.row_losses import block_losses, row_losses
from tunelab.evaluation.candidates import Candidates
from tunelab.evaluation.optimism import (
    WINDOW,
    Chosen,
    Estimate,
    Selection,
    Unseen,
    chosen_optimism,
    row_noise,
    single_optimism,
)
from tunelab.evaluation.winner import Winner
from tunelab.records.assessment.optimism import Optimism
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord

MIN_ROWS = 10  # of the validation split, or blocks of rows; fewer say nothing about their own spread
CURVES = 1  # leaders that are trained again for the row losses of every epoch
MAX_CURVE_EPOCHS = 100  # longer runs would take too long again
CURVE_EPOCHS = 20  # lowest losses of a trial: other epochs are hardly ever the best on rows drawn again
MAX_CURVE_ROWS = 2_000  # with more validation rows, the choice of the epoch adds next to nothing


def expected_loss(
    result: SweepResult,
    winner: Winner,
    candidates: Candidates | None,
    task: Task,
    splits: Splits,
    test: RawSplit,
    test_outputs: np.ndarray | None,
) -> Optimism | None:
    """Estimate the winner's loss on new rows from the row losses of the leading trials.

    Args:
        result: The sweep.
        winner: Its winner.
        candidates: The leading trials.
        task: What was learned.
        splits: The task's data.
        test: The opened test split; its losses are reported beside the estimate and never used for it.
        test_outputs: The winner's raw outputs for the test rows; None where there are none.

    Returns:
        None where losses of rows are not known, or where a group or a time column decided the split: then test rows
        differ from validation rows by more than chance; and where there are too few rows, see ``too_few``.
    """
    dealt = any(result.spec.task_options.get(option) for option in DEALT_BY_OPTION)
    if candidates is None or dealt:
        return None
    blocks, new_blocks = task.blocks(splits.validation), task.blocks(test)
    losses = block_losses(candidates.row_losses, blocks)
    if losses.shape[1] < MIN_ROWS:
        return None
    read = getattr(winner.predictor, "outputs", None)
    if read is None:
        return None
    new_rows = len(test.targets) if new_blocks is None else len(np.unique(new_blocks))
    outputs, curves = np.asarray(read(splits.validation.inputs)), {}
    unseen = _unseen(candidates.kind, outputs, losses)
    if _has_lowest_loss(winner, candidates):
        curves = _curves(candidates, task, splits)
        selection = Selection(losses, _other_losses(result, candidates), curves)
        estimate = single_optimism(selection, unseen, new_rows, result.spec.seed)
    else:
        own = block_losses(candidates.kind.row_losses(outputs, candidates.target), blocks)
        observed = np.array([trial.val_loss for trial in result.ranked()])
        chosen = _chosen(winner, own)
        estimate = chosen_optimism(chosen, observed, row_noise(losses), unseen, new_rows, result.spec.seed)
    test_loss = _test_loss(task, splits, test, test_outputs)
    found = _record(result, winner, candidates, estimate, len(curves), len(test.targets), test_loss)
    return found if new_blocks is None else replace(found, blocks=new_rows)


def _has_lowest_loss(winner: Winner, candidates: Candidates) -> bool:
    """Return True if the winner is a single trial, chosen by its validation loss alone."""
    best = winner.best
    return not best.members and best.seed is None and winner.trial.number == candidates.trials[0].number


def _other_losses(result: SweepResult, candidates: Candidates) -> list[float]:
    """Return the validation losses of trials that are not candidates: losses of their rows are not known."""
    known = {trial.number for trial in candidates.trials}
    return [trial.val_loss for trial in result.ranked() if trial.number not in known]


def _chosen(winner: Winner, own: np.ndarray) -> Chosen:
    """Return a winner that is an ensemble, or that fresh seeds or folds chose, with its loss of each row."""
    costs = winner.best.costs
    return Chosen(own, [c.val_loss for c in costs] or [float(own.mean())], [c.weight for c in costs] or [1.0])


def too_few(task: Task, splits: Splits) -> str:
    """Return why no loss is to be expected of few validation rows or blocks of them, a phrase; nothing where it is."""
    blocks = task.blocks(splits.validation)
    if blocks is not None and len(np.unique(blocks)) < MIN_ROWS:
        return (
            f"the loss to expect on new rows, for which the validation split has {len(np.unique(blocks))} blocks of "
            f"consecutive moments and needs {MIN_ROWS} (a shorter horizon or more of the past gives more)"
        )
    rows = len(splits.validation.targets)
    if rows < MIN_ROWS:
        return f"the loss to expect on new rows, for which the validation split has {rows} rows and needs {MIN_ROWS}"
    return ""


def _unseen(kind: RowKind, outputs: np.ndarray, losses: np.ndarray) -> Unseen:
    """Return what rows of a sort may cost that the validation split lacks."""
    contradicted = kind.contradicted_losses(outputs)
    if contradicted is not None:  # n rows bear out odds of about 2 (n + 1) to 1, however sure a model is
        most = max(float(losses.max()), math.log(2 * (losses.shape[1] + 1)))
        return Unseen(np.minimum(contradicted, most), True)
    means = losses.mean(axis=1)
    leading = losses[means <= means.min() + WINDOW * row_noise(losses)]
    return Unseen(np.array([leading.max()]), False)


def _record(
    result: SweepResult,
    winner: Winner,
    candidates: Candidates,
    estimate: Estimate,
    curves: int,
    test_rows: int,
    test_loss: float | None,
) -> Optimism:
    loss = winner.best.val_loss
    return Optimism(
        val_loss=loss,
        expected=loss + estimate.bias,
        low=max(0.0, loss + estimate.low),  # squared errors and cross entropies are not negative
        high=loss + estimate.high,
        test_rows=test_rows,
        test_loss=test_loss,
        trials=len(result.ranked()),
        candidates=len(candidates.trials),
        curves=curves,
        draws=estimate.draws,
    )


def _test_loss(task: Task, splits: Splits, test: RawSplit, outputs: np.ndarray | None) -> float | None:
    if outputs is None:
        return None
    kind = row_kind(task.facts.kind)
    target = kind.encode_target(np.asarray(test.targets), splits.training.facts)
    return float(kind.row_losses(outputs, target).mean())


def _curves(candidates: Candidates, task: Task, splits: Splits) -> dict[int, np.ndarray]:
    if len(candidates.target) > MAX_CURVE_ROWS:
        return {}
    short = [i for i, t in enumerate(candidates.trials[:CURVES]) if len(t.epochs) <= MAX_CURVE_EPOCHS]
    found = {i: epoch_losses(candidates.trials[i], task, splits) for i in short}
    return {i: losses for i, losses in found.items() if losses is not None}


def epoch_losses(trial: TrialRecord, task: Task, splits: Splits) -> np.ndarray | None:
    """Train a trial again as it was trained; return the loss of each validation row at its best epochs (epochs, rows).

    None when the task yields no weights.
    """
    compute, found = Compute.from_worker(trial.worker).here(), []
    leading = {e.epoch for e in sorted(trial.epochs, key=lambda e: (e.val_loss, e.epoch))[:CURVE_EPOCHS]}
    with compute.active():
        reports = task.fit(
            trial.config, splits.training, trial.seed, max_epochs=trial.max_epochs, device=compute.device
        )
        for report in reports:
            if report.weights is None:
                return None
            if report.epoch not in leading:
                continue
            state = {name: value.detach().to("cpu", copy=True) for name, value in report.weights.items()}
            losses = row_losses(task, task.predictor(trial.config, state, splits), splits)
            if losses is not None and np.isfinite(losses).all():
                found.append(losses)
            if report.epoch >= max(leading):
                break
    return np.stack(found) if found else None
