"""Optuna alone: one process a core, one shared study, its own pruner, and our training loop."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from benchmarks.speed.peers.outcome import Outcome, arguments
from benchmarks.speed.work import SPACE, Work, read_work

STUDY = "speed"


def load_study(work: Work) -> optuna.Study:
    """Return the study that all processes share."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=STUDY,
        storage=JournalStorage(JournalFileBackend("optuna.log")),
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=work.grace_period, reduction_factor=work.reduction_factor
        ),
        load_if_exists=True,
    )


def run(folder: Path) -> None:
    """Run one process, which takes trials until none is left."""
    import torch

    from trainables import get_task

    torch.set_num_threads(1)
    work, data = read_work(folder)
    task = get_task(work.task)
    space = task.space(SPACE)

    study = load_study(work)
    while (trial := study.ask()).number < work.trials:
        config, best, state = space(trial), float("inf"), TrialState.COMPLETE
        began = time.time()
        for report in task.fit(config, data, work.seeds[trial.number], max_epochs=work.max_epochs, device=work.device):
            best = min(best, report.val_loss)
            trial.report(report.val_loss, report.epoch)
            if report.epoch == 1:
                trial.set_user_attr("first_epoch", time.time())
            if trial.should_prune():
                state = TrialState.PRUNED
                break
        trial.set_user_attr("train_seconds", time.time() - began)
        study.tell(trial, best if state == TrialState.COMPLETE else None, state)
    study.tell(trial, state=TrialState.FAIL)  # the one that was asked for when all were taken


def main() -> None:
    """Search with Optuna alone, a process for each slot, and write the outcome."""
    folder, out = arguments()
    work, _ = read_work(folder)
    study = load_study(work)
    for params in work.params:
        study.enqueue_trial(params)
    began = time.time()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=run, args=(folder,)) for _ in range(work.concurrency)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    trials = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    Outcome(
        epochs=sum(len(t.intermediate_values) for t in trials),
        trials=len(trials),
        best=min(v for t in trials for v in t.intermediate_values.values()),
        train_seconds=sum(t.user_attrs["train_seconds"] for t in trials),
        fit_seconds=time.time() - began,
        first_epoch=min(t.user_attrs["first_epoch"] for t in trials),
    ).write(out)


if __name__ == "__main__":
    main()
