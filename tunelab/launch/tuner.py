"""Running the trials of a source on Ray Tune.

Ray Tune starts workers, keeps them between trials, places them on CPUs, GPUs and nodes, and carries reports. What runs,
what it is called, and when it stops is decided by a ``TrialSource``, with a ``TuneAdapter`` in between.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from trainables import METRIC, Task, TrainingData
from trainables.base.contract.trainable import send_by_value
from tunelab.launch.adapter import TuneAdapter
from tunelab.launch.ray_import import import_ray, import_tune
from tunelab.launch.ray_internals.patches import use_started_workers
from tunelab.launch.ray_internals.watch import run_watched
from tunelab.launch.resources import Resources, slots
from tunelab.launch.worker_logs import WorkerStderr, logs_folder
from tunelab.search.source import TrialSource
from tunelab.system.scratch import scratch_folder


def run_trials(source: TrialSource, task: Task, data: TrainingData, resources: Resources, concurrency: int) -> None:
    """Run all trials of a source on the running Ray; return when it has no more.

    Args:
        source: Decides what runs.
        task: Trains; sent to workers by value.
        data: Training and validation data; sent to each worker once.
        resources: What one trial takes.
        concurrency: Number of trials at once, at most.

    Raises:
        WorkersLost: Workers die before they start a trial.
        RayLost: A process of Ray's own ended.
    """
    ray, tune = import_ray(), import_tune()
    from trainables.base.worker.trial_actor import TrialActor

    send_by_value(task)
    actor = tune.with_resources(
        tune.with_parameters(TrialActor, task=task, data=data), {"cpu": resources.cpus, "gpu": resources.gpus}
    )
    actors = min(concurrency, slots(ray.cluster_resources(), resources))
    use_started_workers()
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(actors)  # Tune would start them one after another
    adapter = TuneAdapter(source, actors, resources.hang_timeout, WorkerStderr(logs_folder()))
    with scratch_folder() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Tune's advice about its own snapshots and loggers
        run_watched(_make_tuner(tune, actor, adapter, folder).fit, adapter.fail, ray)
    if adapter.failure is not None:
        raise adapter.failure


def _make_tuner(tune: Any, actor: Any, adapter: TuneAdapter, folder: Path) -> Any:
    """Return a Tuner whose trials are the actors, and which keeps next to nothing."""
    from tunelab.launch.tune_classes import ActorScheduler, ActorSearcher, SourceStopper

    return tune.Tuner(
        actor,
        tune_config=tune.TuneConfig(
            metric=METRIC,
            mode="min",
            num_samples=-1,
            search_alg=ActorSearcher(adapter),
            scheduler=ActorScheduler(adapter),
            reuse_actors=False,  # an actor takes trial after trial by itself
            trial_name_creator=lambda trial: trial.trial_id,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="actors",
            storage_path=str(folder),
            verbose=0,
            stop=SourceStopper(adapter),
            log_to_file=False,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # checkpoints are the trials' own
        ),
    )
