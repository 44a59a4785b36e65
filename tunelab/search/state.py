"""What the controller of a search and its order of decisions share: the trials, the rungs, the study, the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.asha import Rungs
from tunelab.search.events import Ended
from tunelab.search.journal import Journal
from tunelab.search.limits import SearchLimits, Stop
from tunelab.search.sampling.study import StudySampler
from tunelab.search.steering import Steering

SAME_ERROR_LIMIT = 3  # this many first trials that fail with one error end the sweep


class SearchState:
    """The trials of a search so far.

    Args:
        limits: What it may spend.
        study: The Optuna study.
        rungs: The early stopping; no levels for none.
        journal: Where everything is written before it counts.
        on_trial_end: Called with each record that is final.
        steering: Commands that were taken.

    Attributes:
        records: All trials, by number.
        running: By number of a running trial, when it last reported, in monotonic seconds.
        requeued: Numbers of the trials that wait to continue.
        stopped: Why the search ends early; None while it does not.
    """

    def __init__(
        self,
        limits: SearchLimits,
        study: StudySampler,
        rungs: Rungs,
        journal: Journal,
        on_trial_end: Callable[[TrialRecord], None],
        steering: Steering,
    ) -> None:
        self.limits = limits
        self.study = study
        self.rungs = rungs
        self.journal = journal
        self.steering = steering
        self.records: list[TrialRecord] = []
        self.running: dict[int, float] = {}
        self.requeued: list[int] = []
        self.stopped: Stop | None = None
        self._on_trial_end = on_trial_end

    def is_open(self, number: int) -> bool:
        """Return whether nothing has decided a trial's end yet."""
        return self.records[number].status is TrialStatus.RUNNING

    def is_under_way(self, number: int) -> bool:
        """Return whether a trial runs or waits to continue, and has not ended by itself."""
        return self.is_open(number) and (number in self.running or number in self.requeued)

    def close(self, record: TrialRecord, status: TrialStatus) -> TrialRecord:
        """End a trial for good.

        Args:
            record: The trial, with all of its curve that counts.
            status: How it ended.

        Returns:
            The final record.
        """
        final = replace(record, status=status, ended=time.time())
        self.journal.append(Ended.from_trial(final))
        self.records[final.number] = final
        self._stop_on_same_error()
        self._on_trial_end(final)
        return final

    def stop(self, reason: Stop) -> None:
        """End the search; the first reason counts."""
        self.stopped = self.stopped or reason

    def check_deadline(self) -> None:
        """End the search when its time is over."""
        if time.time() >= min(self.limits.deadline, self.steering.deadline):
            self.stop(Stop.TIME_BUDGET)

    def _stop_on_same_error(self) -> None:
        if any(r.has_result for r in self.records[:SAME_ERROR_LIMIT]):  # the usual case, at no cost
            return
        ended = [r for r in self.records if r.status != TrialStatus.RUNNING]
        limit = min(max(SAME_ERROR_LIMIT, self.limits.concurrency), self.limits.trials)
        errors = {r.error.partition("\n")[0] for r in ended if r.status == TrialStatus.FAILED}
        if len(ended) >= limit and len(errors) == 1 and all(r.status == TrialStatus.FAILED for r in ended):
            self.stop(Stop.SAME_ERROR)
