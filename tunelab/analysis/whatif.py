"""What a sweep would have cost under other rules of early stopping, from the curves that it recorded.

Trials, their order and the number of workers stay as they were; the rungs decide again. A curve that the sweep stopped
ends before other rules may judge it. Three replays bound what is not known: such a trial ends where its curve does; it
continues as trials beside it did; it falls below all others and trains to its end.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import product

from tunelab.analysis.continuation import CENSORED, RecordedCurves
from tunelab.records.spec import SweepSpec
from tunelab.records.trial import TrialRecord, ranked
from tunelab.search.asha import Rungs, rung_levels
from tunelab.search.replay import Replay

KEPT_FOR_ADVICE = 3  # leading trials that advised rules must keep
WORTH_CHANGING = 0.05  # of the epochs: smaller savings advise nothing
FACTORS = (2, 3, 4)  # reduction factors that advice chooses from


class Fate(StrEnum):
    """What becomes of the winner."""

    KEPT = "kept"
    LOST = "lost"
    UNKNOWN = "unknown"


class Continuation(StrEnum):
    """How a curve continues that was stopped."""

    ENDS = "ends"
    LIKE_OTHERS = "like others"
    FALLS = "falls"


@dataclass(frozen=True)
class StoppingRules:
    """Rules of early stopping.

    Attributes:
        scheduler: ``"asha"`` or ``"none"``.
        grace_period: Epochs before the first rung.
        reduction_factor: One in this many continues at a rung.
    """

    scheduler: str
    grace_period: int
    reduction_factor: int

    @classmethod
    def from_spec(cls, spec: SweepSpec) -> StoppingRules:
        """Return the rules of a sweep whose defaults are filled in."""
        return cls(spec.scheduler, spec.grace_period or 1, spec.reduction_factor)

    def levels(self, max_epochs: int) -> tuple[int, ...]:
        """Return the epochs of the rungs, ascending."""
        if self.scheduler == "none":
            return ()
        return rung_levels(self.grace_period, self.reduction_factor, max_epochs)

    @property
    def options(self) -> str:
        """The rules as options of ``tunelab sweep``."""
        if self.scheduler == "none":
            return "--scheduler none"
        return f"--grace-period {self.grace_period} --reduction-factor {self.reduction_factor}"


@dataclass(frozen=True)
class RecordedSearch:
    """A search to replay.

    Attributes:
        trials: With whatever of their curves was recorded, numbers ascending.
        protected: Numbers of trials that no rung stops.
        workers: Number of trials at once; 1 where each trial is compared with lower numbers alone.
    """

    trials: tuple[TrialRecord, ...]
    protected: frozenset[int]
    workers: int

    @classmethod
    def from_journal(cls, earlier: Replay) -> RecordedSearch:
        """Return the search of a journal that holds at least one session."""
        session = earlier.sessions[-1]
        workers = 1 if session.spec.get("deterministic") else session.concurrency
        protected = earlier.protected or frozenset({0})  # journals of older versions do not say
        return cls(tuple(t for t in earlier.trials if t.epochs), protected, workers)

    @property
    def max_epochs(self) -> int:
        """Epochs of the longest trial allowed."""
        return max((t.max_epochs for t in self.trials), default=0)

    @cached_property
    def curves(self) -> RecordedCurves:
        """The curves of its trials."""
        return RecordedCurves(self.trials)

    @property
    def epochs(self) -> int:
        """Epochs that were trained."""
        return sum(t.last_epoch for t in self.trials)


@dataclass(frozen=True)
class WhatIf:
    """A search under other rules.

    Attributes:
        rules: The rules.
        epochs: Epochs over all trials, estimated.
        low, high: Bounds of it.
        full_epochs: Epochs without early stopping, estimated like ``epochs``.
        stopped: Numbers of the trials that are stopped in all replays.
        perhaps: Numbers of those that are stopped in some.
        short: Numbers of the trials whose curves end before the rules are done with them.
        winner: Number of the trial with the lowest loss; None without one.
        fate: Whether it still reaches its lowest loss.
        next_best: The lowest loss that is certainly reached; inf for none.
    """

    rules: StoppingRules
    epochs: int
    low: int
    high: int
    full_epochs: int
    stopped: tuple[int, ...]
    perhaps: tuple[int, ...]
    short: tuple[int, ...]
    winner: int | None
    fate: Fate
    next_best: float

    @property
    def fraction_saved(self) -> float:
        """Epochs saved out of those without early stopping."""
        return 1 - self.epochs / self.full_epochs if self.full_epochs else 0.0


def what_if(search: RecordedSearch, rules: StoppingRules) -> WhatIf:
    """Replay a search under other rules.

    Args:
        search: What was recorded.
        rules: The other rules.
    """
    replays = {c: _Replay(search, rules, c) for c in Continuation}
    reached = [replay.run() for replay in replays.values()]
    expected = replays[Continuation.LIKE_OTHERS].epochs
    stopped = [set(replay.stopped) for replay in replays.values()]
    certain, possible = set.intersection(*stopped), set.union(*stopped)
    short = {t.number for t in search.trials if t.status in CENSORED and expected[t.number] > t.last_epoch}
    best = next(iter(ranked(search.trials)), None)
    kept = [best is not None and best.best is not None and e[best.number] >= best.best.epoch for e in reached]
    fate = Fate.KEPT if all(kept) else Fate.UNKNOWN if any(kept) else Fate.LOST
    certainly = {t.number: min(e[t.number] for e in reached) for t in search.trials}
    whole = _Replay(search, StoppingRules("none", 1, rules.reduction_factor), Continuation.LIKE_OTHERS)
    return WhatIf(
        rules=rules,
        epochs=sum(expected.values()),
        low=sum(certainly.values()),
        high=sum(max(e[t.number] for e in reached) for t in search.trials),
        full_epochs=sum(whole.run().values()),
        stopped=tuple(sorted(certain)),
        perhaps=tuple(sorted(possible - certain)),
        short=tuple(sorted(short)),
        winner=None if best is None else best.number,
        fate=fate,
        next_best=min(
            (search.curves.lowest(t.number, certainly[t.number]) for t in search.trials if t.has_result),
            default=math.inf,
        ),
    )


def advise(search: RecordedSearch, rules: StoppingRules) -> WhatIf | None:
    """Return the cheapest rules that keep the leading trials; None where they save little against the present ones.

    Args:
        search: What was recorded.
        rules: The present rules.
    """
    leading = {t.number: t for t in ranked(search.trials)[:KEPT_FOR_ADVICE]}
    graces = sorted({1, *(max(1, round(search.max_epochs / share)) for share in (54, 27, 18, 13, 9, 6, 3))})
    found = []
    for grace, factor in product(graces, FACTORS):
        candidate = StoppingRules("asha", grace, factor)
        certainly = [_Replay(search, candidate, c).run() for c in Continuation]
        if all(e[n] >= t.best.epoch for e in certainly for n, t in leading.items() if t.best is not None):
            found.append(what_if(search, candidate))
    best = min(found, key=lambda one: (one.epochs, -one.rules.grace_period), default=None)
    if best is None or best.epochs > (1 - WORTH_CHANGING) * what_if(search, rules).epochs:
        return None
    return best


class _Replay:
    """One replay: trials start in order on the workers, and are judged when they reach a rung."""

    def __init__(self, search: RecordedSearch, rules: StoppingRules, continuation: Continuation) -> None:
        self.epochs: dict[int, int] = {}
        self.stopped: list[int] = []
        self._search, self._continuation = search, continuation
        self._rungs = Rungs(rules.levels(search.max_epochs), rules.reduction_factor, search.protected)
        self._curves = search.curves

    def run(self) -> dict[int, int]:
        """Return the epochs of each trial by number."""
        waiting = iter(self._search.trials)
        events: list[tuple[float, int, int]] = []  # when a trial reaches an epoch, its number, the epoch
        by_number = {t.number: t for t in self._search.trials}

        def begin(now: float) -> None:
            trial = next(waiting, None)
            if trial is not None:
                self._schedule(events, trial, now, 0)

        for _ in range(self._search.workers):
            begin(0.0)
        while events:
            now, number, epoch = heapq.heappop(events)
            trial = by_number[number]
            self.epochs[number] = epoch
            passes = epoch not in self._rungs.levels or self._passes(trial, epoch)
            if passes and epoch < self._length(trial):
                self._schedule(events, trial, now, epoch)
                continue
            if not passes and (epoch < trial.last_epoch or trial.status in CENSORED):
                self.stopped.append(number)
            begin(now)
        return self.epochs

    def _schedule(self, events: list[tuple[float, int, int]], trial: TrialRecord, now: float, epoch: int) -> None:
        """Add the moment at which a trial reaches its next rung or its end."""
        length = self._length(trial)
        after = min((level for level in self._rungs.levels if epoch < level <= length), default=length)
        heapq.heappush(events, (now + (after - epoch) * _epoch_seconds(trial), trial.number, after))

    def _passes(self, trial: TrialRecord, level: int) -> bool:
        """Note a trial's loss at a rung; return whether the rung lets it continue."""
        self._rungs.note(trial.number, level, self._value(trial, level))
        return self._rungs.should_continue(trial.number, level)

    def _length(self, trial: TrialRecord) -> int:
        """Return the epochs of a trial that no rung stops."""
        if trial.status not in CENSORED or self._continuation is Continuation.ENDS:
            return trial.last_epoch
        if self._continuation is Continuation.FALLS:
            return trial.max_epochs
        return self._curves.usual_length(trial)

    def _value(self, trial: TrialRecord, level: int) -> float:
        if level <= trial.last_epoch:
            return self._curves.lowest(trial.number, level)
        return -math.inf if self._continuation is Continuation.FALLS else self._curves.expected(trial, level)


def _epoch_seconds(trial: TrialRecord) -> float:
    return trial.train_seconds / trial.last_epoch if trial.last_epoch and trial.train_seconds else 1.0
