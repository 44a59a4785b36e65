"""What the arena asks of a search method, and the methods made of a sampler and a scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from benchmarks.search.samplers import Sampler, make_sampler
from benchmarks.search.schedulers import Scheduler, TrialLength, Verdict, make_scheduler
from benchmarks.search.spec import Method
from search_spaces import SearchSpace
from tunelab.records.seeds import trial_seed
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus


@dataclass(frozen=True)
class ArenaTrial:
    """A trial to train: a new one, or one that was paused.

    Attributes:
        number: a new number begins a trial; that of a paused one continues it where it was.
        config: what is trained.
    """

    number: int
    config: Mapping[str, Any]


class Searcher(Protocol):
    """Decides what to start, to continue, to pause and to stop."""

    def next_trial(self) -> ArenaTrial | None:
        """Return what a free worker trains now; None to wait for another report."""

    def report(self, number: int, epoch: int, loss: float, seconds: float) -> Verdict:
        """Take a finite loss below the full length; return whether the trial continues."""

    def end(self, number: int, epoch: int, loss: float, seconds: float) -> None:
        """Take the last loss of a trial: at full length, or NaN or inf where it diverged."""


@dataclass
class SampledTrial:
    """A trial that has been proposed and has not ended."""

    record: TrialRecord
    curve: list[Epoch] = field(default_factory=list)


class SampledSearcher:
    """A sampler with a scheduler, as they work together in a sweep.

    Args:
        method: names of both.
        space: what may vary.
        length: of a trial.
        seed: of the sampler.
    """

    def __init__(self, method: Method, space: SearchSpace, length: TrialLength, seed: int) -> None:
        sampler = make_sampler(method.sampler, space, seed, length.max_epochs)
        self._init(sampler, make_scheduler(method.scheduler, length, sampler), length, seed)

    def _init(self, sampler: Sampler, scheduler: Scheduler, length: TrialLength, seed: int) -> None:
        self._sampler, self._scheduler, self._length, self._seed = sampler, scheduler, length, seed
        self._open: dict[int, SampledTrial] = {}
        self._waiting = 0
        self._proposed = 0

    def next_trial(self) -> ArenaTrial | None:
        while self._waiting < self._scheduler.ahead:
            self._propose()
        number = self._scheduler.turn()
        if number is None:  # all that were proposed run or are paused
            self._propose()
            number = self._scheduler.turn()
        if number is None:
            return None
        trial = self._open[number]
        self._waiting -= not trial.curve
        return ArenaTrial(number, trial.record.config)

    def report(self, number: int, epoch: int, loss: float, seconds: float) -> Verdict:
        curve = self._open[number].curve
        curve.append(Epoch(epoch, loss, {}, seconds))
        verdict = self._scheduler.judge(number, curve)
        self._close_stopped()
        if verdict is Verdict.STOP:
            self._close(number, TrialStatus.STOPPED)
        return verdict

    def end(self, number: int, epoch: int, loss: float, seconds: float) -> None:
        curve = self._open[number].curve
        curve.append(Epoch(epoch, loss, {}, seconds))
        self._scheduler.ended(number, curve)
        self._close(number, TrialStatus.FINISHED if epoch == self._length.max_epochs else TrialStatus.DIVERGED)
        self._close_stopped()

    def _propose(self) -> None:
        number, self._proposed = self._proposed, self._proposed + 1
        running = {other: [e.val_loss for e in trial.curve] for other, trial in self._open.items()}
        params, config = self._sampler.suggest(number, running)
        seed = trial_seed(self._seed, number)
        record = TrialRecord(number, params, config, seed, self._length.max_epochs, TrialStatus.RUNNING)
        self._open[number] = SampledTrial(record)
        self._waiting += 1
        self._scheduler.add(number)

    def _close_stopped(self) -> None:
        for number in self._scheduler.stopped():
            self._close(number, TrialStatus.STOPPED)

    def _close(self, number: int, status: TrialStatus) -> None:
        trial = self._open.pop(number)
        self._sampler.tell(replace(trial.record, status=status, epochs=tuple(trial.curve)))
