"""Whole sweeps on Ray: trials side by side on the card, one that runs out of memory, one trained again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.row import CUDA, Measured, Setting
from benchmarks.gpu_check.rows import hungry
from trainables import SPLIT_SEED, get_task, load_data
from tunelab.launch.retraining import repeat_trial
from tunelab.records.spec import make_spec
from tunelab.records.text import format_number
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.reproduce import first_difference
from tunelab.run import run_sweep

TASK = "mnist"


def sweep_speed(setting: Setting, at_once: int) -> Measured:
    """Run a sweep with some trials at once on one card (or one machine) and return trials a second.

    Args:
        setting: Where and how much.
        at_once: Number of trials that share the card.
    """
    trials = _search(setting, TASK, at_once)
    rate = len(trials) / (max(t.ended for t in trials) - min(t.started for t in trials))
    workers = len({t.worker["pid"] for t in trials})
    return Measured(
        f"{rate:.2f} trials/s ({len(trials)} trials of {setting.epochs} epochs, {workers} workers)",
        {"trials_per_second": rate, "trials": len(trials), "workers": workers},
    )


def run_out_of_memory(setting: Setting) -> Measured:
    """Run a sweep in which one trial runs out of the card's memory: it alone fails, and its error says so.

    Raises:
        RuntimeError: Another outcome.
    """
    setting.need_cuda()
    trials = _search(setting, hungry.__file__, at_once=2)
    failed = [t for t in trials if t.status is TrialStatus.FAILED]
    if [t.number for t in failed] != [hungry.HUNGRY_TRIAL] or not failed[0].error.startswith("CUDA out of memory"):
        states = ", ".join(f"{t.number} {t.status.label} {t.error.partition(chr(10))[0]}" for t in trials)
        raise RuntimeError(f"only trial {hungry.HUNGRY_TRIAL} was to fail, out of memory; came: {states}")
    rest = sum(t.has_result for t in trials)
    return Measured(f"trial {failed[0].number} failed with its reason, {rest} others have results", {"others": rest})


def repeat_exactly(setting: Setting) -> Measured:
    """Train the first trial of a sweep again, in this process, and compare the curves."""
    first = _search(setting, TASK, at_once=2)[0]
    task = get_task(TASK)
    again = repeat_trial(first, task, load_data(task, SPLIT_SEED).training)
    if again.error or len(again.epochs) != len(first.epochs):
        raise RuntimeError(f"trained again, it has {len(again.epochs)} of {len(first.epochs)} epochs: {again.error}")
    identical = first_difference(first.epochs, again.epochs) is None
    largest = max(abs(a.val_loss - b.val_loss) for a, b in zip(first.epochs, again.epochs, strict=True))
    text = "identical" if identical else "not identical"
    return Measured(
        f"{text}: validation losses of {len(first.epochs)} epochs differ by at most {format_number(largest, 3)}",
        {"identical": identical, "largest_difference": largest, "epochs": len(first.epochs)},
    )


def _search(setting: Setting, task: str, at_once: int) -> Sequence[TrialRecord]:
    """Return the trials of a sweep on one device, without early stopping, so that all sweeps do the same work.

    Raises:
        RuntimeError: A trial that finished was not trained on the setting's device.
    """
    on_card = setting.device == CUDA
    cores = os.cpu_count() or 1
    values: dict[str, Any] = {
        "task": task,
        "trials": max(setting.trials, 2),
        "max_epochs": setting.epochs,
        "scheduler": "none",
        "sampler": "random",
        "confirm_top": 0,
        "ensemble": 0,
        "retries": 0,
        "concurrency": at_once,
        "cpus_per_trial": min(1.0, cores / at_once),
        "gpus_per_trial": 1 / at_once if on_card else 0,
        "tracking_uri": "off",
        "name": "gpu-check",
        "storage": str(Path.cwd() / "storage"),
    }
    trials = run_sweep(make_spec(values)).trials
    wrong = {str(t.worker.get("device")) for t in trials if t.has_result} - {setting.device}
    if wrong:
        raise RuntimeError(f"trials ran on {', '.join(sorted(wrong))}, not on {setting.device}")
    if task == TASK and not all(t.has_result for t in trials):
        raise RuntimeError(next(t.error or t.status.label for t in trials if not t.has_result))
    return trials
