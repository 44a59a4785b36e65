"""The benchmark on tables: what it reads, refuses, keeps and reports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.cli.main import app
from benchmarks.tables.interval import error_interval
from benchmarks.tables.report import compare, make_tables_document
from benchmarks.tables.run import RESULTS, run
from benchmarks.tables.spec import FILE, TablesSpec, read_tables
from benchmarks.tables.systems import missing_system
from search_spaces import UserError
from tests.korean import english
from trainables.base.kinds.registry import row_kind
from tunelab.documents.blocks import Table
from tunelab.documents.markdown import to_markdown
from tunelab.records.assessment.optimism import Optimism

SMALL = "tables:\n  - {task: wine}\n  - {data: points.csv, target: y, name: points}\nseeds: [0, 1]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return with_tables(tmp_path)


def with_tables(folder: Path) -> Path:
    """Write a list of two tables, and the rows of one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    rows = [f"{a:.4f},{b:.4f},{a * b + 0.1 * c:.4f}" for (a, b), c in zip(x, rng.normal(size=200), strict=True)]
    (folder / "points.csv").write_text("a,b,y\n" + "\n".join(rows))
    (folder / FILE).write_text(SMALL + "systems: [lightgbm, scikit-learn]\n")
    return folder


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tables with the results of a first call."""
    folder = with_tables(tmp_path_factory.mktemp("ranked"))
    first = CliRunner().invoke(app, ["tables", str(folder), "--output", str(folder / "out")])
    assert first.exit_code == 0, first.output
    return folder


def test_systems_are_ranked_on_the_same_rows_and_a_second_call_keeps_what_is_done(
    ranked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, command = ranked, ["tables", str(ranked), "--output", str(ranked / "out")]
    scores = json.loads((folder / "out" / RESULTS).read_text())
    assert [(s["table"], s["seed"], s["system"]) for s in scores[:3]] == [
        ("wine", 0, "lightgbm"),
        ("wine", 0, "scikit-learn"),
        ("wine", 1, "lightgbm"),
    ]
    assert len(scores) == 8
    assert all(s["value"] > 0.8 and s["error"] == 1 - s["value"] for s in scores if s["table"] == "wine")
    assert all(0.1 < s["error"] < 1 for s in scores if s["table"] == "points")
    assert all(s["low"] <= s["error"] <= s["high"] for s in scores)
    assert "average rank" in (folder / "out" / "report.html").read_text()
    monkeypatch.setenv("TUNELAB_LANGUAGE", "en")
    again = CliRunner().invoke(app, [*command, "--language", "ko"])
    assert again.exit_code == 0
    assert "seed 0" not in again.output
    assert "평균 순위" in (folder / "out" / "report.html").read_text()
    results = run(read_tables(folder), folder / "out", print)
    found = [block for section in make_tables_document(results).sections for block in section.blocks]
    (table,) = [block for block in found if isinstance(block, Table) and len(block.columns) > 5]
    assert {row[0]: row[1] for row in table.rows} == {"wine": "accuracy ↑", "points": "rmse ↓"}
    assert results.highest_errors().shape == results.errors().shape
    assert english(make_tables_document(results), ("lightgbm", "scikit-learn")) == []
    assert json.loads((folder / "out" / RESULTS).read_text()) == scores


def test_the_report_says_how_often_the_loss_to_be_expected_held(ranked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = run(read_tables(ranked), ranked / "out", print)
    held = Optimism(0.20, 0.24, 0.20, 0.30, 40, 0.25, 20, 12, 12, 500)
    missed = replace(held, test_loss=0.40)
    scores = [replace(results.scores[0], optimism=held), replace(results.scores[1], optimism=missed)]
    document = make_tables_document(replace(results, scores=(*scores, *results.scores[2:])))
    page = to_markdown(document)
    assert "in 1 of 2 searches" in page
    assert "validation loss by +35.0 % (± 15.0 %) and from the expected loss by +22.0 %" in page
    plain = to_markdown(make_tables_document(results))
    assert "Loss to be expected" not in plain
    assert "bench verify" not in plain  # it refuses what a clock decides
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    document = make_tables_document(replace(results, scores=(*scores, *results.scores[2:])))
    assert "탐색 2개 중 1개" in to_markdown(document)
    assert english(document, ("lightgbm", "scikit-learn")) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tables: []", "must have a list 'tables'"),
        ("tables: [{target: y}]", "needs 'data' and 'target', or 'task'"),
        ("tables: [{task: mnist}]", "is not a table"),
        ("tables: [{task: wine}, {task: wine}]", "Two tables are called 'wine'"),
        ("tables: [{task: wine}]\nsystems: [lightgbm]", "two systems or more"),
        ("tables: [{task: wine}]\nsystems: [lightgbm, sklearn]", "Did you mean 'scikit-learn'"),
        ("tables: [{task: wine}]\nseeds: [-1]", "whole numbers from 0"),
        ("tables: [{task: wine}]\nsedes: [1]", "Did you mean 'seeds'"),
        ("tables: [", "is not valid YAML"),
    ],
)
def test_a_list_of_tables_that_cannot_be_run_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError, match=says):
        read_tables(tmp_path)


def test_the_list_goes_into_the_lock_and_back(folder: Path) -> None:
    spec = read_tables(folder)
    assert TablesSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert spec.time_budget == 120
    with pytest.raises(UserError, match="holds"):
        read_tables(folder / "nowhere")


@pytest.mark.skipif(missing_system("autogluon") is None, reason="AutoGluon is installed")
def test_a_system_that_is_not_installed_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("tables: [{task: wine}]\nsystems: [lightgbm, autogluon]")
    with pytest.raises(UserError, match=r"needs the package 'autogluon\.tabular'"):
        read_tables(tmp_path)


def test_an_interval_of_an_error_is_about_as_wide_as_theory_says() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(2, size=400)
    right = rng.random(400) < 0.8
    outputs = np.where(right == (targets == 1), 1.0, -1.0)[:, None]
    facts = {"classes": ["0", "1"], "n_outputs": 1}
    low, high = error_interval(row_kind("binary"), outputs, targets.astype(str), facts, "accuracy", "maximize")
    assert low < 1 - right.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 400), rel=0.2)


def test_small_differences_are_ties() -> None:
    own, other = np.array([1.0, 1.0, 1.0, 0.0]), np.array([1.004, 1.1, 0.9, 0.0])
    assert compare(own, other) == (1, 2, 1)


@pytest.mark.slow
def test_a_sweep_is_one_of_the_systems(folder: Path) -> None:
    (folder / FILE).write_text("tables: [{task: wine}]\nseeds: [0]\ntime_budget: 45s\nsystems: [tunelab, lightgbm]\n")
    done = CliRunner().invoke(app, ["tables", str(folder), "--output", str(folder / "out")])
    assert done.exit_code == 0, done.output
    assert "tunelab on 1 tables: against lightgbm" in done.output
    assert "Loss to be expected" in (folder / "out" / "report.html").read_text()


@pytest.mark.slow
def test_ctrl_c_in_a_sweep_keeps_what_is_done(folder: Path) -> None:
    (folder / FILE).write_text("tables: [{task: wine}]\nseeds: [0]\nsystems: [lightgbm, tunelab]\n")
    code = "from tunelab.cli.main import main; main()"
    line = [sys.executable, "-c", code, "bench", "tables", str(folder), "--output", str(folder / "out")]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    first = process.stderr.readline()
    time.sleep(10)  # of the two minutes that the sweep has
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "lightgbm" in first
    assert out == ""
    assert err.splitlines()[-1].endswith("the same command continues from there.")
    assert "Traceback" not in err
    assert "lightgbm" in (folder / "out" / "scores.jsonl").read_text()
