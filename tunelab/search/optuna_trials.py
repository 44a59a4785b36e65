"""Trials of sweeps as trials of Optuna: for a study that is rebuilt, learns from another sweep, or is shown."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime

import optuna
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces import SearchSpace
from search_spaces.optuna_logging import quiet_optuna
from search_spaces.space import contains
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.fixed_parameters import fitting_params

STATES = {
    TrialStatus.FINISHED: TrialState.COMPLETE,
    TrialStatus.STOPPED: TrialState.PRUNED,
    TrialStatus.DIVERGED: TrialState.FAIL,
    TrialStatus.FAILED: TrialState.FAIL,
    TrialStatus.INTERRUPTED: TrialState.FAIL,
    TrialStatus.RUNNING: TrialState.RUNNING,
}


def to_optuna(record: TrialRecord, space: SearchSpace) -> FrozenTrial:
    """Return a trial as Optuna keeps it, for a study rebuilt from records."""
    probe = optuna.trial.FixedTrial(dict(record.params))
    space(probe)
    return _frozen(record, probe.distributions)


def _frozen(record: TrialRecord, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    state = STATES[record.status]
    finite = {e.epoch: e.val_loss for e in record.epochs if math.isfinite(e.val_loss)}
    frozen = create_trial(
        state=state,
        value=record.val_loss if state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
        params=dict(record.params),
        distributions=distributions,
        intermediate_values=finite if state != TrialState.RUNNING else {},
        user_attrs={"run_id": record.run_id, "status": str(record.status)},
    )
    if record.started:  # Optuna's own times would be those of this call
        frozen.datetime_start = datetime.fromtimestamp(record.started)
    if record.ended and frozen.datetime_complete is not None:
        frozen.datetime_complete = datetime.fromtimestamp(record.ended)
    return frozen


def fitting_trials(records: Sequence[TrialRecord], space: SearchSpace) -> list[FrozenTrial]:
    """Return what a study of ``space`` can learn from the trials of another one.

    These are the trials with a result, reduced to the parameters whose values lie in the space.
    """
    distributions = space.distributions()
    fitting = []
    for record in records:
        kept = fitting_params(record.params, distributions)
        if record.has_result and kept:
            fitting.append(
                create_trial(
                    state=STATES[record.status],
                    value=record.val_loss,
                    params=kept,
                    distributions={name: distributions[name] for name in kept},
                    intermediate_values={e.epoch: e.val_loss for e in record.epochs if math.isfinite(e.val_loss)},
                )
            )
    return fitting


def study_of(result: SweepResult) -> optuna.Study:
    """Return a sweep as an Optuna study, for ``optuna.visualization`` and ``optuna.importance``.

    Its trials have their curves, and are COMPLETE, PRUNED or FAIL. Trials outside the space are left out: a reference
    configuration may be one.
    """
    known = {name: json_to_distribution(json.dumps(d)) for name, d in result.space.items()}
    with quiet_optuna():
        study = optuna.create_study(study_name=result.name, direction="minimize")
    for record in result.trials:
        if all(name in known and contains(known[name], value) for name, value in record.params.items()):
            study.add_trial(_frozen(record, {name: known[name] for name in record.params}))
    return study
