"""The check of a GPU: every row has its line, whatever becomes of the others; as a whole on the CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu_check.__main__ import main
from benchmarks.gpu_check.catalogue import ROWS
from benchmarks.gpu_check.row import CPU, SETTINGS, Row, Status
from benchmarks.gpu_check.run import run_rows
from tests.benchmarks.gpu_check.toy_rows import count, crash, hang, need_card, raise_error

SECONDS = 120.0  # far more than a row needs


def check(rows: list[Row], folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and the rows of the JSON file."""
    out = folder / "out.json"
    code = main(["--device", "cpu", "--output", str(out)], rows)
    return code, json.loads(out.read_text("utf-8"))["rows"]


def test_a_row_that_fails_crashes_or_hangs_ends_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Row("error", raise_error, SECONDS),
        Row("crash", crash, SECONDS),
        Row("hang", hang, 1.0),
        Row("card", need_card, SECONDS),
        Row("count", count, SECONDS, (7,)),
    ]
    code, found = check(rows, tmp_path)
    assert code == 1
    assert [row["status"] for row in found] == ["failed", "failed", "failed", "skipped", "ok"]
    error, crashed, hung, card, counted = found
    assert "the card is on fire" in error["reason"]
    assert "in raise_error" in error["log"]
    assert "status 7" in crashed["reason"]
    assert crashed["log"] == "last words\n"
    assert hung["reason"] == "not done after 1 s"
    assert card["reason"] == "no CUDA"
    assert (counted["figure"], counted["values"]) == ("7 | on cpu", {"number": 7})
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(rows)
    assert r"7 \| on cpu" in lines[-1]


def test_skipped_rows_are_not_a_failure(tmp_path: Path) -> None:
    code, found = check([Row("card", need_card, SECONDS), Row("count", count, SECONDS, (1,))], tmp_path)
    assert code == 0
    assert [row["status"] for row in found] == ["skipped", "ok"]


def test_a_row_without_time_left_is_skipped_with_the_reason() -> None:
    said: list[str] = []
    (result,) = run_rows([Row("hang", hang, SECONDS)], SETTINGS[CPU], said.append, total=0.0)
    assert result.status is Status.SKIPPED
    assert "used up" in result.reason
    assert len(said) == 1


def test_wrong_arguments_are_refused_before_a_row_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["--output", str(tmp_path / "out.json")], []) == 2
    assert "--device cpu" in capsys.readouterr().err
    assert main(["--device", "cpu", "--output", str(tmp_path / "missing" / "out.json")], []) == 2
    assert "--output" in capsys.readouterr().err


@pytest.mark.slow
def test_all_that_a_cpu_can_measure_is_measured(tmp_path: Path) -> None:
    rows = [Row(row.what, row.measure, 600.0, row.arguments) for row in ROWS]
    results = run_rows(rows, SETTINGS[CPU], lambda text: None, total=3600.0)
    assert {r.what: r.reason + r.log for r in results if r.status is Status.FAILED} == {}
    skipped = {r.what for r in results if r.reason == "no CUDA"}
    assert skipped == {"the card", "one trial runs out of GPU memory"}
    values = {r.what: r.values for r in results}
    assert values["a trial trained again"]["identical"] is True
    generation = values["generation engine against generate"]
    assert generation["identical"] == generation["texts"]
