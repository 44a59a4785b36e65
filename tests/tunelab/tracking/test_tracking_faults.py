"""A store that goes away, is locked, or has no room; several sweeps at once into a new one."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.displays import Acting
from tests.drivers import ray_address, start_driver, start_on_small_disk
from tests.fault_toys import FAULT_TOY
from tests.namespaces import FORBIDDEN
from tests.tunelab.test_crash import assert_whole
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep
from tunelab.tracking.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session", "in_folder")]


def values(store_uri: str, **changes: Any) -> dict[str, Any]:
    return {
        "task": FAULT_TOY,
        "task_options": {"pause": 0.02},
        "name": "faulty-store",
        "trials": 12,
        "max_epochs": 5,
        "sampler": "random",
        "confirm_top": 0,
        "tracking_uri": store_uri,
        **changes,
    }


class Server:
    """An MLflow server on this machine that can be killed and started again."""

    def __init__(self, store_uri: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"]
        self._command += ["--port", str(self.port), "--backend-store-uri", store_uri]
        self._command += ["--serve-artifacts", "--artifacts-destination", str(folder / "served")]
        self._log = folder / "server.txt"
        self.start()

    def start(self) -> None:
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env={**os.environ, **quiet}, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        os.killpg(self._process.pid, 9)
        self._process.wait()

    def wait(self) -> None:
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(self._log.read_text())


def test_a_server_that_is_killed_and_comes_back_gets_everything_once(store_uri: str, tmp_path: Path) -> None:
    server = Server(store_uri, tmp_path)
    try:
        server.wait()
        display = Acting(after={3: server.kill, 9: server.start})
        result = run_sweep(make_spec(values(server.uri)), display)
    finally:
        server.kill()
    assert result.stopped == "", display.steps
    assert len(result.ranked()) == 12
    assert_whole(result, Store(store_uri))


def test_a_locked_database_does_not_stop_training(store_uri: str) -> None:
    other = sqlite3.connect(store_uri.removeprefix("sqlite:///"), check_same_thread=False)
    unlock = threading.Timer(3.0, other.rollback)

    def lock() -> None:
        other.execute("BEGIN IMMEDIATE")

    result = run_sweep(make_spec(values(store_uri)), Acting(after={2: lock, 10: unlock.start}))
    unlock.join()
    other.close()
    assert result.stopped == ""
    assert_whole(result, Store(store_uri))


def test_four_sweeps_at_once_into_a_new_store_all_complete(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    drivers = [
        start_driver(values(uri, name=f"s{i}", trials=3, concurrency=1), tmp_path, address=ray_address())
        for i in range(4)
    ]
    for driver in drivers:
        driver.join(240)
    assert [driver.exitcode for driver in drivers] == [0] * 4, (tmp_path / "stderr.txt").read_text()
    store = Store(uri)
    results = [store.load(run.info.run_id) for run in store.sweeps()]
    assert sorted(result.name for result in results) == ["s0", "s1", "s2", "s3"]
    for result in results:
        assert_whole(result, store)


def test_a_full_disk_stops_the_sweep_which_goes_on_when_there_is_room(
    make_store_uri: Callable[[Path], str], tmp_path: Path
) -> None:
    """On a real file system of 12 MB; where none can be mounted without being root, this is skipped."""
    source = make_store_uri(tmp_path / "template").removeprefix("sqlite:///")
    driver = start_on_small_disk(values("", trials=30, max_epochs=9), tmp_path, Path(source), ray_address())
    driver.join(240)
    if driver.exitcode == FORBIDDEN:
        pytest.skip("no file system can be mounted here")
    assert driver.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    full, resumed = json.loads((tmp_path / "outcome.json").read_text())
    assert full["stopped"] == "the disk is full", full
    assert resumed["stopped"] == ""
    assert full["parent"] == resumed["parent"]
    assert resumed["runs"] == {str(number): "FINISHED" for number in range(30)}
    assert resumed["integrity"] == "ok"
    kept = {n: c for n, c in full["ended"].items() if n in resumed["ended"]}
    assert kept == full["ended"]
    assert {n: resumed["ended"][n] for n in kept} == kept


def test_a_store_that_is_away_at_the_start_is_named(in_folder: Path) -> None:
    from search_spaces import UserError

    with pytest.raises(UserError, match=r"http://\*\*\*@127\.0\.0\.1:9.*no MLflow store answers") as caught:
        run_sweep(make_spec(values("http://user:hunter2@127.0.0.1:9")))
    assert "hunter2" not in str(caught.value)
