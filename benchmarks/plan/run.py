"""Plans and then runs a sweep of each task, each in a process of its own, and compares."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.lockfile import Lock
from benchmarks.harness.suite import REPORT, Notify, Suite, run_suite
from search_spaces.errors import UserError
from tunelab.documents.blocks import Document
from tunelab.system.machine import process_tree

__all__ = ["REPORT", "RUNS", "Comparison", "Costs", "PlanResults", "PlanSuite", "run"]

RUNS = "runs.json"
POLL_SECONDS = 1.0  # between two looks at memory, which cost the sweep a part of a core
TOLERANCE = 0.3  # a prediction within this share of the truth is called right
FIGURES = ("wall_seconds", "epochs", "memory_bytes", "disk_bytes")
TUNELAB = [sys.executable, "-c", "from tunelab.cli.main import main; main()"]


@dataclass(frozen=True)
class Costs:
    """What a sweep takes, as predicted or as measured.

    Attributes:
        wall_seconds: from the command to its end.
        epochs: over all trials.
        memory_bytes: at the peak, of the command and all that it starts, shared pages once.
        disk_bytes: of store, journal and artifacts at the end.
    """

    wall_seconds: float
    epochs: int
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class Comparison:
    """One task's sweep, predicted and measured.

    Attributes:
        task: by name.
        predicted, measured: its costs.
        epochs_range: in which eight of ten searches lie, as predicted.
    """

    task: str
    predicted: Costs
    measured: Costs
    epochs_range: tuple[int, int]

    @property
    def in_range(self) -> bool:
        """Whether the epochs lie in the predicted range."""
        low, high = self.epochs_range
        return low <= self.measured.epochs <= high

    def ratio(self, figure: str) -> float:
        """Return the predicted value over the measured one."""
        return float(getattr(self.predicted, figure)) / float(getattr(self.measured, figure))


def within(comparisons: Sequence[Comparison], figure: str) -> int:
    """Return the number of predictions of a quantity that are right to ``TOLERANCE``."""
    return sum(abs(c.ratio(figure) - 1) <= TOLERANCE for c in comparisons)


@dataclass(frozen=True)
class PlanResults:
    """All that a report shows.

    Attributes:
        options: of both commands, e.g. ``("--trials", "24")``.
        comparisons: a task each.
        lock: what fixed them.
    """

    options: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    lock: Lock


class PlanSuite(Suite[PlanResults]):
    """The benchmark of plans against sweeps.

    Args:
        tasks: by name.
        options: of both commands, e.g. ``["--trials", "24"]``.

    Raises:
        UserError: this is not Linux, which alone counts shared memory once, or there is no such task.
    """

    kind = "plan"
    continues = False

    def __init__(self, tasks: Sequence[str], options: Sequence[str]) -> None:
        if sys.platform != "linux":
            raise UserError("tunelab bench plan measures memory as Linux alone counts it, so it runs on Linux only.")
        from trainables import get_task

        for name in tasks:
            get_task(name)
        self._tasks, self._options = tuple(tasks), tuple(options)

    @classmethod
    def from_lock(cls, lock: Lock) -> PlanSuite:
        return cls(lock["resolved"]["tasks"], lock["resolved"]["options"])

    def resolved(self) -> dict[str, Any]:
        return {"tasks": list(self._tasks), "options": list(self._options)}

    def measure(self, folder: Path, lock: Lock, notify: Notify) -> PlanResults:
        """Plan and run each task's sweep.

        Raises:
            RuntimeError: a command failed; the message holds the end of what it wrote.
        """
        found = []
        for task in self._tasks:
            found.append(compare(task, self._options))
            notify(line_of(found[-1]))
        return PlanResults(self._options, tuple(found), lock)

    def write(self, folder: Path, results: PlanResults) -> list[str]:
        content = json.dumps([asdict(c) for c in results.comparisons], indent=1)
        (folder / RUNS).write_text(content + "\n", encoding="utf-8")
        return [RUNS]

    def document(self, results: PlanResults) -> Document:
        from benchmarks.plan.report import make_plan_document

        return make_plan_document(results)


def run(tasks: Sequence[str], options: Sequence[str], folder: Path, notify: Notify) -> list[Comparison]:
    """Run the benchmark in a folder, see ``run_suite``, and return the comparisons."""
    return list(run_suite(PlanSuite(tasks, options), folder, notify).comparisons)


def compare(task: str, options: Sequence[str]) -> Comparison:
    """Plan a task's sweep, run it in an empty folder, and return both costs."""
    with tempfile.TemporaryDirectory(prefix="tunelab-plan-") as place:
        planned = json.loads(_output(["plan", task, *options, "--json"], Path(place)))
        predicted = Costs(**{figure: planned[figure] for figure in FIGURES})
    with tempfile.TemporaryDirectory(prefix="tunelab-plan-") as place:
        watch = _Memory()
        began = time.monotonic()
        swept = json.loads(_output(["sweep", task, *options, "--json"], Path(place), watch))
        wall = time.monotonic() - began
        disk = sum(path.stat().st_size for path in Path(place).rglob("*") if path.is_file())
    low, high = planned["epochs_range"]
    return Comparison(task, predicted, Costs(wall, swept["epochs"], watch.peak, disk), (low, high))


def line_of(comparison: Comparison) -> str:
    """Return one comparison for people: predicted / measured."""
    p, m = comparison.predicted, comparison.measured
    return (
        f"{comparison.task}: {p.wall_seconds:.0f} / {m.wall_seconds:.0f} s, {p.epochs} "
        f"({comparison.epochs_range[0]} to {comparison.epochs_range[1]}) / {m.epochs} epochs, "
        f"{p.memory_bytes / 1e9:.2f} / {m.memory_bytes / 1e9:.2f} GB, {p.disk_bytes / 1e6:.1f} / "
        f"{m.disk_bytes / 1e6:.1f} MB"
    )


def _output(arguments: Sequence[str], folder: Path, watch: _Memory | None = None) -> str:
    process = subprocess.Popen(
        [*TUNELAB, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if watch is not None:
        watch.start_on(process.pid)
    output, errors = process.communicate()
    if watch is not None:
        watch.stop()
    if process.returncode != 0:
        raise RuntimeError(f"tunelab {' '.join(arguments)} failed with status {process.returncode}:\n{errors[-3000:]}")
    return output


class _Memory(threading.Thread):
    """Looks at the memory of a process and all below it until it is stopped; ``peak`` in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._root = 0
        self._done = threading.Event()

    def start_on(self, pid: int) -> None:
        self._root = pid
        self.start()

    def run(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            self.peak = max(self.peak, sum(process_tree(self._root).values()))

    def stop(self) -> None:
        self._done.set()
        self.join()
