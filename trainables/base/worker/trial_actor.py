"""A trial actor: one worker process of a sweep, in which trials run one after another.

Only the launcher and workers import it. To Ray Tune an actor is one trial that runs until the sweep has no more work.
Starting a trial of Tune's own costs tens of milliseconds and several messages, more than many small trials train;
giving an actor its next assignment costs one message.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import ray
from ray import tune

from trainables.base.contract.data import TrainingData
from trainables.base.contract.objective import METRIC
from trainables.base.contract.task import Task
from trainables.base.contract.trainable import finite
from trainables.base.worker.assignment import TrialAssignment, TrialReport

HANDLE = "tunelab_handle"  # the key of the actor's own handle, in its first result: how it is given assignments
REPORT = "tunelab_report"  # the key of a ``TrialReport`` in a result; None when the actor had nothing to do
IDLE_SECONDS = (0.005, 0.2)  # first and longest wait of an actor without an assignment


class TrialActor(tune.Trainable):  # type: ignore[misc, unused-ignore]
    """Runs assignments; each step ends with the next report of the trial. Task and data come once a process."""

    def setup(self, config: dict[str, Any], *, task: Task, data: TrainingData) -> None:
        """Begin without an assignment."""
        self._task, self._data = task, data
        self._reports: Iterator[TrialReport] | None = None
        self._idle = IDLE_SECONDS[0]
        self._introduction = {HANDLE: ray.get_runtime_context().current_actor}

    def assign(self, assignment: TrialAssignment | None) -> None:
        """End the trial that runs and start the next one, or none for now."""
        self._reports = None  # closes the generator of a trial that was stopped
        if assignment is not None:
            from trainables.base.worker.trial import (
                run_trial,  # torch: loaded in workers only, the launcher needs the class
            )

            self._reports = run_trial(self._task, self._data, assignment)
            self._idle = IDLE_SECONDS[0]

    def step(self) -> dict[str, Any]:
        """Train until the next report; wait a moment when there is nothing to train."""
        if self._reports is None:
            time.sleep(self._idle)
            self._idle = min(2 * self._idle, IDLE_SECONDS[1])
            introduction, self._introduction = self._introduction, {}
            return {METRIC: finite(math.inf), REPORT: None, **introduction}
        report = next(self._reports)
        last = report.rows[-1][1] if report.rows else math.inf
        return {METRIC: finite(last), REPORT: report}

    def get_auto_filled_metrics(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Keep no checkpoint of Tune's own: the report says what is needed."""
        return {}
