"""The winner's model: that of the chosen trial, of its whole run, or the mean of several trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from trainables import Predictor, Splits, Task
from trainables.base.worker.assignment import HAS_WEIGHTS
from tunelab.confirmation.confirm import choose_winner, median_run
from tunelab.evaluation.candidates import Candidates
from tunelab.evaluation.ensemble import best_ensemble
from tunelab.evaluation.weights import LeadingWeights
from tunelab.launch.retraining import train_with_weights
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.records.trial import TrialRecord, TrialStatus


@dataclass(frozen=True)
class Winner:
    """The winner of a sweep and its model.

    Attributes:
        trial: The chosen trial with the curve of the run that gave the model; the heaviest member of an ensemble.
        predictor: The model; None for a task that cannot predict.
        best: The winner's record, before it is scored.
    """

    trial: TrialRecord
    predictor: Predictor | None
    best: Best


def make_winner(
    result: SweepResult,
    task: Task,
    splits: Splits,
    weights: LeadingWeights,
    candidates: Candidates | None,
    log: Callable[[str], None],
) -> Winner:
    """Choose the winner and load or train its model; the test split is not opened.

    Args:
        result: The sweep, with a trial that has a result.
        task: What it learned.
        splits: The task's data.
        weights: Weights of the leading trials.
        candidates: What an ensemble may be made of; a single trial wins when None.
        log: Shows a step to the user.
    """
    if candidates is not None and result.spec.ensemble > 1:
        ensemble = best_ensemble(candidates, result.spec.ensemble, result.cross_validation)
        if ensemble is not None:
            members = tuple(member.trial for member in ensemble.members)
            heaviest = next(t for t in result.trials if t.number == members[0])
            shown = ", ".join(f"{member.trial} ({format_number(member.weight, 2)})" for member in ensemble.members)
            averaged = ensemble.predictor
            averaged.facts = {**averaged.facts, **task.calibration(averaged, splits)}
            log(f"the winner averages trials (weight): {shown}")
            best = replace(
                Best.from_trial(heaviest), val_loss=ensemble.val_loss, members=members, costs=ensemble.members
            )
            return Winner(heaviest, averaged, best)
    return _single_winner(result, task, splits, weights, log)


def predictor_of(trial: TrialRecord, task: Task, splits: Splits, weights: LeadingWeights) -> Predictor | None:
    """Return a trial's model at its best epoch; None for a task that cannot predict."""
    state = weights.load(trial, task, splits.training)
    return task.predictor(trial.config, state, splits) if state else None


def _single_winner(
    result: SweepResult, task: Task, splits: Splits, weights: LeadingWeights, log: Callable[[str], None]
) -> Winner:
    """Return the chosen trial with its model.

    A confirmation judges whole runs. Of a winner that the search had stopped, the run of median loss is trained again.
    """
    chosen = choose_winner(result)
    has_model = bool(chosen.worker.get(HAS_WEIGHTS, True))
    if result.confirmation is not None and chosen.status is TrialStatus.STOPPED and has_model:
        log(f"training trial {chosen.number}, which the search had stopped, to its end")
        run = median_run(result)
        repeated = chosen if run is None else replace(chosen, seed=run[0])
        whole, state = train_with_weights(repeated, task, splits.training)
        if state:
            best = replace(Best.from_trial(whole), seed=whole.seed)
            return Winner(whole, task.predictor(chosen.config, state, splits), best)
    return Winner(chosen, predictor_of(chosen, task, splits, weights), Best.from_trial(chosen))
