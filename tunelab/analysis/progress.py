"""The progress of a search: the lowest validation loss so far, over epochs and over seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunelab.records.result import SweepResult


@dataclass(frozen=True)
class BestSoFar:
    """The state of a search at a moment.

    Attributes:
        epochs: Epochs trained, all ended trials together.
        seconds: Since the first proposal.
        val_loss: The lowest so far.
    """

    epochs: int
    seconds: float
    val_loss: float


def best_so_far(result: SweepResult) -> list[BestSoFar]:
    """Return the state of a search at each new lowest loss and at its end; trials count when they end, in that order.

    Empty when no trial has a result.
    """
    began = min((t.started for t in result.trials), default=0.0)
    steps: list[BestSoFar] = []
    epochs, lowest, seconds = 0, math.inf, 0.0
    for trial in sorted(result.trials, key=lambda t: (t.ended, t.number)):
        epochs += len(trial.epochs)
        seconds = max(seconds, trial.ended - began)
        if trial.val_loss < lowest:
            lowest = trial.val_loss
            steps.append(BestSoFar(epochs, seconds, lowest))
    return [*steps, BestSoFar(epochs, seconds, lowest)] if steps else []
