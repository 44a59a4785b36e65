"""The audit of early stopping: curves that cross are flagged, curves that keep their order are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.toys import TOY, Toy
from trainables import Task, TrainingData
from trainables.base.worker.assignment import TrialAssignment
from tunelab.confirmation.audit import audit
from tunelab.launch.local import search_here
from tunelab.launch.resources import Resources
from tunelab.launch.retraining import retrain_here
from tunelab.records.assessment.audit import Audit
from tunelab.records.spec import SweepSpec

SWEEPS = 8


@pytest.fixture(autouse=True)
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    def retrain(plans: Sequence[TrialAssignment], task: Task, data: TrainingData, *rest: Any) -> Any:
        return retrain_here(plans, task, data)

    monkeypatch.setattr("tunelab.confirmation.audit.retrain_on_ray", retrain)


def audited(curve: str, seed: int, **settings: Any) -> tuple[Audit | None, list[str]]:
    """The audit of five stopped trials of a sweep on formulas, and what it said."""
    said: list[str] = []
    task = Toy(curve=curve)
    splits = task.load()
    result = search_here(SweepSpec(task=TOY, trials=30, max_epochs=27, seed=seed, **settings), task, splits)
    return audit(result, task, splits, Resources(), count=5, log=said.append), said


def whole_audit(curve: str, seed: int) -> Audit:
    found = audited(curve, seed)[0]
    assert found is not None
    return found


def test_curves_that_cross_are_flagged() -> None:
    found = [whole_audit("crossing", seed) for seed in range(SWEEPS)]
    assert all(audit.flagged for audit in found)
    assert all("Early stopping costs results here" in audit.verdict for audit in found)
    assert all(audit.rank_correlation is not None and audit.rank_correlation < -0.5 for audit in found)


def test_curves_that_keep_their_order_are_not_flagged() -> None:
    found = [whole_audit("monotone", seed) for seed in range(SWEEPS)]
    assert not any(audit.flagged for audit in found)
    assert all(audit.regret == 0 for audit in found)
    assert all(row.same_until_rung for audit in found for row in audit.rows)


def test_an_audit_of_nothing_says_so() -> None:
    found, said = audited("monotone", 0, scheduler="none")
    assert found is None
    assert said == ["--audit 5: no trial was stopped early, so there is nothing to finish"]
