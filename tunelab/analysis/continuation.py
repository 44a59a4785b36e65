"""How the curve of a stopped trial would have continued, judged by trials that went further."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence

from tunelab.records.trial import TrialRecord, TrialStatus

NEIGHBOURS = 5  # trials nearest to one whose curve is too short, from which its continuation is estimated
CENSORED = (TrialStatus.STOPPED, TrialStatus.RUNNING, TrialStatus.INTERRUPTED)  # would have continued otherwise


class RecordedCurves:
    """The curves of a search's trials, whole or cut short.

    Args:
        trials: All of them.
    """

    def __init__(self, trials: Sequence[TrialRecord]) -> None:
        self._lowest = {t.number: _running_minimum(t) for t in trials}
        self._gains: dict[tuple[int, int], list[tuple[float, float]]] = {}
        ended = [t.last_epoch for t in trials if t.status is TrialStatus.FINISHED]
        self._usual = statistics.median(ended) if ended else math.inf

    def lowest(self, number: int, epoch: int) -> float:
        """Return a trial's lowest finite loss up to an epoch that was recorded; inf without one."""
        return self._lowest[number][epoch - 1] if epoch else math.inf

    def usual_length(self, trial: TrialRecord) -> int:
        """Return the median length of finished trials, at least one epoch more than was recorded of this one."""
        return int(min(trial.max_epochs, max(trial.last_epoch + 1, self._usual)))

    def expected(self, trial: TrialRecord, epoch: int) -> float:
        """Return a trial's expected lowest loss up to an epoch behind its record.

        It gains what those trials gained between its last epoch and ``epoch`` whose loss was nearest to its own.
        """
        last = trial.last_epoch
        own = self.lowest(trial.number, last)
        gains = self._gains_between(last, epoch)
        if not gains or not math.isfinite(own):
            return own
        place = bisect_left(gains, (own, -math.inf))
        beside = gains[max(0, place - NEIGHBOURS) : place + NEIGHBOURS]
        nearest = sorted(beside, key=lambda pair: abs(pair[0] - own))[:NEIGHBOURS]
        return own - statistics.median(gain for _, gain in nearest)

    def _gains_between(self, first: int, last: int) -> list[tuple[float, float]]:
        """Return the loss at ``first`` and what was gained until ``last``, of each trial that reached it, sorted."""
        if (first, last) not in self._gains:
            pairs = [(self.lowest(n, first), self.lowest(n, last)) for n, c in self._lowest.items() if len(c) >= last]
            self._gains[first, last] = sorted((a, a - b) for a, b in pairs if math.isfinite(a))
        return self._gains[first, last]


def _running_minimum(trial: TrialRecord) -> list[float]:
    """Return the lowest finite loss up to each epoch from 1 to the last."""
    found: list[float] = []
    low = math.inf
    for epoch in trial.epochs:
        found += [low] * (epoch.epoch - 1 - len(found))
        low = min(low, epoch.val_loss) if math.isfinite(epoch.val_loss) else low
        found.append(low)
    return found
