"""Made-up results of sweeps that never ran."""

from __future__ import annotations

from collections.abc import Sequence

from trainables import TaskFacts
from tunelab.records.data import DataDescription
from tunelab.records.result import SweepResult
from tunelab.records.spec import ResolvedSpec
from tunelab.records.trial import TrialRecord
from tunelab.system.environment import Environment, Machine


def made_up_result(trials: Sequence[TrialRecord], facts: TaskFacts, name: str = "a", uri: str = "off") -> SweepResult:
    """Return the result of a sweep with these trials."""
    return SweepResult(
        name=name,
        task=facts.name,
        spec=ResolvedSpec(
            task=facts.name, trials=len(trials) or 1, max_epochs=5, grace_period=1, name=name, tracking_uri=uri
        ),
        facts=facts,
        data=DataDescription("0" * 64, 0, 60, 20, 20),
        environment=Environment({}, "", Machine("", 1, "", ""), ""),
        trials=tuple(trials),
        concurrency=1,
        started=1.8e9,
        wall_seconds=1.0,
        fit_seconds=1.0,
        tracking_uri=uri,
    )
