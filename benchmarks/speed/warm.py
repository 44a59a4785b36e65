"""How soon the second sweep of a process trains: ``python -m benchmarks.speed.warm``.

The sweeps of one process share a Ray (``tunelab.launch.kept_ray``). A function that costs nothing reports at once, so
that what is measured is the time from the call of ``run_sweep`` to the first report that reaches it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna

import tunelab
from trainables import Splits, Task
from tunelab.records.spec import SweepSpec
from tunelab.records.trial import TrialRecord

WARM_SWEEPS = 5


class FirstReport:
    """A display that notes when the first epoch of any trial arrived.

    Attributes:
        seconds: Since the display was made; None before.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._began = time.perf_counter()

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        return

    def progress(self, trials: list[TrialRecord]) -> None:
        if self.seconds is None and any(trial.epochs for trial in trials):
            self.seconds = time.perf_counter() - self._began

    def step(self, text: str) -> None:
        return


def train(config: Mapping[str, Any], trial: Any) -> None:
    """Report curves that are computed from the configuration."""
    for epoch in range(trial.max_epochs):
        trial.report(val_loss=(config["x"] - 1) ** 2 + 1 / (epoch + 1))


def space(trial: optuna.Trial) -> dict[str, Any]:
    """Draw one number."""
    return {"x": trial.suggest_float("x", -5, 5)}


def first_reports(folder: Path, sweeps: int = 1 + WARM_SWEEPS) -> list[float]:
    """Run sweeps one after another, and return the seconds until the first report of each; the first one starts Ray."""
    found = []
    for _ in range(sweeps):
        display = FirstReport()
        store = f"sqlite:///{folder / 'mlflow.db'}"
        tunelab.run_sweep(train, display, space=space, trials=4, max_epochs=3, tracking_uri=store)
        found.append(display.seconds or float("nan"))
    tunelab.shutdown()
    return found


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        cold, *warm = first_reports(Path(temporary))
    shown = ", ".join(f"{seconds:.2f}" for seconds in warm)
    sys.stdout.write(f"first sweep {cold:.2f} s; then {shown} s, median {statistics.median(warm):.2f} s\n")
