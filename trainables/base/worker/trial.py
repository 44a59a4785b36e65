"""One trial from plan to last report: plain Python around a task's ``fit``, the same in a Ray worker and without."""

from __future__ import annotations

import contextlib
import math
import os
import platform
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_safetensors

from search_spaces.errors import UserError, bounded_text, message_of
from trainables.base.contract.data import TrainingData
from trainables.base.contract.lasting_weights import LastingWeights
from trainables.base.contract.task import EpochReport, Task
from trainables.base.worker.assignment import BROKEN, HAS_WEIGHTS, TrialAssignment, TrialReport, weights_path
from trainables.base.worker.printed import keep_printed
from trainables.base.worker.storage import Storage, is_no_space

REPORT_SECONDS = 0.5  # between milestones the driver hears this often; the epochs in between ride along
NO_EPOCH = "the task ended without reporting an epoch"
METRIC_NAME = re.compile(r"[\w.:-][\w.: /-]*")  # what MLflow takes
MAX_MESSAGE, MAX_TRACE = 4_000, 16_000  # characters kept of what a failed trial says, and of its traceback
LAST_EPOCHS = 3.0  # before a time budget ends, every epoch that may be the last counts as a milestone
WAIT_SECONDS = 0.01
CHECKPOINT_SECONDS = 30.0  # a trial that can be checkpointed is, this often


def run_trial(task: Task, data: TrainingData, plan: TrialAssignment) -> Iterator[TrialReport]:
    """Train one trial. Report at milestones, twice a second, and at the end; never raises for what ``fit`` does."""
    with keep_printed() as printed, contextlib.closing(_train(task, data, plan)) as reports:
        for report in reports:
            yield replace(report, printed=printed.take())


def _train(task: Task, data: TrainingData, plan: TrialAssignment) -> Generator[TrialReport, None, None]:
    compute = plan.compute.settled()
    device = compute.device
    worker: dict[str, Any] = {"host": platform.node(), "pid": os.getpid(), **compute.to_json(), "began": time.time()}
    keeper = _Keeper(plan)
    rows: list[list[Any]] = []
    error, outcome, no_space = "", "finished", False
    started = reported = time.monotonic()
    try:
        with keeper.checkpoint_folder() as folder:
            with compute.active():
                reports = iter(
                    task.fit(plan.config, data, plan.seed, max_epochs=plan.max_epochs, device=device, checkpoint=folder)
                )
            seconds = 0.0
            while True:
                began = time.perf_counter()
                with compute.active():
                    report = next(reports, None)
                spent = time.perf_counter() - began
                seconds += spent
                if report is None:
                    break
                left = plan.seconds_left - (time.monotonic() - started)
                if left < 0:
                    yield from _until_stopped(worker)
                rows.append(_row(report, seconds))
                if not math.isfinite(report.val_loss):
                    outcome = "diverged"
                    break
                worker[HAS_WEIGHTS] = worker.get(HAS_WEIGHTS, False) or report.weights is not None
                keeper.see(report)
                if report.epoch >= plan.max_epochs or report.is_last:
                    break
                milestone = report.epoch in plan.milestones or left < LAST_EPOCHS * spent
                if milestone or time.monotonic() - reported > REPORT_SECONDS:
                    if milestone:
                        keeper.write()
                    yield TrialReport(rows=rows, checkpoint=keeper.checkpoint(report), worker=worker)
                    rows, reported = [], time.monotonic()
            if HAS_WEIGHTS not in worker and outcome == "finished" and not plan.checkpoint:
                raise ValueError(NO_EPOCH)
            if outcome == "finished":
                keeper.write()
            with compute.active():
                _end(reports)
    except Exception as problem:  # noqa: BLE001 a failed trial is data: recorded with its error, the sweep continues
        outcome, error, no_space = "failed", _explain(problem, plan.config), is_no_space(problem)
        if device.startswith("cuda"):
            worker[BROKEN] = not _cuda_works()
    yield TrialReport(rows=rows, outcome=outcome, error=error, no_space=no_space, worker=worker)  # type: ignore[arg-type]


def _end(reports: Iterator[EpochReport]) -> None:
    """Let a task clean up behind its last epoch, before the last report, which takes along what it prints meanwhile."""
    try:
        if isinstance(reports, Generator):
            reports.close()
    except Exception:  # noqa: BLE001 the epochs are whole: what fails behind them is told, and changes no result
        traceback.print_exc(file=sys.stdout)


