"""A winner made of several trials: which of the leading ones are averaged, and with what weights."""

from __future__ import annotations

from dataclasses import dataclass

from trainables import Predictor, Splits, Task
from tunelab.evaluation.weights import LeadingWeights
from tunelab.records.trial import TrialRecord

CANDIDATES = 4  # leading trials looked at, for each member wanted: unlike members help more than the next best


@dataclass(frozen=True)
class Ensemble:
    """An average of trials.

    Attributes:
        predictor: weighted mean of the members.
        members: trial numbers, the heaviest first.
        weights: of the members, sum 1.
        val_loss: of the mean, on the validation split, in the unit of the trials' own.
    """

    predictor: Predictor
    members: tuple[int, ...]
    weights: tuple[float, ...]
    val_loss: float


def kept_trials(size: int) -> int:
    """How many leading trials' weights a sweep must keep for an ensemble of this size."""
    return CANDIDATES * size


def best_ensemble(
    ranked: list[TrialRecord], task: Task, splits: Splits, weights: LeadingWeights, size: int
) -> Ensemble | None:
    """Chooses members and weights by greedy selection on the validation split; the test split is not looked at.

    Args:
        ranked: trials with a result, best first.
        task, splits: what was learned.
        weights: of the leading trials.
        size: the most members.

    Returns:
        None when no mean is better than the best trial alone.
    """
    from trainables.base.training.ensemble import EnsemblePredictor, greedy_weights

    candidates = []
    for trial in ranked[: kept_trials(size)]:
        state = weights.load(trial, task, splits.training)
        predictor = task.predictor(trial.config, state, splits) if state else None
        if predictor is not None:
            candidates.append((trial.number, predictor))
    if len(candidates) < 2:
        return None
    shares, val_loss = greedy_weights([predictor for _, predictor in candidates], splits.validation, size)
    chosen = sorted(
        ((share, number, predictor) for share, (number, predictor) in zip(shares, candidates, strict=True) if share),
        key=lambda entry: -entry[0],
    )
    if len(chosen) < 2:
        return None
    return Ensemble(
        EnsemblePredictor([predictor for *_, predictor in chosen], [share for share, *_ in chosen]),
        tuple(number for _, number, _ in chosen),
        tuple(share for share, *_ in chosen),
        val_loss,
    )
