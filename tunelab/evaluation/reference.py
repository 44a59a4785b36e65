"""The task's reference configuration beside the winner, scored in the same way."""

from __future__ import annotations

from dataclasses import replace

from trainables import Predictor, RawSplit, Splits, Task
from trainables.base.kinds.registry import kind_of
from tunelab.evaluation.weights import LeadingWeights
from tunelab.evaluation.winner import Winner, predictor_of
from tunelab.launch.retraining import train_with_weights
from tunelab.records.assessment.baseline import REFERENCE, Baseline
from tunelab.records.result import SweepResult

TOO_COSTLY = "not run: no trial had it, and it would cost as much as they did"


def reference_baseline(
    result: SweepResult, winner: Winner, task: Task, splits: Splits, weights: LeadingWeights, test: RawSplit
) -> tuple[Baseline, ...]:
    """Score the reference configuration: that of trial 0, or trained now when no trial had it (``--set``, a space).

    Args:
        result: The sweep.
        winner: Its winner, scored; when it is the reference itself, its scores are taken.
        task: Gives the reference configuration.
        splits: The task's data.
        weights: Weights of the leading trials.
        test: The opened test split.

    Returns:
        One baseline; none for a task without a reference, or when it has no result.
    """
    if not task.reference or not result.trials:
        return ()
    first = result.trials[0]
    if dict(first.config) != task.space().config(task.reference):
        return _trained_reference(result, winner, task, splits, test)
    if not first.has_result:
        return ()
    if winner.trial.number == first.number and not winner.best.members:
        return (Baseline(REFERENCE, winner.best.validation, winner.best.test),)
    return _scored(predictor_of(first, task, splits, weights), task, splits, test)


def _trained_reference(
    result: SweepResult, winner: Winner, task: Task, splits: Splits, test: RawSplit
) -> tuple[Baseline, ...]:
    if kind_of(task.facts.kind).costly:
        return (Baseline(REFERENCE, {}, {}, TOO_COSTLY),)
    config = task.space().config(task.reference)
    # as a trial of the sweep would have been: on the threads, device and number format of the winner's worker
    trial = replace(result.trials[0], config=config, worker=winner.trial.worker)
    run, state = train_with_weights(trial, task, splits.training)
    if run.error:
        return (Baseline(REFERENCE, {}, {}, f"failed: {run.error.partition(chr(10))[0]}"),)
    return _scored(task.predictor(config, state, splits) if state else None, task, splits, test)


def _scored(predictor: Predictor | None, task: Task, splits: Splits, test: RawSplit) -> tuple[Baseline, ...]:
    if predictor is None:
        return ()
    return (Baseline(REFERENCE, task.scores(predictor, splits.validation), task.scores(predictor, test)),)
