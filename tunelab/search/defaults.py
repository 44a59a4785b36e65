"""A spec settled before a search is built from it: the task's defaults, and a sampler that can search this space."""

from __future__ import annotations

from typing import Any

from search_spaces import SearchSpace, UserError
from trainables import Task
from tunelab.records.spec import ResolvedSpec, SweepSpec
from tunelab.search.factory import make_study
from tunelab.search.sampling.samplers import CURVES, GRID, find_sampler
from tunelab.search.stopping import NEVER


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
