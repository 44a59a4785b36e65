"""When a search no longer pays: what as many trials again would gain, and the rule that ends it early."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from trainables.base.kinds.rounding import without_rounding
from tunelab.records.measure import Measure
from tunelab.records.trial import TrialRecord, ranked

NEVER, AUTO = "never", "auto"
TARGET = re.compile(r"target=(\S+)")
MIN_RANKED = 10  # trials with a result from which a gain can be told
NEGLIGIBLE = 0.01  # of the distance between the median and the lowest loss: a smaller gain ends the search


@dataclass(frozen=True)
class Gain:
    """What as many trials again would gain.

    Attributes:
        mean: Expected decrease of the lowest validation loss.
        deviation: Standard deviation of it.
    """

    mean: float
    deviation: float


def expected_gain(trials: Sequence[TrialRecord]) -> Gain | None:
    """Estimate what as many trials again would gain; None from fewer than ten trials with a result.

    The best of a random half of the trials is worse than the best of all by what doubling them gained; doubling them
    again gains no more, unless the sampler is only just finding its way. The k-th best is the best of a random half
    with a probability of 2 ** -k.
    """
    losses = np.array([trial.val_loss for trial in ranked(trials)])
    if len(losses) < MIN_RANKED:
        return None
    weights = 0.5 ** np.arange(1, len(losses) + 1)
    behind = losses - losses[0]
    mean = float(weights @ behind / weights.sum())
    deviation = math.sqrt(float(weights @ (behind - mean) ** 2 / weights.sum()))
    return Gain(without_rounding(mean, losses[0]), without_rounding(deviation, losses[0]))


@dataclass(frozen=True)
class StopRule:
    """When a search ends before its last trial.

    Attributes:
        text: ``"never"``, ``"auto"``: when further trials would gain next to nothing, or ``"target=0.2"``: when a trial
            reaches 0.2, a validation loss or the user's own metric.
        measure: In which sign a target is given.
    """

    text: str = NEVER
    measure: Measure = field(default_factory=Measure)

    @property
    def target(self) -> float | None:
        """The loss that is enough; None for another rule."""
        match = TARGET.fullmatch(self.text)
        return None if match is None else self.measure.value(float(match[1]))

    def holds(self, trials: Sequence[TrialRecord]) -> bool:
        """Return whether the search ends.

        Args:
            trials: Those that have ended.
        """
        if self.text == NEVER:
            return False
        if self.target is not None:
            return any(trial.val_loss <= self.target for trial in trials)
        gain = expected_gain(trials)
        if gain is None:
            return False
        losses = [trial.val_loss for trial in ranked(trials)]
        return gain.mean <= NEGLIGIBLE * (float(np.median(losses)) - losses[0])
