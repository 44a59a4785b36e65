"""The cost of a confirmation compared with that of the search, estimated before it runs, and said where none ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.system.language import tr

DEFAULT_TOP = 3
DEFAULT_MIN_TRIALS = 20  # smaller sweeps can be inspected by hand
WORKER_SECONDS = 4.0  # new workers take this long to start on two cores
DEFAULT_FRACTION = 0.25  # of the cost of the search that a confirmation may have unless the user asks for one


def search_seconds(result: SweepResult) -> float:
    """Return the seconds of the search; of a resumed one, at least its training time divided by its concurrency."""
    return max(result.fit_seconds, result.train_seconds / result.concurrency)


def affordable_top(trials: int, cost_of: Callable[[int], float], search: float) -> int:
    """Return how many of the best three trials are confirmed by default: as many as cost little beside the search.

    Args:
        trials: Number of trials of the sweep.
        cost_of: Returns the cost of confirming a number of trials.
        search: Cost of the search, in the same unit.
    """
    if trials < DEFAULT_MIN_TRIALS:
        return 0
    return next((top for top in range(DEFAULT_TOP, 0, -1) if cost_of(top) < DEFAULT_FRACTION * search), 0)


def estimated_seconds(result: SweepResult, chosen: Sequence[TrialRecord], seeds: int) -> float:
    """Return the seconds of whole runs of these trials, each with ``seeds`` seeds, in parallel as in the search."""
    return training_seconds(chosen, seeds) / min(result.concurrency, len(chosen) * seeds)


def training_seconds(chosen: Sequence[TrialRecord], seeds: int) -> float:
    """Return the seconds of whole runs of these trials, each with ``seeds`` seeds, one after another."""
    paces = [t.train_seconds / len(t.epochs) for t in chosen if t.epochs]
    usual = max(paces, default=0.0)  # for a reference that has not been trained yet
    whole = [_whole_epochs(t) * (t.train_seconds / len(t.epochs) if t.epochs else usual) for t in chosen]
    return sum(whole) * seeds


def _whole_epochs(trial: TrialRecord) -> int:
    """Return the epochs of a whole run: those of a finished trial, else the trial's budget."""
    return len(trial.epochs) if trial.status is TrialStatus.FINISHED and trial.epochs else trial.max_epochs


def sooner_here(chosen: Sequence[TrialRecord], seeds: int) -> bool:
    """Return True if whole runs of these trials end in this process before new workers would have started."""
    on_cpu = all(str(t.worker.get("device", "cpu")) == "cpu" for t in chosen)
    return on_cpu and training_seconds(chosen, seeds) < WORKER_SECONDS


def estimated_epochs(chosen: Sequence[TrialRecord], seeds: int) -> int:
    """Return the epochs of whole runs of these trials, each with ``seeds`` seeds."""
    return sum(map(_whole_epochs, chosen)) * seeds


def not_confirmed(result: SweepResult) -> str:
    """Return the sentence that the winner was not confirmed, and what a confirmation would cost."""
    chosen = [*result.ranked()[:DEFAULT_TOP], result.trials[0]]  # the last one in place of the reference
    seconds = estimated_seconds(result, chosen, result.spec.confirm_seeds)
    return tr(
        "Not confirmed on fresh seeds: a repetition may put another configuration first. --confirm-top {top} would "
        "take about {seconds:,} s more.",
        top=DEFAULT_TOP,
        seconds=max(1, round(seconds)),
    )
