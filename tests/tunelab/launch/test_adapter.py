"""The adapter between a source of trials and Ray Tune, without Ray: actors come, report, hang and die."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from trainables.base.worker.assignment import BROKEN, TrialAssignment, TrialReport
from tunelab.launch.adapter import MAX_BARREN, TuneAdapter
from tunelab.launch.fixed_trials import FixedTrials
from tunelab.launch.worker_logs import WorkerStderr
from tunelab.records.trial import TrialStatus
from tunelab.system.errors import WorkersLost

WORKER = {"host": platform.node(), "pid": 4242}
EPOCH = [[1, 0.5, {}, 1.0]]


class Actors:
    """Actors of an adapter, and what they were told."""

    def __init__(self, folder: Path, trials: int, *, hang_timeout: float | None = None) -> None:
        self.source = FixedTrials([TrialAssignment(n, {}, 0, 3) for n in range(trials)], 2)
        self.adapter = TuneAdapter(self.source, 2, hang_timeout, WorkerStderr(folder))
        self.told: list[tuple[str, int | None]] = []

    def report(self, actor: str, report: TrialReport | None) -> bool:
        def assign(plan: TrialAssignment | None) -> None:
            self.told.append((actor, None if plan is None else plan.number))

        return self.adapter.on_result(actor, report, assign)


@pytest.fixture
def actors(tmp_path: Path) -> Actors:
    found = Actors(tmp_path, 3)
    assert found.adapter.open_actor("a") is not None
    assert found.adapter.open_actor("b") is not None
    assert found.adapter.open_actor("c") is None, "two at once"
    return found


def running(**values: Any) -> TrialReport:
    return TrialReport(rows=EPOCH, worker=WORKER, **values)


def test_actors_take_trial_after_trial(actors: Actors) -> None:
    assert actors.report("a", None)
    assert actors.report("b", None)
    assert actors.report("a", running())
    assert actors.told == [("a", 0), ("b", 1)], "an actor whose trial continues is told nothing"
    assert actors.report("a", running(outcome="finished"))
    assert actors.report("a", running(outcome="finished"))
    assert actors.told == [("a", 0), ("b", 1), ("a", 2), ("a", None)]
    assert not actors.adapter.is_over, "trial 1 runs"
    actors.report("b", running(outcome="finished"))
    assert actors.adapter.is_over
    assert [r.status for r in actors.source.records] == [TrialStatus.FINISHED] * 3


def test_a_trial_whose_worker_died_is_taken_up_by_another(actors: Actors) -> None:
    actors.report("a", None)
    actors.adapter.on_error("a", "killed by signal 9\nmore")
    actors.adapter.forget_actor("a")
    actors.report("b", None)
    assert actors.told == [("a", 0), ("b", 0)]
    actors.adapter.on_error("b", "killed by signal 9\nmore")
    assert actors.source.records[0].error == "The worker died: killed by signal 9\n\nkilled by signal 9\nmore"


def test_an_actor_that_cannot_train_any_more_ends(actors: Actors) -> None:
    actors.report("a", None)
    broken = TrialReport(outcome="failed", error="CUDA", worker={**WORKER, BROKEN: True})
    assert not actors.report("a", broken)
    assert actors.source.records[0].status is TrialStatus.FAILED


def test_workers_that_die_before_any_trial_end_the_search(actors: Actors) -> None:
    for _ in range(MAX_BARREN - 1):
        actors.adapter.on_error("a", "no torch")
    assert not actors.adapter.is_over
    actors.report("b", None)  # a worker that comes up begins the count again
    for _ in range(MAX_BARREN):
        assert actors.adapter.failure is None
        actors.adapter.on_error("a", "no torch")
    assert actors.adapter.is_over
    assert isinstance(actors.adapter.failure, WorkersLost)


def test_a_silent_worker_is_killed_once(tmp_path: Path) -> None:
    found = Actors(tmp_path, 1, hang_timeout=-1.0)  # an actor that has not reported in the future is silent
    found.adapter.open_actor("a")
    found.report("a", None)
    killed: list[str] = []
    for _ in range(2):
        found.adapter.kill_hung({"a": "handle"}, killed.append)
    assert killed == ["handle"]
    found.adapter.on_error("a", "killed")
    found.report("a", None)
    found.adapter.on_error("a", "killed")
    assert found.source.records[0].error.startswith("The worker died: killed")


def test_what_a_source_raises_ends_the_search_and_is_kept(actors: Actors, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("disk")

    monkeypatch.setattr(actors.source, "next_assignment", fail)
    assert actors.report("a", None)
    assert actors.adapter.is_over
    assert str(actors.adapter.failure) == "disk"
