"""A source of trials whose configurations and seeds are given: every one runs to the end of its budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from trainables.base.worker.assignment import TrialAssignment, TrialReport
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.source import STATUS_OF_OUTCOME, NoTrial

RETRIES = 1  # of a trial whose worker died or hung


class FixedTrials:
    """A source of trials that are all known beforehand: no sampling, no early stopping.

    Args:
        assignments: What to run; their numbers must be 0, 1, 2, ...
        concurrency: Number of trials at once.
        on_trial_end: Called with the number of trials that have ended.
        last_epoch: Epoch after which a trial ends as STOPPED; the end of its budget when None.
        seconds: From now, after which the trials that run end as STOPPED and no other begins.
    """

    def __init__(
        self,
        assignments: Sequence[TrialAssignment],
        concurrency: int,
        on_trial_end: Callable[[int], None] = lambda done: None,
        last_epoch: int | None = None,
        seconds: float = math.inf,
    ) -> None:
        self.records = [
            TrialRecord(a.number, {}, a.config, a.seed, a.max_epochs, TrialStatus.RUNNING) for a in assignments
        ]
        self._assignments = list(assignments)
        self._waiting = list(range(len(assignments)))
        self._running: dict[int, float] = {}  # number -> when it last reported, monotonic seconds
        self._attempts: dict[int, int] = {}
        self._concurrency = concurrency
        self._on_trial_end = on_trial_end
        self._last_epoch = math.inf if last_epoch is None else last_epoch
        self._deadline = time.monotonic() + seconds

    def next_assignment(self) -> TrialAssignment | NoTrial:
        """Return the next trial to run, in order."""
        if not self._waiting or self._is_late:
            return NoTrial.WAIT if self._running else NoTrial.DONE
        if len(self._running) >= self._concurrency:
            return NoTrial.WAIT
        number = self._waiting.pop(0)
        self._running[number] = time.monotonic()
        self.records[number] = replace(self.records[number], epochs=(), started=time.time())
        return self._assignments[number]

    def on_report(self, number: int, report: TrialReport) -> bool:
        """Record a report; return False when it is the trial's last."""
        self._running[number] = time.monotonic()
        record = self.records[number]
        epochs = record.epochs + tuple(Epoch.from_row(row) for row in report.rows)
        kept = tuple(epoch for epoch in epochs if epoch.epoch <= self._last_epoch)
        self.records[number] = replace(record, epochs=kept, worker=report.worker or record.worker)
        if report.outcome == "running":
            if (not kept or kept[-1].epoch < self._last_epoch) and not self._is_late:
                return True
            self._end(number, TrialStatus.STOPPED, "")
            return False
        self._end(number, STATUS_OF_OUTCOME[report.outcome], report.error)
        return False

    def on_crash(self, number: int, error: str) -> None:
        """Run the trial again from the start, or record it as failed."""
        self._running.pop(number, None)
        self._attempts[number] = self._attempts.get(number, 0) + 1
        if self._attempts[number] <= RETRIES:
            self._waiting.insert(0, number)
        else:
            self._end(number, TrialStatus.FAILED, error)

    def silent_since(self, seconds: float) -> list[int]:
        """Return the running trials without a report for more than ``seconds``."""
        now = time.monotonic()
        return [number for number, last in self._running.items() if now - last > seconds]

    @property
    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    @property
    def halted(self) -> bool:
        """False: fixed trials run to their ends."""
        return False

    def _end(self, number: int, status: TrialStatus, error: str) -> None:
        self._running.pop(number, None)
        self.records[number] = replace(self.records[number], status=status, ended=time.time(), error=error)
        self._on_trial_end(sum(r.status != TrialStatus.RUNNING for r in self.records))
