"""What a benchmark of search methods compares: validated once, before anything trains."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.harness.spec import SuiteSpec
from search_spaces import UserError, unknown
from trainables import get_task, task_classes
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus

TASKS = ("wine", "heart_disease", "boston_housing", "auto_mpg")
METHODS = ("curves+asha", "tpe+asha", "tpe+none", "random+asha", "random+none")
REHEARSED = 3  # trials
FULL_TRIALS = 12  # a run's budget: the epochs of this many trials at full length


@dataclass(frozen=True)
class Method:
    """A sampler with a scheduler.

    Attributes:
        sampler: ``curves``, ``tpe``, ``random``, or a name from Optuna or Ray, e.g. ``GPSampler``, ``HyperOptSearch``.
        scheduler: ``asha``, ``asha@3`` with a grace period of 3 epochs, ``none``, or a name from Optuna or Ray, e.g.
            ``MedianPruner``, ``HyperBandScheduler``.
    """

    sampler: str
    scheduler: str

    @property
    def name(self) -> str:
        return f"{self.sampler}+{self.scheduler}"


@dataclass(frozen=True)
class SearchSpec(SuiteSpec):
    """A benchmark.

    Attributes:
        tasks: names of bundled tasks.
        methods: names such as ``tpe+asha``.
        seeds: repetitions; each has the same proposals' and trials' seeds for every method.
        full_trials: a run trains as many epochs as this many trials of full length.
        seed: from which the repetitions' seeds are derived.
    """

    tasks: tuple[str, ...] = TASKS
    methods: tuple[str, ...] = METHODS
    seeds: int = 5
    full_trials: int = FULL_TRIALS
    seed: int = 0


def check(spec: SearchSpec) -> list[Method]:
    """Check the spec and return its methods.

    Raises:
        UserError: an unknown task, sampler or scheduler, one that cannot be made here, fewer than two methods, or a
            number below its least.
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
    methods = [parse_method(name) for name in spec.methods]
    for method in methods:
        for task in spec.tasks:
            rehearse(task, method)
    return methods


def parse_method(text: str) -> Method:
    """``tpe+asha`` to a method; raises ``UserError`` for a name that neither this project nor Optuna nor Ray has."""
    from benchmarks.search.samplers import sampler_names
    from benchmarks.search.schedulers import GRACE, REFUSED, scheduler_names

    sampler, plus, scheduler = text.partition("+")
    if not plus:
        raise UserError(f"Method '{text}' must be SAMPLER+SCHEDULER, e.g. tpe+asha.")
    if sampler not in sampler_names():
        raise unknown("sampler", sampler, sampler_names())
    if scheduler in REFUSED:
        raise UserError(f"Method '{text}': {scheduler} cannot be compared here, for {REFUSED[scheduler]}.")
    own, mark, grace_period = scheduler.partition(GRACE)
    if mark and (own != "asha" or not grace_period.isdecimal() or int(grace_period) < 1):
        raise UserError(f"Method '{text}': only asha takes a grace period, in epochs, e.g. tpe+asha@3.")
    if own not in scheduler_names():
        raise unknown("scheduler", own, scheduler_names())
    return Method(sampler, scheduler)


def rehearse(task: str, method: Method) -> None:
    """Make a method's parts for a task and propose a few trials; raise ``UserError`` for what cannot be made."""
    from benchmarks.search.samplers import make_sampler
    from benchmarks.search.schedulers import TrialLength, make_scheduler

    found = get_task(task)
    sampler = make_sampler(method.sampler, found.space(), 0, found.facts.max_epochs)
    make_scheduler(method.scheduler, TrialLength.from_facts(found.facts), sampler)
    for number in range(REHEARSED):
        params, config = sampler.suggest(number)
        epochs = (Epoch(1, 1.0 + number, {}, 0.0),)
        sampler.tell(TrialRecord(number, params, config, 0, 1, TrialStatus.FINISHED, epochs))
