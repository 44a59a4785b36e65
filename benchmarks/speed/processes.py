"""Runs a command and adds up what it cost: wall seconds, CPU seconds of every process it started, peak memory."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_SECONDS = 0.1
MARK = "TUNELAB_MEASURED"  # in the environment of everything that is measured: how descendants are found


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall_seconds: from its start to its end.
        cpu_seconds: user and system, by kind of process (``"driver"``, ``"worker"``, ``"ray"``, ``"other"``).
        processes: how many there were, by kind.
        returncode: its exit status.
        output: what it wrote to standard error and output, together.
    """

    wall_seconds: float
    cpu_seconds: dict[str, float]
    processes: dict[str, int]
    returncode: int
    output: str


def run_measured(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float) -> Cost:
    """Run a command to its end and return its cost. Linux only, where psutil reads other processes' environment.

    Processes are found by a mark in their environment, so that those which leave the process tree count too.
    """
    mark = (MARK, f"{os.getpid()}-{time.monotonic_ns()}")
    with (cwd / "output.txt").open("w+b") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env={**env, MARK: mark[1]}, cwd=cwd, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        watch = _Watch(mark, process.pid)
        watch.start()
        try:
            process.wait(timeout)
        finally:
            wall = time.perf_counter() - began
            if process.poll() is None:
                process.kill()
                process.wait()
            watch.stop()
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return Cost(wall, watch.cpu_seconds(), watch.counts(), process.returncode, text)


def _command(process: psutil.Process) -> str:
    """Return a command line; empty for a process that has ended and whose parent has not asked for its status yet."""
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.ZombieProcess:
        return ""


class _Watch(threading.Thread):
    """Looks at all marked processes several times a second and remembers the last CPU time of each."""

    def __init__(self, mark: tuple[str, str], root: int) -> None:
        super().__init__(daemon=True)
        self._mark, self._root = mark, root
        self._seen: dict[int, tuple[str, float]] = {}
        self._strangers: set[int] = set()
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            self._look()

    def stop(self) -> None:
        self._done.set()
        self.join()

    def cpu_seconds(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        for kind, seconds in self._seen.values():
            totals[kind] = totals.get(kind, 0.0) + seconds
        return {kind: round(seconds, 2) for kind, seconds in sorted(totals.items())}

    def counts(self) -> dict[str, int]:
        kinds = [kind for kind, _ in self._seen.values()]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def _look(self) -> None:
        name, value = self._mark
        for pid in set(psutil.pids()) - self._strangers:
            try:
                process = psutil.Process(pid)
                if pid not in self._seen and process.environ().get(name) != value:
                    self._strangers.add(pid)
                    continue
                times = process.cpu_times()
                command = _command(process)
            except psutil.Error:  # gone, or another user's
                continue
            kind = self._kind(pid, command) if command else self._seen.get(pid, ("other",))[0]
            self._seen[pid] = (kind, times.user + times.system)

    def _kind(self, pid: int, command: str) -> str:
        if pid == self._root:
            return "driver"
        if command.startswith(("ray::DashboardAgent", "ray::RuntimeEnvAgent")):
            return "ray"
        if command.startswith("ray::") or "multiprocessing.spawn" in command:
            return "worker"
        return "ray" if "/ray/" in command else "other"
