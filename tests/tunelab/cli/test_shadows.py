"""A working directory with files called like the packages and modules that tunelab is made of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = (
    *("torch", "ray", "optuna", "mlflow", "random", "types", "numpy", "pandas", "typer", "rich", "yaml", "sklearn"),
    *("tunelab", "trainables", "search_spaces", "benchmarks", "sweeps"),
)
SCRIPT = "import sys\nfrom tunelab.cli.main import main\nsys.exit(main())\n"  # as pip writes it


@pytest.fixture
def shadows(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise SystemExit('the wrong {name}')\n")
        (folder / f"{name}.py").write_text(f"raise SystemExit('the wrong {name}')\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tunelab").write_text(SCRIPT)
    return folder


def run(shadows: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(shadows.parent / "bin" / "tunelab"), *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(command, cwd=shadows, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["tasks"], ["space", "wine"], ["bench", "--help"], ["results"]])
def test_commands_use_the_packages(shadows: Path, words: list[str]) -> None:
    done = run(shadows, *words)
    assert "the wrong" not in done.stdout + done.stderr
    assert done.returncode == (2 if words == ["results"] else 0), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("forks", ["0", "1"])
def test_a_sweep_and_its_workers_use_the_packages(shadows: Path, monkeypatch: pytest.MonkeyPatch, forks: str) -> None:
    """Ray puts the working directory before the packages of its workers, which have loaded theirs by then."""
    monkeypatch.setenv("TUNELAB_FORKS", forks)
    done = run(shadows, "sweep", "wine", "--trials", "2", "--max-epochs", "2", "--confirm-top", "0", "--json")
    assert done.returncode == 0, done.stderr
    assert "the wrong" not in done.stdout + done.stderr
