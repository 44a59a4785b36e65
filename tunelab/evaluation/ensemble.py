"""A winner made of several trials: which of the leading ones are averaged, with what weights, and whether it helps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trainables.base.training.ensemble import EnsemblePredictor
from trainables.base.training.ensemble_selection import held_out_losses, select_greedily
from tunelab.evaluation.candidates import Candidates
from tunelab.records.assessment.cross_validation import CrossValidation
from tunelab.records.best import EnsembleMember

MIN_ROWS = 20  # of the validation split; fewer cannot show whether averaging helps


@dataclass(frozen=True)
class Ensemble:
    """A weighted mean of trials.

    Attributes:
        predictor: The mean of the members' predictions.
        members: The members, the heaviest first.
        val_loss: Loss of the mean on the validation split, in the unit of the trials' own.
    """

    predictor: EnsemblePredictor
    members: tuple[EnsembleMember, ...]
    val_loss: float


def best_ensemble(candidates: Candidates, at_most: int, compared: CrossValidation | None = None) -> Ensemble | None:
    """Choose members and weights by greedy selection on the validation split, or as a cross-validation chose them.

    An ensemble is only made where it helps: weights that are chosen on four fifths of the validation rows must predict
    the other fifth better than the single model that is best on the four fifths, on average over the fifths.

    Args:
        candidates: The leading trials.
        at_most: Maximum number of members.
        compared: Cross-validation of the leaders, where there are too few validation rows.

    Returns:
        None when averaging does not help, or there are too few candidates or rows to tell.
    """
    if compared is not None:
        weight_of = {row.trial: row.weight for row in compared.rows}
        weights = np.array([weight_of.get(trial.number, 0.0) for trial in candidates.trials])
        return _averaged(candidates, weights) if math.isclose(weights.sum(), 1.0) else None
    if len(candidates.trials) < 2 or len(candidates.target) < MIN_ROWS:
        return None
    kind, decoded, target = candidates.kind, candidates.decoded, candidates.target
    held_out, single = held_out_losses(kind, decoded, target, at_most)
    return _averaged(candidates, select_greedily(kind, decoded, target, at_most)[0]) if held_out < single else None


def _averaged(candidates: Candidates, weights: np.ndarray) -> Ensemble | None:
    """Return the mean of the candidates with a weight; None of a single one."""
    chosen = sorted(np.flatnonzero(weights), key=lambda i: (-weights[i], i))
    if len(chosen) < 2:
        return None
    predictor = EnsemblePredictor([candidates.predictors[i] for i in chosen], [float(weights[i]) for i in chosen])
    members = tuple(_member(candidates, int(i), float(weights[i])) for i in chosen)
    val_loss = candidates.kind.decoded_loss(np.tensordot(weights, candidates.decoded, axes=1), candidates.target)
    return Ensemble(predictor, members, val_loss)


def _member(candidates: Candidates, index: int, weight: float) -> EnsembleMember:
    trial = candidates.trials[index]
    return EnsembleMember(
        trial=trial.number,
        weight=weight,
        val_loss=trial.val_loss,
        milliseconds_per_1000_rows=1e6 * candidates.seconds[index] / len(candidates.target),
        bytes=candidates.sizes[index],
    )
