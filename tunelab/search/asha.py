"""Asynchronous successive halving: at which epochs a trial is judged, and against whom.

Stopping-type ASHA of Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (MLSys): rungs at
``grace_period * reduction_factor**k`` epochs below the budget; at a rung a trial continues when it is among the best
``1 / reduction_factor`` of those that reached the rung. Unlike Ray's scheduler, a trial counts among those it is
compared with, rungs can be rebuilt from records, and a deterministic variant compares with lower-numbered trials alone.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from tunelab.records.trial import Epoch


def rung_levels(grace_period: int, reduction_factor: int, max_epochs: int) -> tuple[int, ...]:
    """Return epochs of the rungs, ascending, all below ``max_epochs``: ``(1, 3, 9)`` for 1, 3, 27."""
    levels = []
    level = grace_period
    while level < max_epochs:
        levels.append(level)
        level *= reduction_factor
    return tuple(levels)


def best_until(epochs: Sequence[Epoch], level: int) -> float:
    """Return the lowest finite validation loss up to an epoch; inf when there is none."""
    return min((e.val_loss for e in epochs if e.epoch <= level and math.isfinite(e.val_loss)), default=math.inf)


@dataclass
class Rungs:
    """The values recorded at each rung.

    Attributes:
        levels: epochs of the rungs, ascending; empty when nothing stops early.
        reduction_factor: one in this many continues.
        protected: numbers of trials that are never judged, e.g. the reference configuration.
        values: by level, the value of each trial that reached it, by trial number.
    """

    levels: tuple[int, ...]
    reduction_factor: int
    protected: frozenset[int] = frozenset({0})
    values: dict[int, dict[int, float]] = field(default_factory=dict)
    _sorted: dict[int, list[float]] = field(default_factory=dict)  # the same values by level, ascending

    def record(self, number: int, epochs: Sequence[Epoch]) -> None:
        """Note a trial's value at every rung its curve has reached."""
        reached = epochs[-1].epoch if epochs else 0
        for level in self.levels:
            if level <= reached:
                self.note(number, level, best_until(epochs, level))

    def note(self, number: int, level: int, value: float) -> None:
        """Note a trial's value at a rung; the first counts."""
        values = self.values.setdefault(level, {})
        if number not in values:
            values[number] = value
            insort(self._sorted.setdefault(level, []), value)

    def forget(self, number: int, above: int) -> None:
        """Drop a trial's values at rungs above an epoch: what it ran there is discarded."""
        for level, values in self.values.items():
            if level > above and number in values:
                order = self._sorted[level]
                order.pop(bisect_left(order, values.pop(number)))

    def should_continue(self, number: int, level: int, *, against: range | None = None) -> bool:
        """Return whether a trial that reached ``level`` continues.

        Args:
            number: the trial.
            level: a rung it has reached.
            against: numbers to compare with; all that reached the rung when None.
        """
        if number in self.protected:
            return True
        values = self.values[level]
        own = values[number]
        if against is None:  # without a walk through all: a sweep may have thousands
            compared, better = len(values), bisect_left(self._sorted[level], own)
        else:
            rivals = [values[n] for n in against if n != number and n in values]
            compared, better = len(rivals) + 1, sum(v < own for v in rivals)
        return better < max(1, compared // self.reduction_factor)
