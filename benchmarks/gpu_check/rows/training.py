"""One configuration trained in this process, and its time an epoch."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from search_spaces import Config
from trainables import Task, TrainingData
from trainables.base.training.compute import Compute
from trainables.base.worker.assignment import TrialAssignment
from tunelab.launch.retraining import retrain_here
from tunelab.records.trial import TrialRecord
from tunelab.search.sampling.study import StudySampler


def first_config(task: Task, fixed: Mapping[str, Any] | None = None) -> Config:
    """Return the configuration that a sweep of the task tries first.

    Args:
        task: Gives space and reference.
        fixed: Parameters that are not drawn, e.g. the family.
    """
    sampler = StudySampler(task.space(), "random", 0, reference=task.reference, fixed=fixed or {})
    return sampler.suggest(0)[1]


def train(task: Task, data: TrainingData, config: Config, epochs: int, compute: Compute) -> TrialRecord:
    """Train a configuration with seed 0.

    Raises:
        RuntimeError: It failed or diverged; the message holds its error.
    """
    assignment = TrialAssignment(number=0, config=config, seed=0, max_epochs=epochs, compute=compute)
    (trial,) = retrain_here([assignment], task, data)
    if not trial.has_result:
        raise RuntimeError(f"training on {compute.device} {trial.status.label}: {trial.error}")
    if trial.worker["device"] != compute.device:
        raise RuntimeError(f"training was to run on {compute.device} and ran on {trial.worker['device']}")
    return trial


def epoch_seconds(trial: TrialRecord) -> float:
    """Return the median time of an epoch after the first, which warms up; that of the first where there is no other."""
    ends = [epoch.seconds for epoch in trial.epochs]
    return statistics.median(after - before for before, after in pairwise(ends)) if len(ends) > 1 else ends[0]
