"""Trials in this process, one after another, without Ray: for what is trained after a search, benchmarks and tests."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from trainables import Splits, Task, TrainingData
from tunelab.launch.tuner import TrialSource
from tunelab.records.data import DataDescription
from tunelab.records.result import SweepResult
from tunelab.records.spec import OFF, ResolvedSpec, SweepSpec, public_spec
from tunelab.search.asha import Rungs, rung_levels
from tunelab.search.controller import NoTrial, SearchController, SearchLimits
from tunelab.search.journal import Journal
from tunelab.search.study import StudySampler
from tunelab.system.environment import Environment
from tunelab.system.signals import put_off


def run_here(source: TrialSource, task: Task, data: TrainingData) -> None:
    """Runs all trials of a source, as ``run_trials`` does on Ray."""
    from trainables.base.worker.trial import run_trial  # loads torch

    while not isinstance(plan := source.next_assignment(), NoTrial):
        for report in run_trial(task, data, plan):
            if not source.on_report(plan.number, report):
                break


def load_torch() -> None:
    """Loads torch whole: left in the middle by a signal, its C++ part would end the process with a stack."""
    with put_off():
        import_module("torch")


def search_here(spec: SweepSpec, task: Task, splits: Splits) -> SweepResult:
    """The search of a sweep alone: nothing is confirmed, evaluated or kept.

    Args:
        spec: trials, epochs and grace period are the task's own where they are None.
        task, splits: what is learned.
    """
    facts, began = task.facts, time.time()
    trials, max_epochs = spec.trials or facts.trials, spec.max_epochs or facts.max_epochs
    grace = spec.grace_period or min(facts.grace_period, max_epochs)
    space = task.space(spec.space)
    levels = rung_levels(grace, spec.reduction_factor, max_epochs) if spec.scheduler == "asha" else ()
    study = StudySampler(space, spec.sampler, spec.seed, reference=task.reference, fixed=spec.fixed)
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        controller = SearchController(
            SearchLimits(trials, max_epochs, 1),
            study,
            Rungs(levels, spec.reduction_factor, protected=frozenset(range(study.references))),
            journal,
            spec.seed,
        )
        run_here(controller, task, splits.training)
        records = controller.finish()
        journal.close()
    named = {"name": spec.name or facts.name, "tracking_uri": OFF}
    filled = ResolvedSpec.from_spec(spec, **named, trials=trials, max_epochs=max_epochs, grace_period=grace)
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
