"""Sweeps in processes of their own, to be killed: forked from a server that has imported everything already."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.displays import Acting
from tests.namespaces import FORBIDDEN, mount_small
from tunelab.search.journal import FILE

PRELOADED = [
    "tests.drivers",
    "tunelab.run",
    "tunelab.tracking.queue",
    "tunelab.tracking.models.served_model",
    "ray.tune",
    "mlflow",
    "sklearn.ensemble",
]


def start_driver(
    values: Mapping[str, Any], folder: Path, *, address: str | None = None, dies_at: str = ""
) -> BaseProcess:
    """Starts a sweep, or continues the one of its name.

    Args:
        values: of the spec; ``{"resume": NAME}`` for ``tunelab resume NAME``.
        folder: working directory; the JSON goes to ``stdout.txt`` there, stderr to ``stderr.txt``.
        address: of the Ray that runs the trials; a Ray of the driver's own when None.
        dies_at: kills itself, as kill -9 does, at the step whose text begins so.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_drive, args=(dict(values), str(folder), address, dies_at))
    process.start()
    return process


def ray_address() -> str:
    """The address of the Ray that runs in this process."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def journal_lines(folder: Path, name: str) -> int:
    """How many events a sweep has written down so far."""
    path = folder / "mlruns" / "sweeps" / name / FILE
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_until(holds: Callable[[], bool], process: BaseProcess | None = None, seconds: float = 120.0) -> bool:
    """Waits for something; false when the process ended before, or the time was over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        if process is not None and not process.is_alive():
            return holds()
        time.sleep(0.005)
    return False


def _drive(values: dict[str, Any], folder: str, address: str | None, dies_at: str) -> None:
    os.chdir(folder)
    for name, stream in (("stdout.txt", sys.stdout), ("stderr.txt", sys.stderr)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), stream.fileno())
    if address is not None:
        os.environ["RAY_ADDRESS"] = address
    from tunelab.cli import resume
    from tunelab.cli.sweep import run_and_show
    from tunelab.records.spec import make_spec
    from tunelab.run import run_sweep

    if dies_at:
        run_sweep(make_spec(values), Acting(at={dies_at: lambda: os.kill(os.getpid(), signal.SIGKILL)}))
    elif "resume" in values:
        resume.run_command(values["resume"], as_json=True)
    else:
        run_and_show(make_spec(values), as_json=True)


def start_on_small_disk(values: Mapping[str, Any], folder: Path, database: Path, address: str) -> BaseProcess:
    """A sweep on a file system of a few megabytes that is full after a while, and again once there is room.

    Both outcomes are written to ``outcome.json`` in ``folder``. Ends with FORBIDDEN when nothing can be mounted.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_fill_disk, args=(dict(values), folder, database, address))
    process.start()
    return process


def _fill_disk(values: dict[str, Any], folder: Path, database: Path, address: str) -> None:
    disk = folder / "disk"
    disk.mkdir()
    if not mount_small(disk, "12m"):
        os._exit(FORBIDDEN)
    os.dup2(os.open(folder / "stderr.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), sys.stderr.fileno())
    os.chdir(disk)
    os.environ["RAY_ADDRESS"] = address
    from tunelab.records.spec import make_spec
    from tunelab.run import run_sweep

    home = disk / "mlruns"
    home.mkdir()
    shutil.copy(database, home / "mlflow.db")
    spec = make_spec({**values, "tracking_uri": f"sqlite:///{home}/mlflow.db", "storage": str(folder / "weights")})
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    filler.write_bytes(bytes(free - 250_000))
    outcomes = [_outcome(run_sweep(spec), home)]
    filler.unlink()
    outcomes.append(_outcome(run_sweep(spec), home))
    (folder / "outcome.json").write_text(json.dumps(outcomes))


def _outcome(result: Any, home: Path) -> dict[str, Any]:
    with sqlite3.connect(home / "mlflow.db") as database:
        query = "select t.value, r.status from runs r join tags t using (run_uuid) where t.key = 'tunelab.trial'"
        runs = database.execute(query)
        return {
            "stopped": result.stopped,
            "parent": result.parent_run_id,
            "ended": {str(t.number): dict(t.config) for t in result.trials if t.has_result},
            "runs": dict(runs.fetchall()),
            "integrity": database.execute("pragma integrity_check").fetchone()[0],
        }
