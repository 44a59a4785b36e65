"""Sweeps in processes of their own, to be killed: forked from a server that has imported everything already."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sweeps.journal import FILE

PRELOADED = [
    "tests.drivers",
    "sweeps.run",
    "sweeps.writer",
    "sweeps.served_model",
    "ray.tune",
    "mlflow",
    "sklearn.ensemble",
]


def start_driver(values: Mapping[str, Any], folder: Path, *, address: str | None = None) -> BaseProcess:
    """Starts a sweep, or goes on with the one of its name.

    Args:
        values: of the spec.
        folder: working directory; stderr goes to ``stderr.txt`` there.
        address: of the Ray that runs the trials; a Ray of the driver's own when None.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_drive, args=(dict(values), str(folder), address))
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


def _drive(values: dict[str, Any], folder: str, address: str | None) -> None:
    os.chdir(folder)
    os.dup2(os.open("stderr.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), sys.stderr.fileno())
    if address is not None:
        os.environ["RAY_ADDRESS"] = address
    from sweeps.cli.sweep import run_and_show
    from sweeps.spec import make_spec

    run_and_show(make_spec(values), as_json=True)
