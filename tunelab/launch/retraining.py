"""Training recorded configurations again: with their own seeds or new ones, on Ray or in this process.

Everything that is trained outside a search goes through here, with the compute settings that the search's workers had.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from trainables import Task, TrainingData
from trainables.base.training.compute import Compute
from trainables.base.worker.assignment import TrialAssignment, weights_path
from trainables.base.worker.storage import Storage
from tunelab.launch.fixed_trials import FixedTrials
from tunelab.launch.local import load_torch, run_here
from tunelab.launch.resources import Resources
from tunelab.launch.tuner import run_trials
from tunelab.records.trial import TrialRecord

if TYPE_CHECKING:  # torch loads when something is trained
    import torch


def assignment_for(trial: TrialRecord, number: int, seed: int, storage: str = "") -> TrialAssignment:
    """Return the assignment that trains a recorded configuration again, on the compute settings of its worker.

    Args:
        trial: Gives configuration, budget and compute settings.
        number: Number of the new run.
        seed: Seed of the new run.
        storage: URI of the folder for its weights; none are kept when empty.
    """
    return TrialAssignment(
        number=number,
        config=trial.config,
        seed=seed,
        max_epochs=trial.max_epochs,
        compute=Compute.from_worker(trial.worker),
        storage=storage,
    )


def retrain_on_ray(
    assignments: Sequence[TrialAssignment],
    task: Task,
    data: TrainingData,
    resources: Resources,
    concurrency: int,
    on_trial_end: Callable[[int], None] = lambda done: None,
) -> list[TrialRecord]:
    """Run all assignments on the running Ray, in parallel.

    Returns:
        The records, in the order of the assignments.
    """
    source = FixedTrials(assignments, concurrency, on_trial_end)
    run_trials(source, task, data, resources, min(concurrency, len(assignments)))
    return source.records


def retrain_here(
    assignments: Sequence[TrialAssignment],
    task: Task,
    data: TrainingData,
    last_epoch: int | None = None,
    seconds: float = math.inf,
) -> list[TrialRecord]:
    """Run all assignments in this process, one after another.

    Args:
        assignments: What to train, numbered 0, 1, 2, ...; on the CPU where this machine has no GPU.
        task: Task that trains.
        data: Training and validation data.
        last_epoch: Epoch after which training ends; the end of each budget when None.
        seconds: After which it ends for all, see ``FixedTrials``.

    Returns:
        The records, in the order of the assignments.
    """
    load_torch()
    return _train([replace(one, compute=one.compute.here()) for one in assignments], task, data, last_epoch, seconds)


def repeat_trial(trial: TrialRecord, task: Task, data: TrainingData) -> TrialRecord:
    """Train a recorded trial again, up to its last epoch, on the device and thread count that it had.

    Returns:
        The trial with the curve, worker and error of this run.
    """
    (run,) = _train([assignment_for(trial, 0, trial.seed)], task, data, trial.epochs[-1].epoch)
    return replace(trial, epochs=run.epochs, worker=run.worker, error=run.error)


def train_with_weights(
    trial: TrialRecord, task: Task, data: TrainingData, last_epoch: int | None = None
) -> tuple[TrialRecord, dict[str, torch.Tensor]]:
    """Train a recorded trial again in this process; with its own seed it repeats the same curve.

    Args:
        trial: Gives configuration, seed, budget and compute settings.
        task: Task that trains.
        data: Training and validation data.
        last_epoch: Epoch after which training ends; the end of its budget when None.

    Returns:
        The trial with the curve of this run, and the weights of its best epoch; no weights when the task yields none
        or the run failed, whose ``error`` the record then has.
    """
    from safetensors.torch import load

    with TemporaryDirectory() as folder:
        (run,) = retrain_here([assignment_for(trial, 0, trial.seed, folder)], task, data, last_epoch)
        whole = replace(trial, status=run.status, epochs=run.epochs, worker=run.worker, error=run.error)
        try:
            return whole, load(Storage(folder).read(weights_path(0))) if whole.has_result else {}
        except FileNotFoundError:
            return whole, {}


def _train(
    assignments: Sequence[TrialAssignment],
    task: Task,
    data: TrainingData,
    last_epoch: int | None,
    seconds: float = math.inf,
) -> list[TrialRecord]:
    milestones = () if last_epoch is None else (last_epoch,)
    planned = [replace(one, milestones=milestones) for one in assignments]
    source = FixedTrials(planned, 1, last_epoch=last_epoch, seconds=seconds)
    run_here(source, task, data)
    return source.records
