"""The asynchronous order: every report takes effect at once, against whatever trials have reached the rung by then."""

from __future__ import annotations

from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.replay import Replay
from tunelab.search.state import SearchState


class AsynchronousOrder:
    """Never waits; results depend on which trial reports first. See ``SearchOrder`` for the methods.

    Args:
        state: Of the search.
    """

    idle_seconds = 0.0

    def __init__(self, state: SearchState) -> None:
        self._state = state
        self._cleared: dict[int, int] = {}  # restarted trials: the epoch up to which rungs have let them through

    def may_propose(self, number: int) -> bool:
        return True

    def known(self) -> list[TrialRecord]:
        return [record for record in self._state.records if record.status is not TrialStatus.RUNNING]

    def running_curves(self, number: int) -> dict[int, list[float]]:
        running = [record for record in self._state.records if record.status is TrialStatus.RUNNING]
        return {record.number: [e.val_loss for e in record.epochs] for record in running}

    def count_waiting(self, slots: int) -> None:
        return

    def judge(self, record: TrialRecord) -> bool:
        reached, rungs = record.last_epoch, self._state.rungs
        if reached <= self._cleared.get(record.number, 0):
            return True
        if reached in rungs.levels and not rungs.should_continue(record.number, reached):
            self.end(record, TrialStatus.STOPPED)
            return False
        return True

    def end(self, record: TrialRecord, status: TrialStatus) -> None:
        self._state.running.pop(record.number, None)
        self._state.study.tell(self._state.close(record, status))

    def discard(self, number: int, seconds: float) -> None:
        return

    def restart(self, record: TrialRecord, epoch: int) -> None:
        # a rung that let the trial through is not asked again: rivals may have come since
        self._cleared[record.number] = max(self._cleared.get(record.number, 0), record.last_epoch)

    def restore(self, earlier: Replay) -> None:
        self._state.study.restore(earlier.trials, earlier.ended_between)
        for trial in earlier.trials:
            seen = trial.epochs
            if trial.status == TrialStatus.RUNNING:
                seen = max(earlier.longest.get(trial.number, ()), seen, key=len)
                self._cleared[trial.number] = seen[-1].epoch if seen else 0
            self._state.rungs.record(trial.number, seen)
