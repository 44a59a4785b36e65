"""The wheel alone is enough: installed into an empty environment, used from an empty folder.

The environment has the running one's libraries, which take minutes to install, and nothing of this checkout. Its sweep
runs without a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import namespaces

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

LOOK = """
import importlib.metadata, json, sys
import benchmarks, search_spaces, trainables, tunelab
from tunelab.analysis.published import published_rows
from trainables.base.text.language_models.model_folder import find_model

data = {name: trainables.load_data(trainables.get_task(name), trainables.SPLIT_SEED) for name in ("wine", "mnist")}
homes = [package.__file__ for package in (benchmarks, search_spaces, trainables, tunelab)]
print(json.dumps({
    "version": importlib.metadata.version("tunelab"),
    "homes": homes,
    "rows": {name: len(splits.train.targets) for name, splits in data.items()},
    "published": len(published_rows("california_housing")),
    "vocabulary": find_model(None).shape.vocabulary,
    "torch": "torch" in sys.modules,
}))
"""


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    (found,) = folder.glob("tunelab-*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel; of the running one it has the libraries, not the checkout."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", wheel, cwd=home)
    (site,) = home.glob("lib/python*/site-packages")
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n", "utf-8")
    return home / "bin"


@dataclass(frozen=True)
class WholeSweep:
    """What a sweep of the wheel's command line gave; where it listened is None if it had the machine's own network."""

    summary: dict[str, Any]
    listening: set[str] | None


@pytest.fixture(scope="module")
def whole_sweep(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> WholeSweep:
    """A sweep from an empty folder with its own Ray and store, where only loopback exists if that can be had."""
    options = ["--trials", "2", "--max-epochs", "2", "--concurrency", "1", "--confirm-top", "0"]
    sweep = [str(environment / "tunelab"), "sweep", "wine", *options, "--json"]
    folder = tmp_path_factory.mktemp("empty")
    output, errors = folder.with_suffix(".json"), folder.with_suffix(".txt")

    def run_watched(*command: str) -> tuple[int, set[str]]:
        listening = set()
        with (
            output.open("w") as stdout,
            errors.open("w") as stderr,
            subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=stderr) as process,
        ):
            while process.poll() is None:
                listening |= namespaces.listening_addresses(process.pid)
                time.sleep(0.1)
        return process.returncode, listening

    watched: set[str] | None
    code, watched = run_watched(sys.executable, "-P", namespaces.__file__, *sweep)
    if code == namespaces.FORBIDDEN:
        (code, _), watched = run_watched(*sweep), None
    assert code == 0, errors.read_text()
    return WholeSweep(json.loads(output.read_text()), watched)


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    made = {"__pycache__", ".mypy_cache", ".ruff_cache"}
    for package in PACKAGES:
        files = {path for path in (ROOT / package).rglob("*") if path.is_file() and not made & set(path.parts)}
        assert {str(path.relative_to(ROOT)) for path in files} <= inside
    assert wheel.name.startswith(f"tunelab-{PROJECT['project']['version']}-")
    assert not [name for name in inside if name.partition("/")[0] not in PACKAGES and ".dist-info/" not in name]


def test_it_works_from_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    found = json.loads(run(environment / "python", "-c", LOOK, cwd=tmp_path))
    assert found["version"] == PROJECT["project"]["version"]
    assert all(Path(home).is_relative_to(environment.parent) for home in found["homes"])
    assert found["rows"] == {"wine": 113, "mnist": 3200}
    assert found["published"] > 3
    assert found["vocabulary"] > 1_000
    assert not found["torch"]  # data is read without
    assert found["version"] in run(environment / "tunelab", "--version", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_sweeps_from_an_empty_folder(whole_sweep: WholeSweep) -> None:
    assert whole_sweep.summary["trials"]["finished"] == 2
    assert whole_sweep.summary["best"]["test"]["accuracy"] > 0.2
    assert whole_sweep.summary["best"]["version"] == "1"  # the model was logged and registered


def test_a_whole_sweep_needs_no_network_and_listens_on_loopback_alone(whole_sweep: WholeSweep) -> None:
    if whole_sweep.listening is None:
        pytest.skip("no network namespace can be made here")
    assert whole_sweep.listening
    assert whole_sweep.listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = next(line for line in changelog.splitlines() if line.startswith("## "))
    assert first.startswith(f"## [{PROJECT['project']['version']}]")
