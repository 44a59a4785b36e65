"""The six tables, from the command line to the test split: no warning, and better than guessing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TABLES = ("california_housing", "auto_mpg", "diamonds", "boston_housing", "heart_disease", "wine")


@pytest.mark.slow
@pytest.mark.parametrize("task", TABLES)
def test_a_short_sweep_is_quiet_and_beats_the_mean_or_majority(task: str, tmp_path: Path) -> None:
    """In a process of its own with all its warnings, as a user's."""
    line = ["sweep", task, "--trials", "8", "--max-epochs", "10", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", "from tunelab.cli.main import main; main()", *line],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr.lower(), done.stderr
    lines = [text for text in done.stderr.splitlines() if text.startswith("trial ")]
    assert len(lines) == 8
    summary = json.loads(done.stdout)
    guess = next(b for b in summary["baselines"] if b["name"] in ("mean", "majority"))
    score, sign = ("rmse", -1) if "rmse" in guess["test"] else ("accuracy", 1)
    assert sign * summary["best"]["test"][score] > sign * guess["test"][score]
