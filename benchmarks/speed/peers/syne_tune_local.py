"""Syne Tune: its local backend, a process per trial, with ASHA; each trial trains as the documentation's examples do.

With ``--index`` this script is one of the trials that the backend starts.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.peers.outcome import Outcome, arguments
from benchmarks.speed.work import read_work


def train() -> None:
    """Train one trial with one report an epoch."""
    from syne_tune import Reporter

    from benchmarks.speed.peers.documented_loop import documented_epochs

    parser = argparse.ArgumentParser()
    parser.add_argument("--index", type=int)
    parser.add_argument("--folder", type=Path)
    options, _ = parser.parse_known_args()
    work, data = read_work(options.folder)
    report = Reporter()
    epochs = documented_epochs(dict(work.configs[options.index]), data, work.max_epochs, work.device)
    for epoch, loss in enumerate(epochs, start=1):
        report(epoch=epoch, val_loss=loss)


def main() -> None:
    """Search with Syne Tune's local backend and write the outcome."""
    os.environ["SYNETUNE_FOLDER"] = str(Path.cwd() / "syne-tune")  # read when it is imported; else the home folder
    from syne_tune import Tuner
    from syne_tune.backend import LocalBackend
    from syne_tune.config_space import randint
    from syne_tune.optimizer.baselines import ASHA
    from syne_tune.tuner_callback import TunerCallback

    folder, out = arguments()
    work, _ = read_work(folder)
    losses: dict[int, list[float]] = {}

    class Count(TunerCallback):  # type: ignore[misc, unused-ignore]
        """Notes every report that arrives."""

        def on_trial_result(self, trial: Any, status: str, result: dict[str, Any], decision: str) -> None:
            losses.setdefault(trial.trial_id, []).append(result["val_loss"])

    scheduler = ASHA(
        {"index": randint(0, work.trials - 1), "folder": str(folder), "max_epochs": work.max_epochs},
        metric="val_loss",
        do_minimize=True,
        time_attr="epoch",
        max_t=work.max_epochs,
        grace_period=work.grace_period,
        reduction_factor=work.reduction_factor,
        points_to_evaluate=[{"index": number} for number in range(work.trials)],
    )
    tuner = Tuner(
        trial_backend=LocalBackend(entry_point=str(Path(__file__))),
        scheduler=scheduler,
        stop_criterion=lambda status: status.num_trials_started >= work.trials,  # running trials continue to their end
        n_workers=work.concurrency,
        sleep_time=0.1,
        print_update_interval=3600,
        wait_trial_completion_when_stopping=True,
        save_tuner=False,
        callbacks=[Count()],
    )
    began = time.time()
    tuner.run()
    Outcome(
        epochs=sum(len(values) for values in losses.values()),
        trials=len(losses),
        best=min(min(values) for values in losses.values()),
        fit_seconds=time.time() - began,
    ).write(out)


if __name__ == "__main__":
    train() if "--index" in sys.argv else main()
