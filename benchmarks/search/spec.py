"""What a benchmark of search methods compares: validated once, before anything trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from search_spaces import UserError, unknown
from trainables import task_classes

TASKS = ("wine", "heart_disease", "boston_housing", "auto_mpg")
METHODS = ("tpe+asha", "tpe+none", "random+asha", "random+none")
FULL_TRIALS = 12  # a run's budget: the epochs of so many trials at full length


@dataclass(frozen=True)
class Method:
    """A sampler with a scheduler.

    Attributes:
        sampler: ``tpe``, ``random``, or the name of a sampler of Optuna, e.g. ``GPSampler``.
        scheduler: ``asha``, ``none``, or the name of a pruner of Optuna, e.g. ``MedianPruner``.
    """

    sampler: str
    scheduler: str

    @property
    def name(self) -> str:
        return f"{self.sampler}+{self.scheduler}"


@dataclass(frozen=True)
class SearchSpec:
    """A benchmark.

    Attributes:
        tasks: names of bundled tasks.
        methods: names such as ``tpe+asha``.
        seeds: repetitions; each has the same proposals' and trials' seeds for every method.
        full_trials: a run trains as many epochs as so many trials of full length.
        seed: from which the repetitions' seeds are derived.
    """

    tasks: tuple[str, ...] = TASKS
    methods: tuple[str, ...] = METHODS
    seeds: int = 5
    full_trials: int = FULL_TRIALS
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "tasks": list(self.tasks), "methods": list(self.methods)}

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> SearchSpec:
        return cls(**{**values, "tasks": tuple(values["tasks"]), "methods": tuple(values["methods"])})


def check(spec: SearchSpec) -> list[Method]:
    """The spec's methods.

    Raises:
        UserError: an unknown task, sampler or scheduler, fewer than two methods, or a number below its least.
    """
    known = {name for name, cls in task_classes().items() if hasattr(cls, "facts")}
    for task in spec.tasks:
        if task not in known:
            raise unknown("task", task, known)
    if len(set(spec.methods)) < 2 or len(set(spec.methods)) < len(spec.methods):
        raise UserError(f"--methods takes two or more different methods, got {', '.join(spec.methods)}.")
    for option, value, least in (("seeds", spec.seeds, 2), ("full-trials", spec.full_trials, 1)):
        if value < least:
            raise UserError(f"--{option} must be {least} or more, got {value}.")
    return [parse_method(name) for name in spec.methods]


def parse_method(text: str) -> Method:
    """``tpe+asha`` to a method; raises ``UserError`` for a name that neither this project nor Optuna has."""
    import optuna

    sampler, plus, scheduler = text.partition("+")
    if not plus:
        raise UserError(f"Method '{text}' must be SAMPLER+SCHEDULER, e.g. tpe+asha.")
    samplers = {"tpe", "random"} | _classes(optuna.samplers, "Sampler")
    pruners = {"asha", "none"} | _classes(optuna.pruners, "Pruner")
    if sampler not in samplers:
        raise unknown("sampler", sampler, samplers)
    if scheduler not in pruners:
        raise unknown("scheduler", scheduler, pruners)
    return Method(sampler, scheduler)


def _classes(module: Any, ending: str) -> set[str]:
    """Classes that can be made without arguments but a seed: no base classes, no wrappers around another."""
    excluded = {"BaseSampler", "BasePruner", "PartialFixedSampler", "GridSampler", "BruteForceSampler"}
    excluded |= {"PatientPruner", "PercentilePruner", "ThresholdPruner"}
    return {name for name in module.__all__ if name.endswith(ending)} - excluded
