"""Points of a Pareto front on fresh seeds: which hold, which luck put there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from trainables.base.contract.objective import Objective
from trainables.base.worker.assignment import TrialAssignment
from tunelab.analysis.front import front_text
from tunelab.confirmation.front import confirm_front_with
from tunelab.records.front import FrontPoint, ParetoFront, PointOutcome
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus

OBJECTIVES = (Objective("accuracy", "maximize"), Objective("latency_ms"))
# by trial: true accuracy, true latency, noise of both, and by how much a constraint is violated
TRUE = {
    0: (0.90, 50.0, 0.001, -1.0),
    1: (0.80, 10.0, 0.001, -1.0),
    2: (0.70, 30.0, 0.001, -1.0),  # worse than 1 in both: on the front of the search by luck
    3: (0.95, 70.0, 0.001, 0.5),  # not allowed
    4: (0.8001, 10.2, 0.05, -1.0),  # cannot be told from 1
    5: (0.60, 5.0, 0.0, -1.0),  # its runs fail
}


def record(number: int, config: dict[str, int], accuracy: float, latency: float, violated: float) -> TrialRecord:
    metrics = {"accuracy": accuracy, "latency_ms": latency, "constraint_memory": violated}
    status = TrialStatus.FAILED if config["is"] == 5 else TrialStatus.FINISHED
    return TrialRecord(number, {}, config, 0, 3, status, (Epoch(1, -accuracy, metrics, 1.0),))


def train(plans: Sequence[TrialAssignment]) -> list[TrialRecord]:
    found = []
    for plan in plans:
        accuracy, latency, noise, violated = TRUE[int(plan.config["is"])]
        shift = np.random.default_rng([plan.seed % 1000, int(plan.config["is"])]).normal(size=2) * noise
        found.append(record(plan.number, dict(plan.config), accuracy + shift[0], latency * (1 + shift[1]), violated))
    return found


@pytest.fixture
def front() -> ParetoFront:
    points = tuple(FrontPoint(number, (accuracy, latency)) for number, (accuracy, latency, *_) in TRUE.items())
    trials = [record(number, {"is": number}, values[0], values[1], -1.0) for number, values in TRUE.items()]
    return confirm_front_with(train, ParetoFront(OBJECTIVES, points), trials, seed=0, seeds=5)


def test_points_hold_or_are_marked_as_luck(front: ParetoFront) -> None:
    outcomes = {point.trial: point.outcome for point in front.points}
    assert outcomes[0] is PointOutcome.HOLDS
    assert outcomes[2] is PointOutcome.LUCK
    assert outcomes[3] is PointOutcome.LUCK
    assert outcomes[5] is PointOutcome.FAILED
    assert {outcomes[1], outcomes[4]} <= {PointOutcome.HOLDS, PointOutcome.UNCLEAR}
    beaten = {point.trial: point.beaten_by for point in front.points}
    assert beaten[2] in (1, 4)
    assert beaten[0] is None


def test_values_are_in_the_users_terms_and_the_leader_holds(front: ParetoFront) -> None:
    first = front.points[0]
    assert first.means[0] == pytest.approx(0.9, abs=0.01)
    assert first.means[1] == pytest.approx(50, rel=0.01)
    assert len(first.fresh) == len(front.seeds) == 5
    assert front.leader is first  # trial 3 is more accurate, and not allowed
    assert front.train_seconds == pytest.approx(5 * len(TRUE))
    text = front_text(front)
    assert "put there by luck (trial 2, 3)" in text
    assert "1 without a result there" in text


def test_points_that_were_not_trained_again_say_so() -> None:
    points = tuple(FrontPoint(number, (accuracy, latency)) for number, (accuracy, latency, *_) in TRUE.items())
    trials = [record(0, {"is": 0}, 0.9, 50.0, -1.0)]
    found = confirm_front_with(train, ParetoFront(OBJECTIVES, points), trials, seed=0, seeds=2)
    assert [p.outcome for p in found.points[:2]] == [PointOutcome.HOLDS, PointOutcome.UNCONFIRMED]
