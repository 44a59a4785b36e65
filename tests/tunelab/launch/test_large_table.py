"""A large table of the user's own fits in the memory that is promised."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from tunelab.system.machine import process_tree

ROWS, NUMBERS, CATEGORIES = 1_000_000, 24, 5
PROMISED = 8e9  # bytes


@pytest.mark.slow
def test_a_million_rows_of_thirty_columns_train_within_the_promised_memory(tmp_path: Path) -> None:
    """Reading, splitting, an epoch on them in a worker, scores and baselines: the peak of all processes together."""
    rng = np.random.default_rng(0)
    columns = {f"n{i}": rng.normal(size=ROWS).round(4) for i in range(NUMBERS)}
    target = columns["n0"] - 2 * columns["n1"] + rng.normal(size=ROWS)
    words = np.array([f"place {i}" for i in range(40)])
    columns |= {f"c{i}": words[rng.integers(0, 4 + 9 * i, ROWS)] for i in range(CATEGORIES)}
    csv.write_csv(pa.table(columns | {"y": target}), tmp_path / "large.csv")
    del columns, target
    line = ["sweep", "table", "--data", "large.csv", "--target", "y", "--trials", "1", "--max-epochs", "1"]
    options = ["--confirm-top", "0", "--set", "batch_size=512"]
    with (tmp_path / "said.txt").open("wb") as said:
        sweep = subprocess.Popen(
            [sys.executable, "-c", "from tunelab.cli.main import main; main()", *line, *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=said,
            stderr=said,
        )
        peak = 0
        while sweep.poll() is None:
            peak = max(peak, sum(process_tree(sweep.pid).values()))
            time.sleep(0.5)
    text = (tmp_path / "said.txt").read_text(encoding="utf-8")
    assert sweep.returncode == 0, text[-3000:]
    assert "rows used: 1,000,000" in text
    assert peak < PROMISED, f"{peak / 1e9:.1f} GB"
