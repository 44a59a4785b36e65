"""The beginning of a session: what earlier ones left, and the journal's note of this one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

from tunelab.evaluation.candidates import kept_weights
from tunelab.evaluation.weights import LeadingWeights
from tunelab.records.data import DataDescription
from tunelab.records.result import SweepResult
from tunelab.records.spec import public_spec
from tunelab.records.trial import TrialStatus
from tunelab.search.events import Started
from tunelab.search.journal import Journal, read_events
from tunelab.search.replay import Replay, replay
from tunelab.search.steering import Steering
from tunelab.setup.fingerprint import check_continues, identity
from tunelab.setup.named_files import named_files, named_places
from tunelab.sweep.preparation import PreparedSweep
from tunelab.sweep.tracking import SweepTracking
from tunelab.system.environment import Environment
from tunelab.system.redaction import without_secrets
from tunelab.system.trust import remember


@dataclass(frozen=True)
class BegunSweep:
    """A sweep whose session has begun.

    Attributes:
        prepared: The sweep.
        journal: This process's, open.
        earlier: What the sessions before left; None for a new sweep.
        weights: Of the leading trials.
        result: Without trials.
    """

    prepared: PreparedSweep
    journal: Journal
    earlier: Replay | None
    weights: LeadingWeights
    result: SweepResult


def earlier_sessions(prepared: PreparedSweep) -> Replay | None:
    """Return what earlier sessions of the sweep left; None for a new one.

    Raises:
        UserError: The sweep of this name was another one, or its journal cannot be read.
    """
    resolved = prepared.resolved
    found = replay(read_events(resolved.folder))
    if not found.sessions:
        return None
    check_continues(found.sessions, resolved.spec, prepared.splits.training.digest, resolved.own_space)
    return found


def finished_result(prepared: PreparedSweep, earlier: Replay | None, tracking: SweepTracking) -> SweepResult | None:
    """Return the result of a sweep that is complete and in the store; None where something is left to do."""
    complete = earlier is not None and earlier.is_finished and earlier.parent_run_id and tracking.store.keeps
    if earlier is None or not complete:
        return None
    spec = prepared.resolved.spec
    extended = spec.trials > int(earlier.sessions[-1].spec["trials"])
    if len(earlier.trials) < Steering(earlier.steered).trials(spec.trials, finish=not extended):
        return None
    return tracking.store.load(earlier.parent_run_id)


def begin(
    prepared: PreparedSweep, journal: Journal, earlier: Replay | None, tracking: SweepTracking, began: float
) -> BegunSweep:
    """Note in the journal what begins, and take up the parent run.

    Args:
        prepared: The sweep.
        journal: Open, of this process.
        earlier: What the sessions before left; None for a new sweep.
        tracking: Of the sweep.
        began: Unix time in seconds at which the session began.
    """
    resolved = prepared.resolved
    result = empty_result(prepared, began)
    key = token_hex(16)
    if earlier is not None:
        first = earlier.sessions[0]
        result = replace(
            result,
            started=first.time,
            test_openings=earlier.test_openings,
            wall_seconds=earlier.wall_seconds,
            fit_seconds=earlier.fit_seconds,
        )
        key = first.key
    same = identity(resolved.spec, prepared.splits.training.digest, resolved.space)
    measure = result.measure
    journal.append(
        Started(
            **vars(same),
            key=key,
            time=began,
            folder=str(Path.cwd()),
            concurrency=prepared.concurrency,
            metric=measure.name,
            is_maximised=measure.is_maximised,
            further_metrics=[objective.metric for objective in resolved.task.facts.objectives[1:]],
            score=f"val_{resolved.task.facts.score}",
        )
    )
    remember([*named_files(same.spec, Path.cwd()), *named_places(same.spec)])
    result = tracking.begin(result, key, journal)
    return BegunSweep(prepared, journal, earlier, _leading_weights(prepared, earlier), result)


def empty_result(prepared: PreparedSweep, began: float) -> SweepResult:
    """Return the result of a sweep that has no trials yet."""
    resolved = prepared.resolved
    spec, task = resolved.spec, resolved.task
    return SweepResult(
        name=spec.name,
        task=task.facts.name,
        spec=public_spec(spec),
        facts=task.facts,
        data=DataDescription.from_splits(task, prepared.splits, spec.split_seed),
        environment=Environment.here(),
        trials=(),
        concurrency=prepared.concurrency,
        started=began,
        wall_seconds=0.0,
        fit_seconds=0.0,
        tracking_uri=without_secrets(spec.tracking_uri),
        space=resolved.space.describe(),
    )


def _leading_weights(prepared: PreparedSweep, earlier: Replay | None) -> LeadingWeights:
    spec = prepared.resolved.spec
    weights = LeadingWeights(prepared.resolved.storage, kept_weights(spec))
    for trial in earlier.trials if earlier is not None else ():
        if trial.status != TrialStatus.RUNNING:
            weights.ended(trial)
    return weights
