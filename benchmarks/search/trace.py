"""One search by one method: one trial at a time until the budget of epochs is spent.

It runs without Ray and is random only by its seed, so that the same search gives the same curve.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.search.samplers import make_sampler
from benchmarks.search.schedulers import TrialLength, Verdict, make_scheduler
from benchmarks.search.spec import Method
from trainables import EpochReport, Task, TrainingData
from tunelab.records.seeds import derive_seed, trial_seed
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus


@dataclass(frozen=True)
class SearchTrace:
    """What one search found.

    Attributes:
        task, method, repetition: which.
        steps: (epochs trained, lowest validation loss so far) at each new lowest.
        seconds: training and proposing seconds at the same moments, and at the end.
        trials, epochs: how many of each.
    """

    task: str
    method: str
    repetition: int
    steps: tuple[tuple[int, float], ...]
    seconds: tuple[float, ...]
    trials: int
    epochs: int

    @property
    def best(self) -> float:
        return self.steps[-1][1] if self.steps else math.inf


def run_search(task: Task, data: TrainingData, method: Method, repetition: int, seed: int, budget: int) -> SearchTrace:
    """Search until ``budget`` epochs are spent.

    Args:
        task: what is learned; its default length of a trial and its grace period apply.
        data: of the task.
        method: how.
        repetition: its number; proposals and trials of equal repetitions have equal seeds.
        seed: of the benchmark.
        budget: epochs of all trials together.
    """
    own = derive_seed(seed, "repetition", repetition)
    search = Search(task, data, method, own, budget)
    search.run()
    return SearchTrace(
        task=task.facts.name,
        method=method.name,
        repetition=repetition,
        steps=tuple(search.steps),
        seconds=(*search.seconds, time.perf_counter() - search.began),
        trials=len(search.begun),
        epochs=search.epochs,
    )


@dataclass
class OpenTrial:
    """A trial that has been proposed and has not ended."""

    record: TrialRecord
    reports: Iterator[EpochReport]
    curve: list[Epoch]


class Search:
    """One search; a scheduler may pause trials and continue them later.

    Args:
        task, data: what is learned.
        method: how.
        seed: of proposals and trials.
        budget: epochs of all trials together.
    """

    def __init__(self, task: Task, data: TrainingData, method: Method, seed: int, budget: int) -> None:
        self.epochs = 0
        self.begun: set[int] = set()
        self.steps: list[tuple[int, float]] = []
        self.seconds: list[float] = []
        self.began = time.perf_counter()
        self._task, self._data, self._seed, self._budget = task, data, seed, budget
        self._sampler = make_sampler(method.sampler, task.space(), seed, task.facts.max_epochs)
        self._scheduler = make_scheduler(method.scheduler, TrialLength.from_facts(task.facts), self._sampler)
        self._open: dict[int, OpenTrial] = {}
        self._proposed = 0

    def run(self) -> None:
        """Train until the budget is spent."""
        while self.epochs < self._budget:
            while len(self._open) - len(self._open.keys() & self.begun) < self._scheduler.ahead:
                self._propose()
            number = self._scheduler.turn()
            if number is None:
                self._propose()
            else:
                self._train(number)

    def _propose(self) -> None:
        number, self._proposed = self._proposed, self._proposed + 1
        params, config = self._sampler.suggest(number)
        seed, length = trial_seed(self._seed, number), self._task.facts.max_epochs
        record = TrialRecord(number, params, config, seed, length, TrialStatus.RUNNING)
        reports = iter(self._task.fit(config, self._data, seed, max_epochs=length))
        self._open[number] = OpenTrial(record, reports, [])
        self._scheduler.add(number)

    def _train(self, number: int) -> None:
        """Train a trial until it ends, is stopped or paused, or the budget is spent."""
        trial = self._open[number]
        self.begun.add(number)
        while self.epochs < self._budget:
            report = next(trial.reports, None)
            if report is None:
                self._end(number, TrialStatus.FINISHED)
                return
            self.epochs += 1
            trial.curve.append(Epoch(report.epoch, float(report.val_loss), {}, 0.0))
            self._note(float(report.val_loss))
            if not math.isfinite(report.val_loss):
                self._end(number, TrialStatus.DIVERGED)
                return
            verdict = self._scheduler.judge(number, trial.curve)
            for other in self._scheduler.stopped():
                self._close(other, TrialStatus.STOPPED)
            if verdict is Verdict.STOP:
                self._close(number, TrialStatus.STOPPED)
            if verdict is not Verdict.GO:
                return

    def _note(self, loss: float) -> None:
        if loss < (self.steps[-1][1] if self.steps else math.inf):
            self.steps.append((self.epochs, loss))
            self.seconds.append(time.perf_counter() - self.began)

    def _end(self, number: int, status: TrialStatus) -> None:
        self._scheduler.ended(number, self._open[number].curve)
        self._close(number, status)
        for other in self._scheduler.stopped():
            self._close(other, TrialStatus.STOPPED)

    def _close(self, number: int, status: TrialStatus) -> None:
        trial = self._open.pop(number)
        self._sampler.tell(replace(trial.record, status=status, epochs=tuple(trial.curve)))
