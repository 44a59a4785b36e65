"""What control costs: sweeps of a task that trains in no time, over thousands of trials.

``python -m benchmarks.speed.control TRIALS OUT [--untracked]`` runs one such sweep and writes a ``Control`` as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.system.machine import resident_bytes

WINDOW = 100  # trials that a point of the curve represents


@dataclass(frozen=True)
class Control:
    """The cost of one sweep of instant trials, all slots together.

    Attributes:
        trials: how many.
        tracked: whether MLflow was on.
        ms_by_window: wall milliseconds a trial, for each ``WINDOW`` trials.
        cpu_ms_by_window: the driver's CPU milliseconds a trial, likewise: what a busy machine does not change.
        driver_cpu_ms: CPU milliseconds a trial of the driver, tracking's thread included.
        memory_kb: growth of the driver's resident memory a trial, after the first ``WINDOW``.
        disk_kb: of journal, store and artifacts a trial, beyond what an empty store takes.
    """

    trials: int
    tracked: bool
    ms_by_window: tuple[float, ...]
    cpu_ms_by_window: tuple[float, ...]
    driver_cpu_ms: float
    memory_kb: float
    disk_kb: float


class Probe:
    """A display that looks at the clock and at memory instead of showing anything."""

    def __init__(self) -> None:
        self.times: list[float] = []  # of each trial's end
        self.cpu: list[float] = []  # seconds of this process, at each trial's end
        self.memory: list[int] = []  # resident, kB, at each trial's end
        self._ended: set[int] = set()
        self._open: set[int] = set()
        self._seen = 0

    def started(self, *arguments: object) -> None:
        return

    def step(self, text: str) -> None:
        return

    def progress(self, trials: Sequence[TrialRecord]) -> None:
        """Note the trials that have ended since the last call; look only at open ones, to add no cost."""
        self._open |= set(range(self._seen, len(trials)))
        self._seen = len(trials)
        for number in [n for n in self._open if trials[n].status != TrialStatus.RUNNING]:
            self._open.discard(number)
            self.times.append(time.perf_counter())
            self.cpu.append(time.process_time())
            self.memory.append(resident_bytes() // 1024)


def measure_control(trials: int, *, tracked: bool) -> Control:
    """Run a sweep of instant trials in the working directory and return its cost."""
    from tunelab.records.spec import make_spec
    from tunelab.run import run_sweep

    if trials < 2 * WINDOW:
        raise UserError(f"--control-trials must be at least {2 * WINDOW}, got {trials}.")
    probe = Probe()
    uri = f"sqlite:///{Path.cwd() / 'mlruns' / 'mlflow.db'}" if tracked else "off"
    empty = 0
    if tracked:
        from tunelab.tracking.store import Store

        Store(uri)
        empty = disk_bytes(Path.cwd())
    task = str(Path(__file__).with_name("instant.py"))
    before = time.process_time()
    spec = make_spec({"task": task, "trials": trials, "tracking_uri": uri, "name": "control", "confirm_top": 0})
    run_sweep(spec, probe)
    cpu = time.process_time() - before
    return Control(
        trials=trials,
        tracked=tracked,
        ms_by_window=by_window(probe.times),
        cpu_ms_by_window=by_window(probe.cpu),
        driver_cpu_ms=1e3 * cpu / trials,
        memory_kb=(probe.memory[-1] - probe.memory[WINDOW - 1]) / (trials - WINDOW),
        disk_kb=(disk_bytes(Path.cwd()) - empty) / 1024 / trials,
    )


def by_window(seconds: Sequence[float]) -> tuple[float, ...]:
    """Turn clock readings at trial ends into milliseconds a trial, for each ``WINDOW`` trials after the first."""
    return tuple(1e3 * (b - a) / WINDOW for a, b in pairwise(seconds[WINDOW - 1 :: WINDOW]))


def disk_bytes(folder: Path) -> int:
    """Return bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def read_control(path: Path) -> Control:
    """Return what this script wrote."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for name in ("ms_by_window", "cpu_ms_by_window"):
        values[name] = tuple(values[name])
    return Control(**values)


def main() -> None:
    """Measure the cost of control and write it to a file."""
    trials, out = int(sys.argv[1]), Path(sys.argv[2])
    out.write_text(json.dumps(asdict(measure_control(trials, tracked="--untracked" not in sys.argv))), encoding="utf-8")


if __name__ == "__main__":
    main()
