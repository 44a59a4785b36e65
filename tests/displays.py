"""Displays that do something at a moment of a sweep."""

from __future__ import annotations

from collections.abc import Callable

from trainables import Splits, Task
from tunelab.records.spec import SweepSpec
from tunelab.records.trial import TrialRecord, TrialStatus


class Acting:
    """Acts once when this many trials have ended, or at a step.

    Args:
        after: what to do once this many trials have ended.
        at: what to do at the step whose text begins so.
    """

    def __init__(
        self, after: dict[int, Callable[[], object]] | None = None, at: dict[str, Callable[[], object]] | None = None
    ) -> None:
        self._after = dict(after or {})
        self._at = dict(at or {})
        self.steps: list[str] = []

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        return

    def progress(self, trials: list[TrialRecord]) -> None:
        ended = sum(trial.status != TrialStatus.RUNNING for trial in trials)
        for count in [count for count in self._after if count <= ended]:
            self._after.pop(count)()

    def step(self, text: str) -> None:
        self.steps.append(text)
        for beginning in [beginning for beginning in self._at if text.startswith(beginning)]:
            self._at[beginning]()
