"""Processes that all tests of a session share: a Ray whose workers are forks, and the process that draws figures."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tunelab.figures.charts import Drawing
from tunelab.figures.worker import FigureProcess
from tunelab.launch.ray_import import import_ray
from tunelab.launch.ray_internals.forks import fork_server
from tunelab.launch.ray_internals.patches import PRELOADED, WORKER_VARIABLES

FAMILIES = ",".join(f"trainables.base.tables.families.{name}" for name in ("mlp", "embedded", "neighbours", "boosting"))
NONE_AT_ONCE = "--num_prestart_python_workers=0"  # of a raylet, which would start some before the server can fork


@contextmanager
def forked_ray() -> Iterator[None]:
    """Run a local Ray with 2 CPUs and no GPU inside the block.

    The raylet's agents run, other than those of a sweep's own Ray: sweeps of other processes connect to it and bring
    code along.
    """
    ray = import_ray()
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: Ray's socket names have 107 characters at most
    with fork_server() as forks:
        with _workers_from(forks), _without_unread_processes():
            ray.init(
                address="local",
                num_cpus=2,
                num_gpus=0,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                object_store_memory=200_000_000,
                _temp_dir=folder,
            )
        yield
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


class SharedFigureProcess(FigureProcess):
    """A process that stays between sweeps: each would load drawing for itself, which takes longer than to draw.

    Of each name one picture is drawn, and copied for later sweeps: no test looks at the pictures of these. Pages are
    their own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pictures: dict[str, bytes] = {}
        self._coming: list[Path] = []

    def draw(self, drawings: Sequence[Drawing], folder: Path, title: str = "", subtitle: str = "") -> None:
        """Copy the pictures that there are, and request the others and the page."""
        paths = [folder / f"{drawing.name}.png" for drawing in drawings]
        for path in paths:
            if path.stem in self._pictures:
                path.write_bytes(self._pictures[path.stem])
        self._coming += paths
        super().draw(drawings, folder, title, subtitle)

    def wait(self) -> str:
        """Wait for what is requested, and keep it for copies."""
        problem = super().wait()
        for path in self._coming:
            if path.exists():
                self._pictures.setdefault(path.stem, path.read_bytes())
        self._coming.clear()
        return problem

    def close(self) -> None:
        """Wait for what a sweep has left undrawn; start another process if this one has died."""
        self.wait()
        self.advice = ""
        if self._process is not None and self._process.poll() is not None:
            super().close()

    def end(self) -> None:
        """End the process."""
        super().close()


@contextmanager
def shared_figures() -> Iterator[None]:
    """Let all sweeps of this process draw in one process inside the block."""
    shared = SharedFigureProcess()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tunelab.run.FigureProcess", lambda: shared)
        yield
    shared.end()


@contextmanager
def _workers_from(forks: Any) -> Iterator[None]:
    """Let the raylet that starts inside the block ask a fork server for its workers, each when it is needed."""
    from ray._private import services

    # actors may then run in workers that have started; what trials on tables need is loaded once for all workers
    os.environ.setdefault("RAY_preload_python_modules", f"{PRELOADED},{FAMILIES}")
    start_process: Any = services.start_ray_process

    def start(command: list[str], kind: str, *arguments: Any, **options: Any) -> Any:
        asked = [*forks.in_raylet(command), NONE_AT_ONCE] if kind == "raylet" else command
        started = start_process(asked, kind, *arguments, **options)
        if kind == "raylet":
            forks.expect_workers({**os.environ, **WORKER_VARIABLES, "RAY_RAYLET_PID": str(started.process.pid)})
        return started

    services.start_ray_process = start
    try:
        yield
    finally:
        services.start_ray_process = start_process


@contextmanager
def _without_unread_processes() -> Iterator[None]:
    """Leave out what no test looks at: the autoscaler, copies of logs for drivers, the dashboard's server."""
    from ray._private.node import Node

    def leave_out(node: Any, **options: Any) -> None:
        node._webui_url = ""

    with pytest.MonkeyPatch.context() as patch:
        for name in ("start_monitor", "start_log_monitor", "start_api_server"):
            patch.setattr(Node, name, leave_out)
        yield
