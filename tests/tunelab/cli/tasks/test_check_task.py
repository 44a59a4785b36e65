"""``tunelab check-task``: every fault is named, a line each, with an exit code that programs can rely on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tunelab.cli.main import main

MINE = """
from dataclasses import replace
from trainables.wine import Wine

class Mine(Wine):
    facts = replace(Wine.facts, name="{name}")

    def read(self):
        {read}
        return super().read()
"""


def check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *line: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["tunelab", "check-task", *line])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_a_sound_task_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(MINE.format(name="mine", read="pass"))
    code, out, _ = check(capsys, monkeypatch, str(tmp_path / "mine.py"), "--json")
    results = json.loads(out)
    assert code == 0
    assert [result["fault"] for result in results] == [None] * len(results)
    assert {"facts", "data", "seeds", "missing key", "predictor"} <= {result["name"] for result in results}


def test_a_fault_is_one_line_and_what_needs_it_is_not_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(MINE.format(name="mine", read="raise OSError('no disk\\n\\nno table')"))
    code, out, _ = check(capsys, monkeypatch, str(tmp_path / "mine.py"))
    assert code == 1
    assert "✗ loads" in out
    assert "Raised OSError: no disk no table (mine.py, line 9).\n" in out
    assert "It needs 'loads', which failed." in out
    assert out.endswith("mine.py: 1 of 2 checks failed, 11 not checked\n")


def test_a_name_that_ships_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(MINE.format(name="wine", read="pass"))
    code, out, _ = check(capsys, monkeypatch, str(tmp_path / "mine.py"))
    assert code == 1
    assert "'facts.name' is 'wine', which ships with tunelab" in out


def test_a_task_that_is_not_a_task_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("from trainables import Task\n\nclass Mine(Task):\n    pass\n")
    code, out, err = check(capsys, monkeypatch, str(tmp_path / "mine.py"))
    assert (code, out) == (2, "")
    assert "Mine lacks fit() and load()" in err
    assert "Traceback" not in err


def test_a_table_of_the_users_own_is_checked_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).normal(size=(80, 2))
    pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x.sum(axis=1)}).to_csv(tmp_path / "points.csv", index=False)
    code, out, err = check(capsys, monkeypatch, "table", "--data", str(tmp_path / "points.csv"), "--target", "y")
    assert code == 0, out + err
    assert "table: all" in out
