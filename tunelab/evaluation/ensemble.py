"""A winner made of several trials: which of the leading ones are averaged, with what weights, and whether it helps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.base.training.ensemble import EnsemblePredictor, select_greedily
from tunelab.evaluation.candidates import Candidates
from tunelab.records.best import EnsembleMember

FOLDS = 5  # of the validation rows, to see whether averaging helps
MIN_ROWS = 4 * FOLDS  # fewer cannot show it


@dataclass(frozen=True)
class Ensemble:
    """A weighted mean of trials.

    Attributes:
        predictor: The mean of the members' predictions.
        members: The members, the heaviest first.
        val_loss: Loss of the mean on the validation split, in the unit of the trials' own.
        held_out_loss: The same with weights chosen on other validation rows than those they are judged on.
        single_loss: Loss of the best single candidate, likewise chosen on other rows.
    """

    predictor: EnsemblePredictor
    members: tuple[EnsembleMember, ...]
    val_loss: float
    held_out_loss: float
    single_loss: float


def best_ensemble(candidates: Candidates, at_most: int) -> Ensemble | None:
    """Choose members and weights by greedy selection on the validation split.

    An ensemble is only made where it helps: weights that are chosen on four fifths of the validation rows must predict
    the other fifth better than the single model that is best on the four fifths, on average over the fifths.

    Args:
        candidates: The leading trials.
        at_most: Maximum number of members.

    Returns:
        None when averaging does not help, or there are too few candidates or rows to tell.
    """
    if len(candidates.trials) < 2 or len(candidates.target) < MIN_ROWS:
        return None
    held_out, single = held_out_losses(candidates, at_most)
    if held_out >= single:
        return None
    weights, val_loss = select_greedily(candidates.kind, candidates.decoded, candidates.target, at_most)
    chosen = sorted(np.flatnonzero(weights), key=lambda i: (-weights[i], i))
    if len(chosen) < 2:
        return None
    predictor = EnsemblePredictor([candidates.predictors[i] for i in chosen], [float(weights[i]) for i in chosen])
    members = tuple(_member(candidates, int(i), float(weights[i])) for i in chosen)
    return Ensemble(predictor, members, val_loss, held_out, single)


def held_out_losses(candidates: Candidates, at_most: int) -> tuple[float, float]:
    """Return the loss of an ensemble and of a single model on validation rows that they were not chosen on."""
    kind, decoded, target = candidates.kind, candidates.decoded, candidates.target
    fold_of = np.random.default_rng(0).permutation(len(target)) % FOLDS
    ensemble = single = 0.0
    for fold in range(FOLDS):
        judged, chosen_on = fold_of == fold, fold_of != fold
        weights, _ = select_greedily(kind, decoded[:, chosen_on], target[chosen_on], at_most)
        losses = [kind.decoded_loss(one[chosen_on], target[chosen_on]) for one in decoded]
        part = np.mean(judged)
        ensemble += part * kind.decoded_loss(np.tensordot(weights, decoded[:, judged], axes=1), target[judged])
        single += part * kind.decoded_loss(decoded[int(np.argmin(losses))][judged], target[judged])
    return float(ensemble), float(single)


def _member(candidates: Candidates, index: int, weight: float) -> EnsembleMember:
    trial = candidates.trials[index]
    return EnsembleMember(
        trial=trial.number,
        weight=weight,
        val_loss=trial.val_loss,
        milliseconds_per_1000_rows=1e6 * candidates.seconds[index] / len(candidates.target),
        bytes=candidates.sizes[index],
    )
