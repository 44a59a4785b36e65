"""The stage of the page on DVC, run by the real ``dvc``: it sweeps once, and DVC shows its metrics and plots."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, fences

DVC = shutil.which("dvc") or shutil.which("dvc", path=Path(sys.executable).parent)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files as the page shows them, a smaller search, and a table of houses."""
    settings, stage = [
        body for language, body in fences((DOCS / "how-to/dvc.md").read_text("utf-8")) if language == "yaml"
    ]
    (tmp_path / "sweep.yaml").write_text(settings.replace("trials: 16", "trials: 2\nmax_epochs: 2"), "utf-8")
    (tmp_path / "dvc.yaml").write_text(stage, "utf-8")
    generator = random.Random(0)
    rows = [(generator.uniform(40, 200), generator.randint(1, 6)) for _ in range(100)]
    lines = [f"{area:.1f},{rooms},{3 * area + 20 * rooms:.1f}" for area, rooms in rows]
    (tmp_path / "houses.csv").write_text("\n".join(["area,rooms,price", *lines]) + "\n", "utf-8")
    return tmp_path


@pytest.mark.slow
@pytest.mark.skipif(DVC is None, reason="dvc is not installed: pip install 'tunelab[dvc]'")
def test_dvc_runs_the_sweep_once_and_shows_its_metrics_and_plots(project: Path) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "true"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def dvc(*words: str) -> str:
        done = subprocess.run([str(DVC), *words], cwd=project, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    dvc("init", "--no-scm")
    dvc("repro")
    shown = json.loads(dvc("metrics", "show", "--json"))[""]["data"]["results/metrics.json"]["data"]
    assert shown["best_val_loss"] > 0
    assert {"test_rmse", "reference_test_rmse", "baseline_gradient_boosting_test_rmse"} <= set(shown)
    plots = json.loads(dvc("plots", "show", "--json"))
    assert set(plots["data"]) == {"results/trials.csv", "results/winner.csv"}
    assert not plots.get("errors")
    assert "didn't change" in dvc("repro")
    (sweep,) = (project / "mlruns" / "sweeps").iterdir()
    assert sweep.name.startswith("table-houses-price")
