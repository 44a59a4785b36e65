"""Epochs that a search will train, from simulated searches."""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass

from tunelab.search.asha import Rungs

SIMULATIONS = 200
SIMULATED_TRIALS = 100_000  # in all simulations: the more trials a sweep has, the less its epochs depend on chance


@dataclass(frozen=True)
class Epochs:
    """Epochs of simulated searches: their mean, and the bounds between which eight of ten lie."""

    mean: float
    low: float
    high: float

    def cut(self, fraction: float) -> Epochs:
        """Return the epochs of a part of the search, ``fraction`` of the whole."""
        return Epochs(self.mean * fraction, self.low * fraction, self.high * fraction)


def expected_epochs(trials: int, length: int, levels: tuple[int, ...], reduction_factor: int) -> Epochs:
    """Estimate the epochs of a sweep whose trials keep their order at all rungs, from simulations with random orders.

    Args:
        trials: Number of trials.
        length: Epochs of a trial that is not stopped.
        levels: Epochs of the rungs; empty without early stopping.
        reduction_factor: ASHA keeps the best 1/N of the trials at each rung.
    """
    if not levels:
        return Epochs(*[float(trials * length)] * 3)
    rng = random.Random(0)
    found = [
        _simulated_epochs([rng.random() for _ in range(trials)], length, Rungs(levels, reduction_factor))
        for _ in range(max(2, min(SIMULATIONS, SIMULATED_TRIALS // trials)))
    ]
    low, *_, high = statistics.quantiles(found, n=10, method="inclusive")
    return Epochs(statistics.fmean(found), low, high)


def _simulated_epochs(losses: list[float], length: int, rungs: Rungs) -> int:
    total = 0
    for number, loss in enumerate(losses):
        stopped = None
        for level in rungs.levels:
            if level >= length:
                break
            rungs.note(number, level, loss)
            if not rungs.should_continue(number, level):
                stopped = level
                break
        total += stopped or length
    return total
