"""A search built from its spec: rungs, study and controller, the same for every launcher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from optuna.trial import FrozenTrial

from search_spaces import SearchSpace
from trainables import Task
from trainables.base.training.compute import Compute
from tunelab.records.measure import Measure
from tunelab.records.spec import ResolvedSpec, SweepSpec
from tunelab.records.trial import TrialRecord
from tunelab.search.asha import Rungs, rung_levels
from tunelab.search.asynchronous import AsynchronousOrder
from tunelab.search.controller import SearchController
from tunelab.search.deterministic import DeterministicOrder, history_window
from tunelab.search.journal import Journal
from tunelab.search.limits import SearchLimits
from tunelab.search.order import OrderFactory
from tunelab.search.replay import Replay
from tunelab.search.sampling.study import RANDOM_START, StudySampler
from tunelab.search.stopping import StopRule


def make_rungs(spec: ResolvedSpec, references: int = 1) -> Rungs:
    """Return the rungs of a sweep; without levels when nothing stops early.

    Args:
        spec: With its defaults filled in.
        references: Number of leading trials that are reference configurations, which are never stopped.
    """
    levels: tuple[int, ...] = ()
    if spec.scheduler == "asha":
        levels = rung_levels(spec.grace_period, spec.reduction_factor, spec.max_epochs)
    return Rungs(levels, spec.reduction_factor, protected=frozenset(range(references)))


def make_compute(spec: SweepSpec) -> Compute:
    """Return what the trials of a spec compute on, and how."""
    device = "auto" if spec.gpus_per_trial else "cpu"
    return Compute(device, max(1, int(spec.cpus_per_trial)), spec.bf16, spec.compile)


def make_study(
    spec: ResolvedSpec, task: Task, space: SearchSpace, warm_start: Sequence[FrozenTrial] = ()
) -> StudySampler:
    """Return the study of a sweep.

    Args:
        spec: Gives sampler, seed and fixed parameters.
        task: Gives the reference configuration.
        space: What is searched.
        warm_start: Finished trials of an earlier sweep to learn from.

    Raises:
        UserError: The sampler cannot be made, or cannot search this space.
    """
    return StudySampler(
        space,
        spec.sampler,
        spec.seed,
        reference=task.reference,
        further_references=task.further_references,
        fixed=spec.fixed,
        warm_start=warm_start,
        objectives=task.facts.objectives,
        max_epochs=spec.max_epochs,
        random_start=min(RANDOM_START, spec.trials // 2),
    )


def make_controller(
    spec: ResolvedSpec,
    task: Task,
    space: SearchSpace,
    journal: Journal,
    limits: SearchLimits,
    *,
    warm_start: Sequence[FrozenTrial] = (),
    restored: Replay | None = None,
    on_trial_end: Callable[[TrialRecord], None] = lambda record: None,
) -> SearchController:
    """Return the controller of a search.

    Args:
        spec: With its defaults filled in; gives sampler, scheduler, seed, fixed parameters and order.
        task: Gives the reference configuration.
        space: What is searched.
        journal: Where everything is written before it counts.
        limits: What the search may spend.
        warm_start: Finished trials of an earlier sweep to learn from.
        restored: What an interrupted sweep's journal holds.
        on_trial_end: Called with each record that is final.
    """
    order: OrderFactory = AsynchronousOrder
    if spec.deterministic:
        order = partial(DeterministicOrder, history_window=history_window(limits.concurrency))
    study = make_study(spec, task, space, warm_start)
    return SearchController(
        limits,
        study,
        make_rungs(spec, study.references),
        journal,
        spec.seed,
        order=order,
        stop=StopRule(spec.stop, Measure.from_facts(task.facts)),
        restored=restored,
        on_trial_end=on_trial_end,
    )
