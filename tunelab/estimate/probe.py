"""A probe of a sweep: its first trials for a few epochs, on the Ray that will run them, watching time and memory."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import replace
from pathlib import Path

from search_spaces import UserError
from trainables import Splits
from trainables.base.worker.assignment import TrialReport, weights_path
from tunelab.analysis.permutation_importance import column_importance
from tunelab.evaluation.baselines import baselines
from tunelab.launch.local import load_torch
from tunelab.launch.resources import Resources
from tunelab.launch.retraining import assignment_for, retrain_here
from tunelab.launch.tuner import run_trials
from tunelab.records.trial import TrialRecord, TrialStatus, ranked
from tunelab.search.factory import make_compute, make_controller
from tunelab.search.journal import Journal
from tunelab.search.limits import SearchLimits, Stop
from tunelab.setup.resolved import ResolvedSweep
from tunelab.system.machine import process_tree

PROBE_TRIALS = 8
PROBE_EPOCHS = 5
PROBE_SECONDS = 20.0  # after the first report, at most
WHOLE_SECONDS = 5.0  # at most, for whole runs that show how long trials train
MIN_WHOLE = 10  # epochs of a trial that this time must hold
MODEL_SECONDS = 2.5  # logging and registering the winner, the report


class Probe:
    """The sweep's first trials for a few epochs: a source of trials that watches time and memory.

    Args:
        plan: The sweep.
        splits: Its data.
        resources: What one trial takes.
        concurrency: Trials at once, as in the sweep, so that they slow each other down as they will.
        folder: Where journal and weights are written.
    """

    def __init__(
        self, plan: ResolvedSweep, splits: Splits, resources: Resources, concurrency: int, folder: Path
    ) -> None:
        spec = plan.spec
        self.folder = folder
        self.wall_seconds = 0.0
        self.peak_bytes = 0
        self.own_bytes = 0  # of it, this process
        self.worker_bytes = 0
        self._first = 0.0  # when the first report came
        self._plan, self._splits, self._resources, self._concurrency = plan, splits, resources, concurrency
        self._journal = Journal(folder)
        limits = SearchLimits(
            trials=max(PROBE_TRIALS, 2 * concurrency),
            max_epochs=min(PROBE_EPOCHS, spec.max_epochs),
            concurrency=concurrency,
            compute=make_compute(spec),
            storage=str(folder),
        )
        unstopped = spec.model_copy(update={"scheduler": "none", "deterministic": False})
        self._controller = make_controller(unstopped, plan.task, plan.space, self._journal, limits)
        self.next_assignment = self._controller.next_assignment
        self.on_crash = self._controller.on_crash
        self.silent_since = self._controller.silent_since

    @property
    def references(self) -> int:
        """Number of leading trials that are reference configurations: one for each family of a table."""
        return self._controller.state.study.references

    @property
    def halted(self) -> bool:
        """True if no further trial may begin."""
        return self._controller.halted

    @property
    def trials(self) -> list[TrialRecord]:
        """Trials that ran, whole or in part."""
        return [trial for trial in self._controller.records if trial.epochs]

    @property
    def best(self) -> TrialRecord:
        """The best of the trials that ran; the first when none has a result."""
        return next(iter(ranked(self.trials)), self.trials[0])

    def on_report(self, number: int, report: TrialReport) -> bool:
        """Take a report and look at memory; return whether the trial should continue."""
        tree = process_tree(os.getpid())
        if sum(tree.values()) > self.peak_bytes:
            self.peak_bytes, self.own_bytes = sum(tree.values()), tree[os.getpid()]
        self.worker_bytes = max(self.worker_bytes, tree.get(int(report.worker.get("pid", 0)), 0))
        self._first = self._first or time.monotonic()
        if time.monotonic() - self._first > PROBE_SECONDS:
            self._controller.stop(Stop.TIME_BUDGET)
        return self._controller.on_report(number, report)

    def run(self) -> None:
        """Train the trials.

        Raises:
            UserError: No trial reached the end of an epoch.
        """
        began = time.monotonic()
        run_trials(self, self._plan.task, self._splits.training, self._resources, self._concurrency)
        self._controller.finish()
        self._journal.close()
        self.wall_seconds = time.monotonic() - began
        if not self.trials:
            errors = [t.error.partition("\n")[0] for t in self._controller.records if t.error]
            raise UserError(f"The probe of '{self._plan.task.facts.name}' trained nothing: {', '.join(errors[:1])}.")


def seconds_per_epoch(trial: TrialRecord) -> float:
    """Return the training seconds of an epoch after the first, which warms up; of the first when there is no other."""
    first, last = trial.epochs[0], trial.epochs[-1]
    later = last.epoch - first.epoch
    return (last.seconds - first.seconds) / later if later else first.seconds


def whole_lengths(plan: ResolvedSweep, splits: Splits, probe: Probe) -> list[int]:
    """Return for each probed trial the epochs after which it ends when no other trial stops it.

    Those that the sweep has are trained whole, the cheapest first, for ``WHOLE_SECONDS`` in all. One that has not ended
    by then counts with its whole budget of epochs, one that did not begin with the mean of the others.
    """
    max_epochs, trials = plan.spec.max_epochs, probe.trials
    asked = sorted(trials[: plan.spec.trials], key=seconds_per_epoch)
    chosen = [trial for trial in asked if seconds_per_epoch(trial) * MIN_WHOLE <= WHOLE_SECONDS]
    if max_epochs <= PROBE_EPOCHS or not chosen:
        return [max_epochs] * len(trials)
    plans = [assignment_for(replace(t, max_epochs=max_epochs), i, t.seed) for i, t in enumerate(chosen)]
    runs = retrain_here(plans, plan.task, splits.training, seconds=WHOLE_SECONDS)
    lengths = {
        trial.number: max_epochs if run.status == TrialStatus.STOPPED else len(run.epochs)
        for trial, run in zip(chosen, runs, strict=True)
        if run.epochs
    }
    usual = round(statistics.fmean(lengths.values())) if lengths else max_epochs
    return [lengths.get(trial.number, usual) for trial in trials]


def evaluation_seconds(plan: ResolvedSweep, splits: Splits, probe: Probe) -> float:
    """Measure what follows a search, with the best probed trial on validation rows: a plan opens no test split."""
    load_torch()
    from safetensors.torch import load_file

    from tunelab.figures.drawings import drawings_of, write_drawings  # loads matplotlib
    from tunelab.figures.evidence import gather

    began, drawing = time.monotonic(), 0.0
    baselines(plan.task, splits, splits.validation)
    trial = probe.best
    path = probe.folder / weights_path(trial.number)
    predictor = plan.task.predictor(trial.config, load_file(path), splits) if path.exists() else None
    if predictor is not None:
        facts = plan.task.facts
        shown = gather(facts, trial, predictor, splits.train, splits.validation, splits.training.facts)
        importance = column_importance(plan.task, predictor, splits.validation)
        drawn = time.monotonic()
        write_drawings(drawings_of(shown, importance), probe.folder, "probe")
        drawing = time.monotonic() - drawn
    others = time.monotonic() - began - drawing + MODEL_SECONDS
    return max(others, drawing)  # a sweep draws in a process of its own
