"""One trial from plan to last report: plain Python around a task's ``fit``, the same in a Ray worker and without."""

from __future__ import annotations

import contextlib
import math
import os
import platform
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_safetensors

from trainables.base.plan import TrialPlan, TrialReport, weights_path
from trainables.base.storage import Storage
from trainables.base.task import EpochReport, Task, TrainingData

REPORT_SECONDS = 0.5  # between milestones the driver hears this often; the epochs in between ride along
CHECKPOINT_SECONDS = 30.0  # a trial that can be checkpointed is, this often


def run_trial(task: Task, data: TrainingData, plan: TrialPlan) -> Iterator[TrialReport]:
    """Trains one trial. Reports at milestones, twice a second, and at the end; never raises for what ``fit`` does."""
    torch.set_num_threads(plan.threads)
    device = _device(plan.device)
    worker = {
        "host": platform.node(),
        "pid": os.getpid(),
        "device": device,
        "threads": plan.threads,
        "began": time.time(),
    }
    keeper = _Keeper(plan)
    rows: list[list[Any]] = []
    error, outcome = "", "finished"
    reported = time.monotonic()
    try:
        with keeper.checkpoint_folder() as folder:
            reports = iter(
                task.fit(plan.config, data, plan.seed, max_epochs=plan.max_epochs, device=device, checkpoint=folder)
            )
            seconds = 0.0
            while True:
                began = time.perf_counter()
                report = next(reports, None)
                seconds += time.perf_counter() - began
                if report is None:
                    break
                rows.append(_row(report, seconds))
                if not math.isfinite(report.val_loss):
                    outcome = "diverged"
                    break
                keeper.see(report)
                if report.epoch >= plan.max_epochs:
                    break
                milestone = report.epoch in plan.milestones
                if milestone or time.monotonic() - reported > REPORT_SECONDS:
                    if milestone:
                        keeper.write()
                    yield TrialReport(rows=rows, checkpoint=keeper.checkpoint(report), worker=worker)
                    rows, reported = [], time.monotonic()
            if outcome == "finished":
                keeper.write()
    except torch.cuda.OutOfMemoryError as problem:
        advice = "Lower batch_size or the model's size in the search space, or give each trial more of the GPU."
        outcome, error = "failed", f"CUDA out of memory: {problem} {advice}"
    except Exception as problem:  # noqa: BLE001 a failed trial is data: recorded with its error, the sweep goes on
        outcome, error = "failed", _explain(problem)
    yield TrialReport(rows=rows, outcome=outcome, error=error, worker=worker)  # type: ignore[arg-type]


class _Keeper:
    """Keeps the best epoch's weights and, where the task can, checkpoints."""

    def __init__(self, plan: TrialPlan) -> None:
        self._plan = plan
        self._storage = Storage(plan.storage) if plan.storage else None
        self._best = math.inf
        self._weights: dict[str, torch.Tensor] | None = None
        self._checkpointed = time.monotonic()

    def see(self, report: EpochReport) -> None:
        """Copies the weights when this epoch is the best so far."""
        if self._storage is None or report.weights is None or not report.val_loss < self._best:
            return
        self._best = report.val_loss
        self._weights = {name: value.detach().to("cpu", copy=True) for name, value in report.weights.items()}

    def write(self) -> None:
        """Writes the best weights when they changed since the last time."""
        if self._storage is None or self._weights is None:
            return
        content = to_safetensors(
            {name: value.contiguous() for name, value in self._weights.items()}, {"val_loss": repr(self._best)}
        )
        self._storage.write(weights_path(self._plan.number), content)
        self._weights = None

    def checkpoint(self, report: EpochReport) -> tuple[int, str] | None:
        """Writes a checkpoint when the task can and the last one is old enough."""
        due = time.monotonic() - self._checkpointed > CHECKPOINT_SECONDS
        if self._storage is None or report.save is None or not due:
            return None
        path = f"checkpoints/trial-{self._plan.number:05d}/epoch-{report.epoch:05d}"
        with tempfile.TemporaryDirectory() as folder:
            report.save(Path(folder))
            self._storage.upload(Path(folder), path)
        self._checkpointed = time.monotonic()
        return report.epoch, path

    @contextlib.contextmanager
    def checkpoint_folder(self) -> Iterator[Path | None]:
        """The checkpoint to go on from as a local folder."""
        if self._storage is None or not self._plan.checkpoint:
            yield None
            return
        with tempfile.TemporaryDirectory() as folder:
            self._storage.download(self._plan.checkpoint, Path(folder))
            yield Path(folder)


def _row(report: EpochReport, seconds: float) -> list[Any]:
    if not isinstance(report, EpochReport):
        raise TypeError(f"fit must yield EpochReport, got {type(report).__name__}")
    metrics = {str(name): float(value) for name, value in report.metrics.items()}
    return [int(report.epoch), float(report.val_loss), metrics, round(seconds, 6)]


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def _explain(problem: Exception) -> str:
    """Type and message first, then where: what a failed trial's record holds."""
    trace = "".join(traceback.format_exception(problem))
    return f"{type(problem).__name__}: {problem}\n\n{trace}"
