"""The floor: the very epochs that our sweep ran, in bare processes, with no search, no report and no record."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.peers.outcome import Outcome, arguments
from benchmarks.speed.work import Work, read_work
from trainables import Task, TrainingData

EPOCHS = "epochs.json"  # beside the work: how many epochs of each trial

_state: tuple[Work, TrainingData, Task] | None = None


def prepare(folder: Path) -> None:
    """Load imports and data once a process."""
    global _state
    import torch

    from trainables import get_task

    torch.set_num_threads(1)
    work, data = read_work(folder)
    _state = work, data, get_task(work.task)


def train(job: tuple[int, int]) -> tuple[float, float, float]:
    """Train a trial for some epochs; return its best loss, its seconds, and when its first epoch was over."""
    assert _state is not None
    work, data, task = _state
    number, epochs = job
    began, best, first = time.time(), float("inf"), 0.0
    reports: Any = task.fit(
        work.configs[number], data, work.seeds[number], max_epochs=work.max_epochs, device=work.device
    )
    for report in itertools.islice(reports, epochs):
        first = first or time.time()
        best = min(best, report.val_loss)
    return best, time.time() - began, first


def main() -> None:
    """Train the same epochs without a search and write the outcome."""
    folder, out = arguments()
    work, _ = read_work(folder)
    jobs = list(enumerate(json.loads((folder / EPOCHS).read_text())))
    began = time.time()
    with multiprocessing.get_context("spawn").Pool(work.concurrency, prepare, (folder,)) as pool:
        done = list(pool.imap_unordered(train, jobs))
    Outcome(
        epochs=sum(epochs for _, epochs in jobs),
        trials=len(jobs),
        best=min(best for best, _, _ in done),
        train_seconds=sum(seconds for _, seconds, _ in done),
        fit_seconds=time.time() - began,
        first_epoch=min(first for _, _, first in done),
    ).write(out)


if __name__ == "__main__":
    main()
