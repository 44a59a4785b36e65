"""The order in which a search acts on what it hears; the asynchronous and the deterministic one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.replay import Replay
from tunelab.search.state import SearchState


class SearchOrder(Protocol):
    """Decides when a trial may be proposed, and when a report or an end takes effect."""

    @property
    def idle_seconds(self) -> float:
        """Slot time in seconds that the order has cost: waiting, and training that was discarded."""

    def may_propose(self, number: int) -> bool:
        """Return whether trial ``number`` can be drawn now."""

    def known(self) -> list[TrialRecord]:
        """Return the ended trials that a decision before the next trial may depend on."""

    def running_curves(self, number: int) -> dict[int, list[float]]:
        """Return the validation losses so far that the proposal of trial ``number`` may depend on, by running trial."""

    def count_waiting(self, slots: int) -> None:
        """Take note that from now on this many free slots wait for a proposal."""

    def judge(self, record: TrialRecord) -> bool:
        """Apply the rungs after a report; return False if the trial must end now."""

    def end(self, record: TrialRecord, status: TrialStatus) -> None:
        """Take note that a trial has ended by itself, at once or when its turn comes."""

    def discard(self, number: int, seconds: float) -> None:
        """Take note that a trial trained for ``seconds`` after all though its end had been decided."""

    def restart(self, record: TrialRecord, epoch: int) -> None:
        """Take note that a running trial loses what it trained after ``epoch``."""

    def restore(self, earlier: Replay) -> None:
        """Take back the trials of an interrupted sweep."""


OrderFactory: TypeAlias = Callable[[SearchState], SearchOrder]
