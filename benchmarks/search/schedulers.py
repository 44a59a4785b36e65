"""Who stops trials: the platform's rungs, Optuna's pruners by name, and Ray's schedulers by name."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import optuna

from benchmarks.search.samplers import NamedStudySampler, Sampler, makes_itself
from search_spaces import UserError
from trainables import METRIC, TaskFacts
from tunelab.records.trial import Epoch
from tunelab.search.asha import Rungs, rung_levels
from tunelab.search.sampling.samplers import arguments_of

REDUCTION_FACTOR = 3
OWN = ("asha", "none")
GRACE = "@"  # before another grace period than the task's, as in asha@3
IDLE_PRUNER = "ThresholdPruner"  # it needs a threshold, which no task shares with another
RAY = ("ASHAScheduler", "AsyncHyperBandScheduler", "HyperBandScheduler", "HyperBandForBOHB", "MedianStoppingRule")
CHANGES = "it changes configurations in mid-trial, so that no trial has one that could be proposed or trained again"
REFUSED = {
    **dict.fromkeys(("PopulationBasedTraining", "PopulationBasedTrainingReplay", "PB2"), CHANGES),
    "ResourceChangingScheduler": "it moves CPUs between trials, and these searches run one trial at a time",
    "FIFOScheduler": "it never stops a trial: write none",
}
WAITING = 16  # trials that Ray proposes ahead of those that run


@dataclass(frozen=True)
class TrialLength:
    """Number of epochs of a full trial, and before a trial can be stopped.

    Attributes:
        max_epochs: of a full trial.
        grace_period: before a trial can be stopped.
    """

    max_epochs: int
    grace_period: int

    @classmethod
    def from_facts(cls, facts: TaskFacts) -> TrialLength:
        """Return a task's default length."""
        return cls(facts.max_epochs, facts.grace_period)

    def after(self, grace_period: int) -> TrialLength:
        """Return the same length with another grace period, at most the full length."""
        return TrialLength(self.max_epochs, min(grace_period, self.max_epochs))


class Verdict(Enum):
    """What a scheduler says after an epoch."""

    GO = "go"
    PAUSE = "pause"
    STOP = "stop"


class Scheduler(Protocol):
    """Decides after each epoch, and whose turn it is."""

    ahead: int  # number of trials that are proposed before one of them runs

    def add(self, number: int) -> None:
        """Add a proposed trial."""

    def turn(self) -> int | None:
        """Return the trial that runs next; None when a new one should be proposed."""

    def judge(self, number: int, curve: list[Epoch]) -> Verdict:
        """Return whether a trial continues after the last epoch of its curve."""

    def ended(self, number: int, curve: list[Epoch]) -> None:
        """Record a trial that ended by itself: at its full length, without improving, or diverged."""

    def stopped(self) -> list[int]:
        """Return paused trials that have been stopped since the last call."""


class OneByOne:
    """Runs trials in order, each until it ends; stops none."""

    ahead = 1

    def __init__(self) -> None:
        self._next: int | None = None

    def add(self, number: int) -> None:
        self._next = number

    def turn(self) -> int | None:
        number, self._next = self._next, None
        return number

    def judge(self, number: int, curve: list[Epoch]) -> Verdict:
        return Verdict.GO

    def ended(self, number: int, curve: list[Epoch]) -> None:
        return

    def stopped(self) -> list[int]:
        return []


class Asha(OneByOne):
    """The platform's own rungs; no trial is protected."""

    def __init__(self, length: TrialLength) -> None:
        super().__init__()
        levels = rung_levels(length.grace_period, REDUCTION_FACTOR, length.max_epochs)
        self._rungs = Rungs(levels, REDUCTION_FACTOR, protected=frozenset())

    def judge(self, number: int, curve: list[Epoch]) -> Verdict:
        self._rungs.record(number, curve)
        level = curve[-1].epoch
        should_continue = level not in self._rungs.levels or self._rungs.should_continue(number, level)
        return Verdict.GO if should_continue else Verdict.STOP


