"""Tasks of the arena: a search space whose configurations have known learning curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.search.schedulers import TrialLength
from search_spaces import SearchSpace


@dataclass(frozen=True)
class Curve:
    """The learning curve of one configuration; lower losses are better.

    Attributes:
        validation: validation loss after each epoch, shape (epochs,); NaN or inf where training diverged.
        test: test loss after each epoch, shape (epochs,).
        seconds: training seconds from the start to the end of each epoch, shape (epochs,), ascending.
    """

    validation: np.ndarray
    test: np.ndarray
    seconds: np.ndarray


@dataclass(frozen=True)
class LossRange:
    """The losses that count as regret 0 and 1.

    Attributes:
        low: the lowest loss of the task.
        high: the loss of regret 1; losses above it count as it.
    """

    low: float
    high: float

    def regret(self, loss: float) -> float:
        """Return the normalised regret of a loss; 1 for NaN."""
        return min((loss - self.low) / (self.high - self.low), 1.0) if loss == loss else 1.0


Lookup = Callable[[Mapping[str, Any]], Curve]


@dataclass(frozen=True)
class CurveTask:
    """A task whose learning curves are known.

    Attributes:
        name: benchmark and task, e.g. ``"lcbench/3945"``.
        space: what may vary.
        length: of a trial.
        validation, test: the ranges that normalise regrets.
        start: begins a search: returns the function from a configuration to its curve. A table gives each of its rows
            once per search.
        digest: sha256 of the files that the curves come from.
    """

    name: str
    space: SearchSpace
    length: TrialLength
    validation: LossRange
    test: LossRange
    start: Callable[[], Lookup]
    digest: str
