"""The deterministic order: decisions follow the trials' numbers, so that results do not depend on who ends first.

A trial is judged at a rung against lower-numbered trials alone, once these have reached the rung or ended before it;
a proposal learns from a fixed set of earlier trials. Slots wait for that, which ``idle_seconds`` counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.replay import Replay
from tunelab.search.state import SearchState

WINDOW_FACTOR = 8  # a proposal knows all of the trials this many times the concurrency before it


def history_window(concurrency: int) -> int:
    """Return how many trials back a proposal looks: 1 for trials one after another, else 8 times the concurrency."""
    return WINDOW_FACTOR * concurrency if concurrency > 1 else 1


class DeterministicOrder:
    """Acts on reports in order of the trials' numbers. See ``SearchOrder`` for the methods.

    Args:
        state: Of the search.
        history_window: A proposal learns all of trials up to this many before it, at least the concurrency.
    """

    def __init__(self, state: SearchState, history_window: int) -> None:
        self.idle_seconds = 0.0
        self._state = state
        self._history_window = history_window
        self._outcomes: dict[int, TrialStatus] = {}  # ended, but not decided yet
        self._passed: dict[int, int] = {}  # number of rungs at which a trial was let through
        self._told: set[int] = set()  # trials that the study knows of
        self._beyond: dict[int, float] = {}  # training seconds at which a trial was stopped, or discarded up to
        self._waiting = (time.monotonic(), 0)  # since when how many slots have waited for order

    def may_propose(self, number: int) -> bool:
        """Return whether all that this proposal learns from is known; tell the study exactly that.

        Of trials up to ``number - history_window`` it learns everything, of those up to ``number - concurrency``
        whether they passed the first rung: most do not, and waiting for the few that continue would leave slots empty.
        """
        known = self._known_to(number, self._state.records)
        if any(record.status == TrialStatus.RUNNING for record in known):
            return False
        for record in known:
            if record.number not in self._told:
                self._told.add(record.number)
                self._state.study.tell(record)
        return True

    def known(self) -> list[TrialRecord]:
        return [self._state.records[number] for number in sorted(self._told)]

    def _known_to(self, number: int, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return the trials that a proposal learns from, in the order in which the study is told of them."""
        whole, begun = self._known_until(number)
        first = [r for r in records[whole:begun] if self._state.rungs.levels and not self._passed.get(r.number)]
        return [*records[:whole], *first]

    def running_curves(self, number: int) -> dict[int, list[float]]:
        """Return the curves up to the first rung of the trials that passed it: whatever came later may differ."""
        whole, begun = self._known_until(number)
        first = self._state.rungs.levels[:1]
        return {
            record.number: [e.val_loss for e in record.epochs if e.epoch <= first[0]]
            for record in self._state.records[whole:begun]
            if first and record.number not in self._told
        }

    def _known_until(self, number: int) -> tuple[int, int]:
        """Return up to which trials a proposal knows everything, and up to which the first rung."""
        whole = max(0, number - self._history_window + 1)
        return whole, max(whole, number - self._state.limits.concurrency + 1)

    def count_waiting(self, slots: int) -> None:
        now = time.monotonic()
        since, waited = self._waiting
        self.idle_seconds += waited * (now - since)
        self._waiting = (now, slots)

    def judge(self, record: TrialRecord) -> bool:
        self._resolve()  # another trial that is decided here keeps its slot until it hears of it at its next report
        if self._state.is_open(record.number):
            return True
        self._state.running.pop(record.number, None)
        return False

    def end(self, record: TrialRecord, status: TrialStatus) -> None:
        self._state.running.pop(record.number, None)
        self._state.records[record.number] = record
        self._outcomes[record.number] = status
        self._resolve()

    def discard(self, number: int, seconds: float) -> None:
        if number in self._beyond:
            self.idle_seconds += max(0.0, seconds - self._beyond[number])
            self._beyond[number] = max(seconds, self._beyond[number])

    def restart(self, record: TrialRecord, epoch: int) -> None:
        self._state.rungs.forget(record.number, above=epoch)  # decided again, in order
        self._passed.pop(record.number, None)

    def restore(self, earlier: Replay) -> None:
        for trial in earlier.trials:  # others were judged against what a trial that was restarted had trained before
            longest = max(earlier.longest.get(trial.number, ()), trial.epochs, key=len)
            self._state.rungs.record(trial.number, longest if trial.status is TrialStatus.RUNNING else trial.epochs)
        for trial in earlier.trials:
            if trial.status != TrialStatus.RUNNING:
                self._passed[trial.number] = self._count_passed(trial)
        told = []
        for number in range(len(earlier.trials)):
            known = [r.number for r in self._known_to(number, earlier.trials) if r.status != TrialStatus.RUNNING]
            told.append([n for n in known if n not in self._told])
            self._told.update(known)
        self._state.study.restore(earlier.trials, told)

    def _count_passed(self, trial: TrialRecord) -> int:
        """Return at how many rungs an ended trial was let through: a command may have stopped it anywhere."""
        reached = [level for level in self._state.rungs.levels if level <= trial.last_epoch]
        if trial.status is not TrialStatus.STOPPED or trial.last_epoch not in reached:
            return len(reached)
        passes = self._state.rungs.should_continue(trial.number, reached[-1], against=range(trial.number))
        return len(reached) - (not passes)

    def _resolve(self) -> None:
        """Decide, in order of numbers, whatever lower-numbered trials allow to decide."""
        open_numbers = [r.number for r in self._state.records if r.status == TrialStatus.RUNNING]
        waiting_at = math.inf  # the lowest rung at which an undecided lower-numbered trial is
        for number in open_numbers:
            waiting_at = min(waiting_at, self._advance(number, waiting_at))

    def _advance(self, number: int, limit: float) -> float:
        """Decide a trial's rungs below position ``limit``; return its position then, inf when it is closed."""
        state = self._state
        record, levels = state.records[number], state.rungs.levels
        reached = record.last_epoch
        position = self._passed.get(number, 0)
        while position < len(levels) and position < limit and levels[position] <= reached:
            if not state.rungs.should_continue(number, levels[position], against=range(number)):
                kept = tuple(e for e in record.epochs if e.epoch <= levels[position])
                state.rungs.forget(number, above=levels[position])
                state.close(replace(record, epochs=kept, error=""), TrialStatus.STOPPED)
                self._beyond[number] = kept[-1].seconds
                self.discard(number, record.train_seconds)
                return math.inf
            position += 1
            self._passed[number] = position
        decided = position == len(levels) or levels[position] > reached
        if number in self._outcomes and decided:
            state.close(record, self._outcomes[number])
            return math.inf
        return position
