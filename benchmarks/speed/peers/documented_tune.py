"""Ray Tune as its documentation shows it: a function trainable, OptunaSearch, ASHA and the MLflow callback.

With ``--reuse`` actors are reused between trials, which the documentation leaves off.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.speed.peers.documented_loop import documented_epochs
from benchmarks.speed.peers.outcome import Outcome, arguments
from benchmarks.speed.work import SPACE, read_work
from trainables import get_task


def train(config: dict[str, Any], folder: Path) -> None:
    """Train one trial with one report an epoch."""
    work, data = read_work(folder)
    for loss in documented_epochs(config, data, work.max_epochs, work.device):
        tune.report({"val_loss": loss})


def main() -> None:
    """Search as Ray Tune's documentation shows and write the outcome."""
    folder, out = arguments()
    work, _ = read_work(folder)
    space = get_task(work.task).space(SPACE)
    session = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: Ray's sockets lie in it
    ray.init("local", num_cpus=work.concurrency, include_dashboard=False, log_to_driver=False, _temp_dir=session)
    gpus = 1 / work.concurrency if work.device == "cuda" else 0
    began = time.time()
    results = tune.Tuner(
        tune.with_resources(tune.with_parameters(train, folder=folder), {"cpu": 1, "gpu": gpus}),
        tune_config=tune.TuneConfig(
            num_samples=work.trials,
            search_alg=OptunaSearch(space, metric="val_loss", mode="min", points_to_evaluate=list(work.params)),
            scheduler=ASHAScheduler(
                metric="val_loss",
                mode="min",
                max_t=work.max_epochs,
                grace_period=work.grace_period,
                reduction_factor=work.reduction_factor,
            ),
            reuse_actors="--reuse" in sys.argv,
        ),
        run_config=tune.RunConfig(
            storage_path=str(Path.cwd() / "ray_results"),
            verbose=0,
            callbacks=[
                MLflowLoggerCallback(tracking_uri=f"sqlite:///{Path.cwd() / 'mlflow.db'}", experiment_name=work.task)
            ],
        ),
    ).fit()
    if results.errors:
        raise results.errors[0]
    Outcome(
        epochs=sum(r.metrics["training_iteration"] for r in results),
        trials=len(results),
        best=min(r.metrics["val_loss"] for r in results),
        fit_seconds=time.time() - began,
    ).write(out)
    ray.shutdown()
    shutil.rmtree(session, ignore_errors=True)


if __name__ == "__main__":
    main()
