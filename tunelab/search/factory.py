"""A search built from its spec: rungs, study and controller, the same for every launcher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from optuna.trial import FrozenTrial

from search_spaces import SearchSpace, UserError
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
from tunelab.search.sampling.samplers import CURVES, GRID, find_sampler
from tunelab.search.sampling.study import RANDOM_START, StudySampler
from tunelab.search.stopping import NEVER, StopRule


def fill_defaults(spec: SweepSpec, task: Task, **settled: Any) -> ResolvedSpec:
    """Return a spec with the task's own trials, epochs and grace period where it gives none.

    With several objectives nothing stops early and TPE proposes, unless the spec asks for something else.

    Args:
        spec: As the user gave it.
        task: Has the defaults.
        settled: Further fields, at least ``name`` and ``tracking_uri``.
    """
    facts = task.facts
    max_epochs = spec.max_epochs or facts.max_epochs
    if facts.objectives and "scheduler" not in spec.model_fields_set:
        settled["scheduler"] = "none"
    if facts.objectives and "sampler" not in spec.model_fields_set:
        settled["sampler"] = "tpe"
    return ResolvedSpec.from_spec(
        spec,
        trials=spec.trials or facts.trials,
        max_epochs=max_epochs,
        grace_period=spec.grace_period or min(facts.grace_period, max_epochs),
        **settled,
    )


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


def settle_sampler(spec: ResolvedSpec, given_trials: int | None, task: Task, space: SearchSpace) -> ResolvedSpec:
    """Check a sweep's sampler and stop rule, and return the spec with no more trials than the grid has configurations.

    Args:
        spec: With its defaults filled in.
        given_trials: Number of trials that the user asked for; None for the whole grid.
        task: Gives the reference configuration.
        space: What is searched.

    Raises:
        UserError: The sampler cannot be made, or cannot search this space; or one of the two is for one metric alone.
    """
    if task.facts.objectives:
        names = " and ".join(objective.metric for objective in task.facts.objectives)
        if spec.sampler in (CURVES, "cmaes"):
            raise UserError(
                f"--sampler {spec.sampler} optimises one metric, not {names}: choose tpe, nsga2, gp, qmc or random."
            )
        if spec.stop != NEVER:
            raise UserError(
                f"--stop {spec.stop} looks at one metric, not at {names}: leave it out, or give --time-budget."
            )
    kind = find_sampler(spec.sampler)
    if not kind.is_own and kind.name != GRID:
        return spec
    study = make_study(spec, task, space)
    if kind.is_own:
        study.try_out()
        return spec
    return spec.model_copy(update={"trials": min(given_trials or study.grid_size, study.grid_size)})


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
