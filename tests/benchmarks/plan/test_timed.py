"""Benchmarks of time: begun again by the same command, never verified, refused in a folder of something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness.lockfile import open_folder, read_lock
from benchmarks.harness.suite import REPORT, run_suite
from benchmarks.harness.verify import verify
from benchmarks.plan.run import Comparison, Costs, PlanSuite
from search_spaces import UserError


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> PlanSuite:
    costs = Costs(10.0, 100, 10**9, 10**6)
    monkeypatch.setattr("benchmarks.plan.run.compare", lambda task, options: Comparison(task, costs, costs, (50, 150)))
    return PlanSuite(["wine"], ["--trials", "4"])


def test_the_same_command_begins_again_with_the_provenance_of_now(suite: PlanSuite, tmp_path: Path) -> None:
    told: list[str] = []
    run_suite(suite, tmp_path / "out", told.append)
    first = read_lock(tmp_path / "out")
    assert first["status"] == "complete"
    (tmp_path / "out" / "runs.json").unlink()
    run_suite(suite, tmp_path / "out", told.append)
    assert len(told) == 2
    assert read_lock(tmp_path / "out")["results"] == first["results"]
    assert (tmp_path / "out" / REPORT).is_file()


def test_what_measures_time_cannot_be_verified(suite: PlanSuite, tmp_path: Path) -> None:
    run_suite(suite, tmp_path / "out", print)
    with pytest.raises(UserError, match="which no repetition reproduces"):
        verify(tmp_path / "out")


def test_a_folder_of_another_benchmark_is_refused(suite: PlanSuite, tmp_path: Path) -> None:
    open_folder(tmp_path / "out", "speed", {})
    before = (tmp_path / "out" / "benchmark.lock.json").read_bytes()
    with pytest.raises(UserError, match="holds another benchmark"):
        run_suite(suite, tmp_path / "out", print)
    assert (tmp_path / "out" / "benchmark.lock.json").read_bytes() == before
