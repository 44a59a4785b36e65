"""One search by one method: trials one after another until the budget of epochs is spent. No Ray, nothing random
but what the seed fixes, so that the same search gives the same curve."""

from __future__ import annotations

import inspect
import math
import time
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import optuna

from benchmarks.search.spec import Method
from search_spaces import SearchSpace
from sweeps.proposals import Proposals
from sweeps.records import Epoch, TrialRecord, TrialStatus
from sweeps.rungs import Rungs, rung_levels
from sweeps.seeds import derive_seed, trial_seed
from trainables import Task, TrainingData

REDUCTION_FACTOR = 3


@dataclass(frozen=True)
class Play:
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


def play(task: Task, data: TrainingData, method: Method, repetition: int, seed: int, budget: int) -> Play:
    """Searches until ``budget`` epochs are spent.

    Args:
        task, data: what is learned; the task's default length of a trial and its grace period hold.
        method: how.
        repetition: its number; proposals and trials of equal repetitions have equal seeds.
        seed: of the benchmark.
        budget: epochs of all trials together.
    """
    own = derive_seed(seed, "repetition", repetition)
    proposals = NamedProposals(task.space(), method.sampler, own)
    scheduler = _scheduler(method.scheduler, task, proposals)
    epochs, trials, best = 0, 0, math.inf
    steps: list[tuple[int, float]] = []
    seconds: list[float] = []
    began = time.perf_counter()
    while epochs < budget:
        number, trials = trials, trials + 1
        params, config = proposals.ask(number)
        curve: list[Epoch] = []
        status = TrialStatus.FINISHED
        for report in task.fit(config, data, trial_seed(own, number), max_epochs=task.facts.max_epochs):
            epochs += 1
            curve.append(Epoch(report.epoch, float(report.val_loss), {}, 0.0))
            if report.val_loss < best:
                best = float(report.val_loss)
                steps.append((epochs, best))
                seconds.append(time.perf_counter() - began)
            if not math.isfinite(report.val_loss):
                status = TrialStatus.DIVERGED
                break
            if epochs == budget or not scheduler.goes_on(number, curve):
                status = TrialStatus.STOPPED
                break
        record = TrialRecord(number, params, config, own, task.facts.max_epochs, status, tuple(curve))
        proposals.tell(record)
    seconds.append(time.perf_counter() - began)
    return Play(task.facts.name, method.name, repetition, tuple(steps), tuple(seconds), trials, epochs)


class NamedProposals(Proposals):
    """Proposals by any of Optuna's samplers, made anew for each trial as for those of the platform."""

    def __init__(self, space: SearchSpace, sampler: str, seed: int) -> None:
        super().__init__(space, "random" if sampler == "random" else "tpe", seed, reference={}, fixed={})
        self._class = None if sampler in ("tpe", "random") else getattr(optuna.samplers, sampler)
        self._own_seed = seed

    def _make_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        if self._class is None:
            return super()._make_sampler(number)
        seeded = "seed" in inspect.signature(self._class).parameters
        arguments = {"seed": derive_seed(self._own_seed, "sampler", number)} if seeded else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the user chose it by name
            made = self._class(**arguments)
        assert isinstance(made, optuna.samplers.BaseSampler)
        return made


class Scheduler(Protocol):
    """Decides after each epoch."""

    def goes_on(self, number: int, curve: list[Epoch]) -> bool: ...


class Never:
    """Every trial runs its whole length."""

    def goes_on(self, number: int, curve: list[Epoch]) -> bool:
        return True


class Asha:
    """The platform's own rungs; no trial is protected."""

    def __init__(self, task: Task) -> None:
        levels = rung_levels(task.facts.grace_period, REDUCTION_FACTOR, task.facts.max_epochs)
        self._rungs = Rungs(levels, REDUCTION_FACTOR, protected=frozenset())

    def goes_on(self, number: int, curve: list[Epoch]) -> bool:
        self._rungs.record(number, curve)
        level = curve[-1].epoch
        return level not in self._rungs.levels or self._rungs.goes_on(number, level)


class Pruner:
    """One of Optuna's pruners; it sees every epoch."""

    def __init__(self, name: str, proposals: Proposals) -> None:
        self._pruner: Any = getattr(optuna.pruners, name)()
        self._study = proposals.study

    def goes_on(self, number: int, curve: list[Epoch]) -> bool:
        storage = self._study._storage
        trial_id = storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number)
        storage.set_trial_intermediate_value(trial_id, curve[-1].epoch, curve[-1].val_loss)
        return not self._pruner.prune(self._study, storage.get_trial(trial_id))


def _scheduler(name: str, task: Task, proposals: Proposals) -> Scheduler:
    if name == "none":
        return Never()
    return Asha(task) if name == "asha" else Pruner(name, proposals)
