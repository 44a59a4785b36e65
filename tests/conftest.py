"""What tests share: one local Ray for the session, a migrated MLflow store copied per test, quiet surroundings."""

from __future__ import annotations

import atexit
import gc
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two cores for everything; results name their thread count themselves
os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 leaves workers no core beside the other parts of the tests
# what tests name is noted in a folder of their own
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="tunelab-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):  # the user's own stores and clusters stay out of tests
    os.environ.pop(name, None)

gc.disable()  # until all tests are collected: what imports make is looked through again and again, and none of it freed

# while one part waits the others compute; the one with a Ray is the longest, and `make test` puts it first
PROCESSES = (  # files and folders with processes of their own, or long computations
    "benchmarks",
    "docs",
    "fuzz",
    "trainables/base/tables",
    "trainables/test_discovery.py",
    "tunelab/figures",
    "tunelab/interactive/test_kernel.py",
    "tunelab/report/test_report_size.py",
    "tunelab/launch/test_forks.py",
    "test_package.py",
)
USES_RAY = re.compile(r"\b(ray_session|shelf)\b")  # the fixtures, as a test or fixture takes them


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--part`` of the tests, by files; ``make test`` runs the three beside each other."""
    parser.addoption(
        "--part",
        choices=("ray", "processes", "others"),
        help="tests with a shared Ray, with processes of their own, and the others",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Loads skops before a part has loaded thousands of modules: it looks for each of its types in all of them."""
    if config.getoption("part") is not None:
        import_module("skops.io")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out the files of the other parts, and thereby what only these import."""
    part = config.getoption("part")
    if part is None or not collection_path.name.startswith("test_") or collection_path.suffix != ".py":
        return None
    return True if part != _part_of(collection_path) else None


def pytest_collection_finish() -> None:
    """Collects garbage from here on, among what tests make alone."""
    gc.freeze()
    gc.enable()


def _part_of(path: Path) -> str:
    if any(path.is_relative_to(Path(__file__).parent / name) for name in PROCESSES):
        return "processes"
    return "ray" if USES_RAY.search(path.read_text(encoding="utf-8")) is not None else "others"


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One local Ray with 2 CPUs and no GPU for all tests; sweeps use the Ray that runs and leave it running."""
    from tests.shared_processes import forked_ray, shared_figures

    with forked_ray(), shared_figures():
        yield


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database with its tables made: creating one takes seconds, copying it nothing."""
    from tunelab.tracking.store import Store

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    Store(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def make_store_uri(migrated_database: Path) -> Callable[[Path], str]:
    """A new empty store in a folder; gives its tracking URI."""

    def make(folder: Path) -> str:
        path = folder / "mlflow.db"
        folder.mkdir(parents=True, exist_ok=True)
        source, target = sqlite3.connect(migrated_database), sqlite3.connect(path)
        with source, target:
            source.backup(target)
        source.close()
        target.close()
        return f"sqlite:///{path}"

    return make


@pytest.fixture
def store_uri(make_store_uri: Callable[[Path], str], tmp_path: Path) -> str:
    """The tracking URI of an empty store of this test's own, in ``tmp_path``."""
    return make_store_uri(tmp_path / "mlruns")


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs a test in an empty working directory, where a command's default store would appear."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
