"""What confirming costs beside the search, before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus

DEFAULT_TOP = 3
DEFAULT_MIN_TRIALS = 20  # sweeps below are small enough to be looked at by hand
WORKER_SECONDS = 4.0  # what new workers take to start on two cores
DEFAULT_SHARE = 0.25  # of the search's time that a confirmation nobody asked for may cost


def search_seconds(result: SweepResult) -> float:
    """How long the search took; of a resumed one, what its training took at that many trials at once."""
    return max(result.fit_seconds, result.train_seconds / result.concurrency)


def affordable_top(trials: int, cost_of: Callable[[int], float], search: float) -> int:
    """How many of the best are confirmed when nobody says: as many of three as cost little beside the search.

    Args:
        trials: of the sweep.
        cost_of: what confirming so many costs.
        search: what the search cost, in the same unit.
    """
    if trials < DEFAULT_MIN_TRIALS:
        return 0
    return next((top for top in range(DEFAULT_TOP, 0, -1) if cost_of(top) < DEFAULT_SHARE * search), 0)


def estimated_seconds(result: SweepResult, chosen: Sequence[TrialRecord], seeds: int) -> float:
    """How long whole runs of these trials take on so many seeds, as many at once as in the search."""
    return _training_seconds(chosen, seeds) / min(result.concurrency, len(chosen) * seeds)


def _training_seconds(chosen: Sequence[TrialRecord], seeds: int) -> float:
    """The same, one after another."""
    paces = [t.train_seconds / len(t.epochs) for t in chosen if t.epochs]
    usual = max(paces, default=0.0)  # for a reference that has not been trained yet
    whole = [_whole_epochs(t) * (t.train_seconds / len(t.epochs) if t.epochs else usual) for t in chosen]
    return sum(whole) * seeds


def _whole_epochs(trial: TrialRecord) -> int:
    """Epochs of a whole run: as many as it took where it came to its end, else its budget."""
    return len(trial.epochs) if trial.status is TrialStatus.FINISHED and trial.epochs else trial.max_epochs


def sooner_here(chosen: Sequence[TrialRecord], seeds: int) -> bool:
    """Whether whole runs of these trials are done in this process before workers would have started."""
    on_cpu = all(str(t.worker.get("device", "cpu")) == "cpu" for t in chosen)
    return on_cpu and _training_seconds(chosen, seeds) < WORKER_SECONDS


def estimated_epochs(chosen: Sequence[TrialRecord], seeds: int) -> int:
    """Epochs of whole runs of these trials on so many seeds."""
    return sum(map(_whole_epochs, chosen)) * seeds
