"""Asynchronous successive halving: at which epochs a trial is judged, and against whom.

Stopping-type ASHA of Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (MLSys): rungs at
``grace_period * reduction_factor**k`` epochs below the budget; at a rung a trial goes on when it is among the best
``1 / reduction_factor`` of those that reached the rung. Unlike Ray's scheduler, a trial counts among those it is
compared with, rungs can be rebuilt from records, and a deterministic variant compares with lower-numbered trials alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sweeps.records import Epoch


def rung_levels(grace_period: int, reduction_factor: int, max_epochs: int) -> tuple[int, ...]:
    """Epochs of the rungs, ascending, all below ``max_epochs``: ``(1, 3, 9)`` for 1, 3, 27."""
    levels = []
    level = grace_period
    while level < max_epochs:
        levels.append(level)
        level *= reduction_factor
    return tuple(levels)


def best_until(epochs: Sequence[Epoch], level: int) -> float:
    """The lowest finite validation loss up to an epoch; inf when there is none."""
    return min((e.val_loss for e in epochs if e.epoch <= level and math.isfinite(e.val_loss)), default=math.inf)


@dataclass
class Rungs:
    """The values recorded at each rung.

    Attributes:
        levels: epochs of the rungs, ascending; empty when nothing stops early.
        reduction_factor: one in this many goes on.
        protected: numbers of trials that are judged never, e.g. the reference configuration.
        values: by level, the value of each trial that reached it, by trial number.
    """

    levels: tuple[int, ...]
    reduction_factor: int
    protected: frozenset[int] = frozenset({0})
    values: dict[int, dict[int, float]] = field(default_factory=dict)

    def record(self, number: int, epochs: Sequence[Epoch]) -> None:
        """Notes a trial's value at every rung its curve has reached."""
        reached = epochs[-1].epoch if epochs else 0
        for level in self.levels:
            if level <= reached:
                self.values.setdefault(level, {}).setdefault(number, best_until(epochs, level))

    def forget(self, number: int, above: int) -> None:
        """Drops a trial's values at rungs above an epoch: what it ran there is discarded."""
        for level, values in self.values.items():
            if level > above:
                values.pop(number, None)

    def goes_on(self, number: int, level: int, *, against: range | None = None) -> bool:
        """Whether a trial that reached ``level`` goes on.

        Args:
            number: the trial.
            level: a rung it has reached.
            against: numbers to compare with; all that reached the rung when None.
        """
        if number in self.protected:
            return True
        values = self.values[level]
        rivals = [v for n, v in values.items() if n != number and (against is None or n in against)]
        own = values[number]
        places = max(1, math.floor((len(rivals) + 1) / self.reduction_factor))
        return sum(v < own for v in rivals) < places
