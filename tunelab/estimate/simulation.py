"""Epochs that a search will train and what they cost, from simulated searches."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tunelab.search.asha import Rungs

SIMULATIONS = 200
SIMULATED_TRIALS = 100_000  # in all simulations: the more trials a sweep has, the less its epochs depend on chance


@dataclass(frozen=True)
class Spread:
    """What simulated searches spend: their mean, and the bounds between which eight of ten lie."""

    mean: float
    low: float
    high: float

    @classmethod
    def from_values(cls, found: Sequence[float]) -> Spread:
        """Summarise simulated searches, at least two."""
        low, *_, high = statistics.quantiles(found, n=10, method="inclusive")
        return cls(statistics.fmean(found), low, high)

    def cut(self, fraction: float) -> Spread:
        """Return the same of a part of the search, ``fraction`` of the whole."""
        return Spread(self.mean * fraction, self.low * fraction, self.high * fraction)


@dataclass(frozen=True)
class ExpectedTraining:
    """What a search is expected to train.

    Attributes:
        epochs: Over all trials.
        seconds: Training time, summed over trials.
    """

    epochs: Spread
    seconds: Spread


def expected_training(
    trials: int, lengths: Sequence[int], rungs: Rungs, costs: Sequence[float], simulations: int = SIMULATIONS
) -> ExpectedTraining:
    """Estimate what a sweep trains whose trials keep their order at all rungs, from simulations with random orders.

    Args:
        trials: Number of trials.
        lengths: Epochs of the first trials where no other stops them. Later trials take as many in turn.
        rungs: Its levels, its reduction factor and the trials that are never stopped; left as they are.
        costs: Seconds of an epoch of the first trials. Later trials cost the same in turn, as families of models take
            turns.
        simulations: Maximum number of simulated searches.
    """
    rng = random.Random(0)
    found = [
        _simulate([rng.random() for _ in range(trials)], lengths, rungs, costs)
        for _ in range(max(2, min(simulations, SIMULATED_TRIALS // trials)))
    ]
    epochs, seconds = zip(*found, strict=True)
    return ExpectedTraining(Spread.from_values(epochs), Spread.from_values(seconds))


def _simulate(losses: list[float], lengths: Sequence[int], like: Rungs, costs: Sequence[float]) -> tuple[float, float]:
    rungs = Rungs(like.levels, like.reduction_factor, like.protected)
    epochs, seconds = 0, 0.0
    for number, loss in enumerate(losses):
        ended = lengths[number % len(lengths)]
        for level in rungs.levels:
            if level >= ended:
                break
            rungs.note(number, level, loss)
            if not rungs.should_continue(number, level):
                ended = level
                break
        epochs += ended
        seconds += ended * costs[number % len(costs)]
    return float(epochs), seconds
