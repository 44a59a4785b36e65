"""A store that a sweep creates: it opens beside the search, which does not wait for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tunelab.tracking.store
from search_spaces import UserError
from tests.displays import Acting
from tests.drivers import ray_address, start_driver, wait_until
from tests.toys import TOY
from tests.tunelab.launch.test_forks import environment
from tests.tunelab.test_crash import assert_whole
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec, make_spec
from tunelab.run import run_sweep
from tunelab.search.journal import FILE
from tunelab.tracking.store import Store

pytestmark = pytest.mark.usefixtures("ray_session", "in_folder")

NAME = "new-store"
URI = "sqlite:///mlruns/mlflow.db"


def spec(**changes: Any) -> SweepSpec:
    values = {"task": TOY, "name": NAME, "trials": 8, "max_epochs": 3, "confirm_top": 0, "tracking_uri": URI}
    return make_spec({**values, **changes})


def events(folder: Path) -> list[str]:
    lines = (folder / "mlruns" / "sweeps" / NAME / FILE).read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def losses(result: SweepResult) -> list[list[float]]:
    return [[epoch.val_loss for epoch in trial.epochs] for trial in result.trials]


def test_trials_run_before_the_store_is_there_and_all_of_it_arrives(in_folder: Path) -> None:
    result = run_sweep(spec())
    found = events(in_folder)
    assert found.index("proposed") < found.index("parent"), "the search waited for the store"
    assert_whole(result, Store(URI))
    assert losses(Store(URI).load(result.parent_run_id)) == losses(result)


def test_a_store_that_cannot_be_created_loses_nothing(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(uri: str) -> Store:
        raise UserError(f"The store '{uri}' cannot be created.")

    display = Acting()
    with monkeypatch.context() as patch:
        patch.setattr(tunelab.tracking.store, "Store", refuse)  # nothing that a test can do to a folder is in time
        stopped = run_sweep(spec(), display)
    assert stopped.stopped == "the tracking store does not answer"
    assert len(stopped.trials) == 8
    assert "parent" not in events(in_folder)
    assert any(
        "Trials not written to" in step and ": 8 (" in step and "cannot be created" in step for step in display.steps
    )
    result = run_sweep(spec())
    assert losses(result) == losses(stopped)
    assert_whole(result, Store(URI))


def test_interrupted_before_the_store_is_there(in_folder: Path) -> None:
    there = []

    def interrupt() -> None:
        there.append("parent" in events(in_folder))
        signal.raise_signal(signal.SIGINT)

    result = run_sweep(spec(trials=200), Acting(after={1: interrupt}))
    assert there == [False]
    assert result.stopped == "interrupted"
    assert Store(URI).client.get_run(result.parent_run_id).info.status == "KILLED"
    whole = run_sweep(spec(trials=len(result.trials)))
    assert_whole(whole, Store(URI))


@pytest.mark.slow
def test_killed_before_the_store_is_there(in_folder: Path) -> None:
    values = {"task": TOY, "task_options": {"pause": 0.01}, "name": NAME, "trials": 40, "max_epochs": 5}
    values |= {"confirm_top": 0, "tracking_uri": URI}
    driver = start_driver(values, in_folder, address=ray_address())
    journal = in_folder / "mlruns" / "sweeps" / NAME / FILE
    assert wait_until(lambda: journal.exists() and b'"ended"' in journal.read_bytes(), driver)
    driver.kill()
    driver.join()
    assert "parent" not in events(in_folder)
    last = start_driver({"resume": NAME}, in_folder, address=ray_address())
    last.join(120)
    assert last.exitcode == 0, (in_folder / "stderr.txt").read_text()
    (parent,) = Store(URI).sweeps()
    result = Store(URI).load(parent.info.run_id)
    assert len(result.trials) == 40
    assert_whole(result, Store(URI))


CREATE = "import sys; from tunelab.tracking.store import Store; Store(sys.argv[1])"


def test_a_kill_in_the_middle_of_its_creation_leaves_none(in_folder: Path) -> None:
    """MLflow makes its tables in dozens of steps, and cannot continue with half of them."""
    path = in_folder / "mlflow.db"
    half = path.with_name(f".{path.name}.new")
    for _ in range(2):  # the second finds what the first has left
        process = subprocess.Popen([sys.executable, "-c", CREATE, f"sqlite:///{path}"], env=environment())
        while not (half.exists() and half.stat().st_size):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.3)
        process.kill()
        process.wait()
    assert half.exists(), "killed too late to show anything"
    assert not path.exists()
    Store(f"sqlite:///{path}").client.search_experiments()
    assert not half.exists()
