"""One simulated search: workers train recorded curves on a clock that jumps from epoch to epoch."""

from __future__ import annotations

import bisect
import heapq
import math
import time
from dataclasses import dataclass

from benchmarks.search.arena.curves import Curve, CurveTask
from benchmarks.search.arena.searcher import Searcher
from benchmarks.search.schedulers import Verdict

Step = tuple[int, float, float, float]


@dataclass(frozen=True)
class ArenaTrace:
    """What one simulated search found.

    Attributes:
        task, method, workers, repetition: which.
        steps: at each new lowest validation loss: epochs trained by all workers, simulated seconds, and normalised
            regret of this loss and of the test loss at the same epoch of the same trial.
        trials: number of trials begun.
        epochs: number of epochs trained.
        seconds: simulated seconds of the whole search.
        idle: fraction of the workers' simulated time without a trial.
        decision_seconds: real seconds that the method took for its decisions.
    """

    task: str
    method: str
    workers: int
    repetition: int
    steps: tuple[Step, ...]
    trials: int
    epochs: int
    seconds: float
    idle: float
    decision_seconds: float

    def regrets(self, epochs: int) -> tuple[float, float]:
        """Return validation and test regret after a number of epochs; 1 before the first result."""
        place = bisect.bisect_right(self.steps, epochs, key=lambda step: step[0])
        return self.steps[place - 1][2:] if place else (1.0, 1.0)


@dataclass
class Running:
    """A trial that a worker trains or that is paused."""

    curve: Curve
    epoch: int = 0

    def step_seconds(self) -> float:
        """Return the seconds of the next epoch."""
        before = self.curve.seconds[self.epoch - 1] if self.epoch else 0.0
        return float(self.curve.seconds[self.epoch] - before)


class Simulation:
    """Trains what a method asks for until the budget is spent.

    Args:
        task: whose curves are looked up.
        searcher: the method; it decides at each epoch of each trial.
        workers: number of trials at once.
        budget: epochs of all trials together.
    """

    def __init__(self, task: CurveTask, searcher: Searcher, workers: int, budget: int) -> None:
        self.steps: list[Step] = []
        self.epochs, self.now, self.busy, self.decision_seconds = 0, 0.0, 0.0, 0.0
        self.trials: dict[int, Running] = {}
        self._task, self._searcher, self._workers, self._budget = task, searcher, workers, budget
        self._lookup = task.start()
        self._events: list[tuple[float, int, int]] = []  # when an epoch ends, order of such, the trial
        self._order = 0
        self._best = math.inf

    def run(self) -> None:
        """Simulate the whole search."""
        while self.epochs < self._budget:
            self._fill()
            self.now, _, number = heapq.heappop(self._events)
            self._finish_epoch(number)

    def trace(self, method: str, repetition: int) -> ArenaTrace:
        """Return what was found."""
        idle = 1 - self.busy / (self.now * self._workers) if self.now else 0.0
        return ArenaTrace(
            task=self._task.name,
            method=method,
            workers=self._workers,
            repetition=repetition,
            steps=tuple(self.steps),
            trials=len(self.trials),
            epochs=self.epochs,
            seconds=self.now,
            idle=max(0.0, idle),
            decision_seconds=self.decision_seconds,
        )

    def _fill(self) -> None:
        """Give every free worker a trial, unless the method waits."""
        while len(self._events) < self._workers:
            began = time.perf_counter()
            trial = self._searcher.next_trial()
            self.decision_seconds += time.perf_counter() - began
            if trial is None:
                if not self._events:
                    raise RuntimeError(f"the method waits while no trial runs ({self._task.name})")
                return
            if trial.number not in self.trials:
                self.trials[trial.number] = Running(self._lookup(trial.config))
            self._schedule(trial.number)

    def _schedule(self, number: int) -> None:
        seconds = self.trials[number].step_seconds()
        self.busy += seconds
        heapq.heappush(self._events, (self.now + seconds, self._order, number))
        self._order += 1

    def _finish_epoch(self, number: int) -> None:
        trial = self.trials[number]
        loss, spent = float(trial.curve.validation[trial.epoch]), float(trial.curve.seconds[trial.epoch])
        self._note(loss, float(trial.curve.test[trial.epoch]))
        trial.epoch += 1
        began = time.perf_counter()
        if not math.isfinite(loss) or trial.epoch == len(trial.curve.validation):
            self._searcher.end(number, trial.epoch, loss, spent)
            verdict = Verdict.STOP
        else:
            verdict = self._searcher.report(number, trial.epoch, loss, spent)
        self.decision_seconds += time.perf_counter() - began
        if verdict is Verdict.GO:
            self._schedule(number)

    def _note(self, loss: float, test: float) -> None:
        self.epochs += 1
        if loss < self._best:
            self._best = loss
            regrets = self._task.validation.regret(loss), self._task.test.regret(test)
            self.steps.append((self.epochs, self.now, *regrets))
