"""Trials of sweeps as trials of Optuna: for a study that is rebuilt, learns from another sweep, or is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces import SearchSpace
from search_spaces.distributions import contains, read_domain
from search_spaces.optuna_logging import quiet_optuna
from search_spaces.values import hashable
from trainables.base.contract.objective import Objective
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.sampling.fixed_parameters import fitting_params

STATES = {
    TrialStatus.FINISHED: TrialState.COMPLETE,
    TrialStatus.STOPPED: TrialState.PRUNED,
    TrialStatus.DIVERGED: TrialState.FAIL,
    TrialStatus.FAILED: TrialState.FAIL,
    TrialStatus.INTERRUPTED: TrialState.FAIL,
    TrialStatus.RUNNING: TrialState.RUNNING,
}


def to_optuna(
    record: TrialRecord,
    space: SearchSpace,
    domains: Mapping[str, BaseDistribution],
    objectives: Sequence[Objective] = (),
) -> FrozenTrial:
    """Return a trial as Optuna keeps it, for a study rebuilt from records.

    Args:
        record: The trial.
        space: Of the study.
        domains: Its distributions. Where the space has dropped a choice of the trial, the other parameters count.
        objectives: Of a study with several; its values are losses.
    """
    record = replace(record, params=space.named(record.params))
    probe = optuna.trial.FixedTrial(dict(record.params))
    try:
        space(probe)
        distributions = probe.distributions
    except ValueError:
        record = replace(record, params=fitting_params(record.params, domains))
        distributions = {name: domains[name] for name in record.params}
    return _frozen(record, distributions, losses_of(record, objectives), curve_of(record, objectives))


def losses_of(record: TrialRecord, objectives: Sequence[Objective] = ()) -> list[float] | None:
    """Return the values that a study is told of a trial, lower is better; None where it has none.

    With several objectives a trial that was stopped early has none: Optuna knows no order of such trials.
    """
    state = STATES[record.status]
    if objectives:
        return list(record.losses(objectives)) if state is TrialState.COMPLETE else None
    return [record.val_loss] if state in (TrialState.COMPLETE, TrialState.PRUNED) else None


def curve_of(record: TrialRecord, objectives: Sequence[Objective] = ()) -> dict[int, float]:
    """Return the finite validation losses by epoch; none with several objectives, where Optuna takes no curves."""
    return {} if objectives else {e.epoch: e.val_loss for e in record.epochs if math.isfinite(e.val_loss)}


def constraint_attributes(record: TrialRecord) -> dict[str, Any]:
    """Return the attributes in which Optuna keeps a trial's constraints."""
    return dict(create_trial(state=TrialState.RUNNING, constraints=record.constraints).system_attrs)


def _frozen(
    record: TrialRecord,
    distributions: dict[str, BaseDistribution],
    values: Sequence[float] | None,
    curve: dict[int, float],
) -> FrozenTrial:
    state = STATES[record.status]
    frozen = create_trial(
        state=state,
        values=values,
        params={name: hashable(value) for name, value in record.params.items()},
        distributions=distributions,
        intermediate_values=curve if state != TrialState.RUNNING else {},
        constraints=record.constraints if state != TrialState.RUNNING else {},
        user_attrs={"run_id": record.run_id, "status": str(record.status)},
    )
    if record.started:  # Optuna's own times would be those of this call
        frozen.datetime_start = datetime.fromtimestamp(record.started)
    if record.ended and frozen.datetime_complete is not None:
        frozen.datetime_complete = datetime.fromtimestamp(record.ended)
    return frozen


def fitting_trials(
    records: Sequence[TrialRecord], space: SearchSpace, objectives: Sequence[Objective] = ()
) -> list[FrozenTrial]:
    """Return what a study of ``space`` can learn from the trials of another one.

    These are the trials with a result, reduced to the parameters whose values lie in the space.

    Args:
        records: Of the other study.
        space: Of this one.
        objectives: Of this one, where there are several: trials that did not report them all are left out.
    """
    distributions = space.distributions()
    fitting = []
    for record in records:
        kept = fitting_params(space.named(record.params), distributions)
        known = record.best is not None and {o.metric for o in objectives[1:]} <= set(record.best.metrics)
        values = losses_of(record, objectives) if known else None
        if values is not None and kept:
            fitting.append(
                create_trial(
                    state=STATES[record.status],
                    values=values,
                    params=kept,
                    distributions={name: distributions[name] for name in kept},
                    intermediate_values=curve_of(record, objectives),
                    constraints=record.constraints,
                )
            )
    return fitting


def study_of(result: SweepResult) -> optuna.Study:
    """Return a sweep as an Optuna study, for ``optuna.visualization`` and ``optuna.importance``.

    Its trials have their curves, and are COMPLETE, PRUNED or FAIL; values and directions are the user's own. Trials
    outside the space are left out: a reference configuration may be one.
    """
    objectives = result.facts.objectives
    directions = [StudyDirection[objective.direction.upper()] for objective in objectives]
    if not objectives:
        directions = [StudyDirection.MAXIMIZE if result.measure.is_maximised else StudyDirection.MINIMIZE]
    known = {name: read_domain(d) for name, d in result.space.items()}
    with quiet_optuna():
        study = optuna.create_study(study_name=result.name, directions=directions)
    for record in result.trials:
        if all(name in known and contains(known[name], value) for name, value in record.params.items()):
            values = losses_of(record, objectives)
            if values is not None and objectives:
                values = [objective.loss(value) for objective, value in zip(objectives, values, strict=True)]
            elif values is not None:
                values = [result.measure.value(value) for value in values]
            curve = {epoch: result.measure.value(loss) for epoch, loss in curve_of(record, objectives).items()}
            distributions = {name: known[name] for name in record.params}
            study.add_trial(_frozen(record, distributions, values, curve))
    return study
