"""The benchmark of plans: ratios and verdict on made-up costs, and one task for real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.harness.lockfile import read_lock
from benchmarks.harness.provenance import provenance
from benchmarks.plan.report import make_plan_document, verdict
from benchmarks.plan.run import REPORT, RUNS, Comparison, Costs, PlanResults, run, within
from search_spaces import UserError
from tests.korean import english
from tunelab.documents.html import to_html


def made_up(task: str, factor: float) -> Comparison:
    measured = Costs(100.0, 1000, 2 * 10**9, 10**7)
    predicted = Costs(100 * factor, round(1000 * factor), round(factor * 2 * 10**9), round(factor * 10**7))
    return Comparison(task, predicted, measured, (round(700 * factor), round(1300 * factor)))


def test_a_prediction_is_right_within_thirty_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [made_up("a", 1.29), made_up("b", 0.71), made_up("c", 1.31), made_up("d", 0.69)]
    assert within(found, "wall_seconds") == within(found, "disk_bytes") == 2
    assert verdict(found) == (
        "Tasks whose prediction is within 30 % of what the sweep took: wall time 2/4, epochs 2/4, memory 2/4, "
        "disk 2/4. Which trials meet at a rung is chance: a plan gives the epochs between which eight of ten searches "
        "lie, and 2 of these 4 do."
    )
    results = PlanResults(("--trials", "4"), tuple(found), {"provenance": provenance()})
    html = to_html(make_plan_document(results))
    assert "1.29" in html
    assert "1 is right, above 1 is too much" in html
    assert "--trials 4" in html
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    assert english(make_plan_document(results)) == []


def test_an_unknown_task_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Unknown task 'wime'"):
        run(["wime"], [], tmp_path / "out", print)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_sweep_of_wine_is_planned_and_run(tmp_path: Path) -> None:
    said: list[str] = []
    (found,) = run(["wine"], ["--trials", "6", "--max-epochs", "9"], tmp_path, said.append)
    assert found.epochs_range[0] <= found.predicted.epochs <= found.epochs_range[1] <= 6 * 9
    assert 0.3 < found.ratio("memory_bytes") < 3
    assert 0.3 < found.ratio("disk_bytes") < 3
    assert said[0].startswith("wine: ")
    lock = read_lock(tmp_path)
    assert lock["status"] == "complete"
    assert json.loads((tmp_path / RUNS).read_text())[0]["task"] == "wine"
    assert "Plans against sweeps" in (tmp_path / REPORT).read_text(encoding="utf-8")
