"""Trials in this process, one after another, without Ray: for what is trained after a search, benchmarks and tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from trainables import Splits, Task, TrainingData
from tunelab.records.data import DataDescription
from tunelab.records.result import SweepResult
from tunelab.records.spec import OFF, SweepSpec, public_spec
from tunelab.records.trial import TrialRecord
from tunelab.search.defaults import fill_defaults
from tunelab.search.factory import make_compute, make_controller
from tunelab.search.journal import Journal
from tunelab.search.limits import SearchLimits
from tunelab.search.source import NoTrial, TrialSource
from tunelab.system.environment import Environment
from tunelab.system.signals import put_off


def run_here(source: TrialSource, task: Task, data: TrainingData) -> None:
    """Run all trials of a source, as ``run_trials`` does on Ray."""
    from trainables.base.worker.trial import run_trial  # loads torch

    while not isinstance(plan := source.next_assignment(), NoTrial):
        for report in run_trial(task, data, plan):
            if not source.on_report(plan.number, report):
                break


def load_torch() -> None:
    """Load torch whole: left in the middle by a signal, its C++ part would end the process with a stack."""
    with put_off():
        import_module("torch")


def search_here(
    spec: SweepSpec,
    task: Task,
    splits: Splits,
    storage: str = "",
    on_trial_end: Callable[[TrialRecord], None] = lambda trial: None,
) -> SweepResult:
    """Run the search of a sweep alone: nothing is confirmed or evaluated.

    Args:
        spec: Trials, epochs and grace period are the task's own where they are None.
        task: What is learned.
        splits: The task's data.
        storage: URI of the folder for the trials' weights; none are kept when empty.
        on_trial_end: Called with each trial that ended.
    """
    facts, began = task.facts, time.time()
    filled = fill_defaults(spec, task, name=spec.name or facts.name, tracking_uri=OFF)
    space = task.space(spec.space)
    limits = SearchLimits(filled.trials, filled.max_epochs, 1, compute=make_compute(filled), storage=storage)
    with TemporaryDirectory() as folder, closing(Journal(Path(folder))) as journal:
        controller = make_controller(filled, task, space, journal, limits, on_trial_end=on_trial_end)
        run_here(controller, task, splits.training)
        records = controller.finish()
    return SweepResult(
        name=filled.name,
        task=facts.name,
        spec=public_spec(filled),
        facts=facts,
        data=DataDescription.from_splits(task, splits, spec.split_seed),
        environment=Environment.here(),
        trials=records,
        concurrency=1,
        started=began,
        wall_seconds=time.time() - began,
        fit_seconds=time.time() - began,
        space=space.describe(),
    )