def _until_stopped(worker: Mapping[str, Any]) -> Iterator[TrialReport]:
    """Wait for the launcher, whose time is over: of an epoch that ends now it might not hear before it leaves."""
    while True:
        yield TrialReport(worker=worker)
        time.sleep(WAIT_SECONDS)


class _Keeper:
    """Keeps the best epoch's weights and, where the task can, checkpoints."""

    def __init__(self, plan: TrialAssignment) -> None:
        self._plan = plan
        self._storage = Storage(plan.storage) if plan.storage else None
        self._best = plan.best
        self._path = f"checkpoints/trial-{plan.number:05d}"
        self._weights: Mapping[str, torch.Tensor] | None = None
        self._checkpointed = time.monotonic()

    def see(self, report: EpochReport) -> None:
        """Keep the weights when this epoch is the best so far, as a copy unless they last."""
        if self._storage is None or report.weights is None or not report.val_loss < self._best:
            return
        self._best = report.val_loss
        self._weights = (
            report.weights
            if isinstance(report.weights, LastingWeights)
            else {name: value.detach().to("cpu", copy=True) for name, value in report.weights.items()}
        )

    def write(self) -> None:
        """Write the best weights when they changed since the last time."""
        if self._storage is None or self._weights is None:
            return
        content = to_safetensors(
            {name: value.contiguous() for name, value in self._weights.items()}, {"val_loss": repr(float(self._best))}
        )
        self._storage.write(weights_path(self._plan.number), content)
        self._weights = None

    def checkpoint(self, report: EpochReport) -> tuple[int, str] | None:
        """Write a checkpoint, and the best weights up to it, when the task can and the last one is old enough.

        The one before stays until the next: the driver may not have heard of this one yet.
        """
        due = time.monotonic() - self._checkpointed > CHECKPOINT_SECONDS
        if self._storage is None or report.save is None or not due:
            return None
        self.write()
        name = f"epoch-{report.epoch:05d}"
        with tempfile.TemporaryDirectory() as folder:
            report.save(Path(folder))
            self._storage.upload(Path(folder), f"{self._path}/{name}")
        for old in [n for n in self._storage.names(self._path) if n != name][:-1]:
            self._storage.delete(f"{self._path}/{old}")
        self._checkpointed = time.monotonic()
        return report.epoch, f"{self._path}/{name}"

    @contextlib.contextmanager
    def checkpoint_folder(self) -> Iterator[Path | None]:
        """Provide the checkpoint to continue from as a local folder; None without one, or when it is gone."""
        if self._storage is None or not self._plan.checkpoint:
            yield None
            return
        with tempfile.TemporaryDirectory() as folder:
            found = self._storage.download(self._plan.checkpoint, Path(folder))
            if not found:
                self._best = math.inf
            yield Path(folder) if found else None


def _row(report: EpochReport, seconds: float) -> list[Any]:
    if not isinstance(report, EpochReport):
        raise TypeError(f"fit must yield EpochReport, got {type(report).__name__}")
    metrics = {str(name): float(value) for name, value in report.metrics.items()}
    for name in metrics:
        if METRIC_NAME.fullmatch(name) is None:
            raise ValueError(f"metric name {name!r} must be letters, digits, blanks, and '_', '.', '-', ':', '/'")
    return [int(report.epoch), float(report.val_loss), metrics, round(seconds, 6)]


def _explain(problem: Exception, config: Mapping[str, Any]) -> str:
    """Return type and message first, then where: what a failed trial's record holds."""
    message = bounded_text(message_of(problem), MAX_MESSAGE)
    trace = bounded_text("".join(traceback.format_exception(problem)), MAX_TRACE)
    ran_out = isinstance(problem, RuntimeError) and "out of memory" in message  # torch has several kinds of it
    if ran_out or isinstance(problem, torch.cuda.OutOfMemoryError):
        advice = "Lower batch_size or the model's size in the search space, or give each trial more of the GPU."
        return f"CUDA out of memory: {message} {advice}\n\n{trace}"
    if isinstance(problem, KeyError) and problem.args and problem.args[0] not in config:  # perhaps looked for there
        message += f" (the configuration has {', '.join(config) or 'nothing'})"
    kind = "" if isinstance(problem, UserError) else f"{type(problem).__name__}: "  # a sentence for the user
    return f"{kind}{message}\n\n{trace}"


def _cuda_works() -> bool:
    """Return whether the GPU answers after a failure; gives back the memory that the failed trial held."""
    try:
        torch.cuda.synchronize()
    except RuntimeError:  # an error that stays with the process, as after a failed assertion on the device
        return False
    torch.cuda.empty_cache()
    return True