class Pruner(OneByOne):
    """One of Optuna's pruners; it sees every epoch. The study knows it: Hyperband's brackets have a sampler each."""

    def __init__(self, name: str, length: TrialLength, proposals: NamedStudySampler) -> None:
        super().__init__()
        cls = getattr(optuna.pruners, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the user chose it by name
            self._pruner: Any = cls(**arguments_of(cls, {"max_resource": length.max_epochs}))
        self._sampler, self._study = proposals, proposals.study
        self._study.pruner = self._pruner

    def judge(self, number: int, curve: list[Epoch]) -> Verdict:
        storage, trial_id = self._sampler.storage, self._sampler.trial_id(number)
        storage.set_trial_intermediate_value(trial_id, curve[-1].epoch, curve[-1].val_loss)
        return Verdict.STOP if self._pruner.prune(self._study, storage.get_trial(trial_id)) else Verdict.GO


class RayTrial:
    """What Ray's schedulers look at of a trial."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.trial_id = str(number)
        self.status = "PENDING"
        self.is_saving = False


class RayScheduler:
    """One of Ray's schedulers with its own defaults, time counted in epochs; also what it takes for Tune's controller.

    Args:
        name: of its class.
        length: of a trial, in epochs.
    """

    def __init__(self, name: str, length: TrialLength) -> None:
        cls: Any = getattr(importlib.import_module("ray.tune.schedulers"), name)
        known = {"time_attr": "training_iteration", "metric": METRIC, "mode": "min"}
        limits = {"max_t": length.max_epochs, "grace_period": length.grace_period}
        self._scheduler = cls(**arguments_of(cls, {**known, **limits}))
        self._trials: list[RayTrial] = []
        self._stopped: list[int] = []
        # halving waits for a bracket to fill: Tune fills it from the trials that it has proposed ahead
        self.ahead = WAITING if name == "HyperBandScheduler" else 1
        self.search_alg = self.searcher = self

    def add(self, number: int) -> None:
        self._trials.append(RayTrial(number))
        self._scheduler.on_trial_add(self, self._trials[number])

    def turn(self) -> int | None:
        trial = self._scheduler.choose_trial_to_run(self)
        if trial is None:
            return None
        trial.status = "RUNNING"
        return int(trial.number)

    def judge(self, number: int, curve: list[Epoch]) -> Verdict:
        trial = self._trials[number]
        action = self._scheduler.on_trial_result(self, trial, _result(curve))
        if action == "STOP":
            trial.status = "TERMINATED"
            return Verdict.STOP
        if action == "PAUSE":
            trial.status = "PAUSED"
            return Verdict.PAUSE
        return Verdict.GO

    def ended(self, number: int, curve: list[Epoch]) -> None:
        trial = self._trials[number]
        self._scheduler.on_trial_complete(self, trial, _result(curve))
        trial.status = "TERMINATED"

    def stopped(self) -> list[int]:
        numbers, self._stopped = self._stopped, []
        return numbers

    # What schedulers ask of Tune's controller and of its searcher.

    def get_trials(self) -> list[RayTrial]:
        return self._trials

    def get_live_trials(self) -> list[RayTrial]:
        return [trial for trial in self._trials if trial.status != "TERMINATED"]

    def stop_trial(self, trial: RayTrial) -> None:
        if trial.status != "TERMINATED":
            self._scheduler.on_trial_remove(self, trial)
            trial.status = "TERMINATED"
            self._stopped.append(trial.number)

    def on_pause(self, trial_id: str) -> None:
        return

    def on_unpause(self, trial_id: str) -> None:
        return


def _result(curve: list[Epoch]) -> dict[str, Any]:
    return {"training_iteration": curve[-1].epoch, METRIC: curve[-1].val_loss}


def scheduler_names() -> set[str]:
    """Return all that can be asked for."""
    classes = {name for name in optuna.pruners.__all__ if name.endswith("Pruner")}
    return {*OWN, *RAY} | {name for name in classes - {IDLE_PRUNER} if makes_itself(getattr(optuna.pruners, name))}


def make_scheduler(name: str, length: TrialLength, sampler: Sampler) -> Scheduler:
    """Return a scheduler for one search.

    Args:
        name: of the scheduler; ``asha@3`` is asha with a grace period of 3 epochs.
        length: of a trial.
        sampler: whose study Optuna's pruners look at.

    Raises:
        UserError: it looks at an Optuna study, which this sampler has not.
    """
    if name == "none":
        return OneByOne()
    own, _, grace_period = name.partition(GRACE)
    if own == "asha":
        return Asha(length.after(int(grace_period)) if grace_period else length)
    if name in RAY:
        return RayScheduler(name, length)
    if not isinstance(sampler, NamedStudySampler):
        raise UserError(
            f"{name} looks at Optuna's trials, which Ray's searchers do not have. Write asha, or one of Ray's."
        )
    return Pruner(name, length, sampler)
