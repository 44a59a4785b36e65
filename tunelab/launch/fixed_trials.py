"""Training given configurations after a search: no proposals, no stopping, every trial to the end of its budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from trainables import Task, TrainingData
from trainables.base.training.compute import Compute
from trainables.base.worker.assignment import TrialAssignment, TrialReport
from tunelab.launch.resources import Resources
from tunelab.launch.tuner import run_trials
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.controller import OUTCOMES, NoTrial

RETRIES = 1  # of a trial whose worker died or hung


def make_assignment(trial: TrialRecord, number: int, seed: int, storage: str = "") -> TrialAssignment:
    """A whole run of a trial's configuration, computed as it was."""
    return TrialAssignment(
        number=number,
        config=trial.config,
        seed=seed,
        max_epochs=trial.max_epochs,
        compute=Compute.of_worker(trial.worker),
        storage=storage,
    )


class PlannedTrials:
    """A source of trials that are all known beforehand.

    Args:
        plans: what to run; numbers must be 0, 1, 2, ...
        concurrency: trials at once.
        on_trial_end: called with the number of trials that are done.
    """

    def __init__(
        self,
        plans: Sequence[TrialAssignment],
        concurrency: int,
        on_trial_end: Callable[[int], None] = lambda done: None,
    ) -> None:
        self.records = [
            TrialRecord(plan.number, {}, plan.config, plan.seed, plan.max_epochs, TrialStatus.RUNNING) for plan in plans
        ]
        self._plans = list(plans)
        self._waiting = list(range(len(plans)))
        self._running: dict[int, float] = {}  # number -> when it last reported, monotonic seconds
        self._attempts: dict[int, int] = {}
        self._concurrency = concurrency
        self._on_trial_end = on_trial_end

    def next_assignment(self) -> TrialAssignment | NoTrial:
        """The next trial to run, in order."""
        if not self._waiting:
            return NoTrial.WAIT if self._running else NoTrial.DONE
        if len(self._running) >= self._concurrency:
            return NoTrial.WAIT
        number = self._waiting.pop(0)
        self._running[number] = time.monotonic()
        self.records[number] = replace(self.records[number], epochs=(), started=time.time())
        return self._plans[number]

    def on_report(self, number: int, report: TrialReport) -> bool:
        """Takes a report; false when it is the last."""
        self._running[number] = time.monotonic()
        record = self.records[number]
        epochs = record.epochs + tuple(Epoch.from_row(row) for row in report.rows)
        self.records[number] = replace(record, epochs=epochs, worker=report.worker)
        if report.outcome == "running":
            return True
        self._end(number, OUTCOMES[report.outcome], report.error)
        return False

    def on_crash(self, number: int, error: str) -> None:
        """The trial is tried again from the start, or recorded as failed."""
        self._running.pop(number, None)
        self._attempts[number] = self._attempts.get(number, 0) + 1
        if self._attempts[number] <= RETRIES:
            self._waiting.insert(0, number)
        else:
            self._end(number, TrialStatus.FAILED, error)

    def silent_since(self, seconds: float) -> list[int]:
        """Running trials that have not reported for so long."""
        now = time.monotonic()
        return [number for number, last in self._running.items() if now - last > seconds]

    @property
    def halted(self) -> bool:
        return False

    def _end(self, number: int, status: TrialStatus, error: str) -> None:
        self._running.pop(number, None)
        self.records[number] = replace(self.records[number], status=status, ended=time.time(), error=error)
        self._on_trial_end(sum(r.status != TrialStatus.RUNNING for r in self.records))


def retrain_all(
    plans: Sequence[TrialAssignment],
    task: Task,
    data: TrainingData,
    resources: Resources,
    concurrency: int,
    on_trial_end: Callable[[int], None] = lambda done: None,
) -> list[TrialRecord]:
    """Runs all plans on the running Ray, in parallel; the records come in the order of the plans."""
    source = PlannedTrials(plans, concurrency, on_trial_end)
    run_trials(source, task, data, resources, min(concurrency, len(plans)))
    return source.records
