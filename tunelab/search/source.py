"""The interface between a launcher, which runs trials, and whatever decides which trials run."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from trainables.base.worker.assignment import TrialAssignment, TrialReport
from tunelab.records.trial import TrialStatus

STATUS_OF_OUTCOME = {
    "finished": TrialStatus.FINISHED,
    "diverged": TrialStatus.DIVERGED,
    "failed": TrialStatus.FAILED,
}


class NoTrial(Enum):
    """Answer of a source that has no trial right now (WAIT), or none any more (DONE)."""

    WAIT = "wait"
    DONE = "done"


class TrialSource(Protocol):
    """Where trials come from and where their reports go; a launcher calls it from one thread."""

    def next_assignment(self) -> TrialAssignment | NoTrial:
        """Return the next trial to run now, or why there is none."""

    def on_report(self, number: int, report: TrialReport) -> bool:
        """Record a report of a running trial.

        Args:
            number: The trial's number.
            report: Its epochs since the last report, and its outcome.

        Returns:
            False if the trial must end now.
        """

    def on_crash(self, number: int, error: str) -> None:
        """Record that a trial's worker died, or was killed because it hung.

        Args:
            number: The trial's number.
            error: What is known of the death, the first line a summary.
        """

    def silent_since(self, seconds: float) -> list[int]:
        """Return the numbers of running trials without a report for more than ``seconds``."""

    @property
    def halted(self) -> bool:
        """True if running trials must end now, wherever they are."""
