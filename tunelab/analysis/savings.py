"""The savings of early stopping: epochs and seconds that trials cost, and what they would have cost at full budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.asha import rung_levels


@dataclass(frozen=True)
class RungEntry:
    """What happened at one rung.

    Attributes:
        level: Its epoch.
        reached: Number of trials with a result that trained at least this long.
        stopped: Number of these that were stopped here.
    """

    level: int
    reached: int
    stopped: int


@dataclass(frozen=True)
class EarlyStoppingSavings:
    """What early stopping spent and saved.

    Attributes:
        epochs_spent: Epochs over all trials, failed ones included.
        seconds_spent: Their training time.
        epochs_saved: Epochs that stopped trials had left of their budgets.
        seconds_saved: Estimated training time of these epochs, each trial at its own mean time per epoch.
        epochs_unused: Epochs that finished trials had left because they no longer improved.
        stopped: Number of trials that the scheduler stopped.
        rungs: Ascending; empty when the scheduler stops no trial.
    """

    epochs_spent: int
    seconds_spent: float
    epochs_saved: int
    seconds_saved: float
    epochs_unused: int
    stopped: int
    rungs: tuple[RungEntry, ...]

    @property
    def fraction_saved(self) -> float:
        """Epochs saved out of what the sweep would have cost without a scheduler; 0 for no epochs at all."""
        full = self.epochs_spent + self.epochs_saved
        return self.epochs_saved / full if full else 0.0


def estimate_savings(result: SweepResult) -> EarlyStoppingSavings:
    """Estimate the savings of a sweep from its trials' records."""
    stopped = [t for t in result.trials if t.status is TrialStatus.STOPPED]
    finished = [t for t in result.trials if t.status is TrialStatus.FINISHED]
    return EarlyStoppingSavings(
        epochs_spent=result.epochs,
        seconds_spent=result.train_seconds,
        epochs_saved=sum(map(_epochs_left, stopped)),
        seconds_saved=sum(_epochs_left(t) * t.train_seconds / len(t.epochs) for t in stopped if t.epochs),
        epochs_unused=sum(map(_epochs_left, finished)),
        stopped=len(stopped),
        rungs=_rungs(result, [*finished, *stopped]),
    )


def _epochs_left(trial: TrialRecord) -> int:
    return max(0, trial.max_epochs - (trial.epochs[-1].epoch if trial.epochs else 0))


def _rungs(result: SweepResult, trials: Sequence[TrialRecord]) -> tuple[RungEntry, ...]:
    spec = result.spec
    if spec.scheduler != "asha":
        return ()
    entries = []
    for level in rung_levels(spec.grace_period, spec.reduction_factor, spec.max_epochs):
        reached = [t for t in trials if t.epochs and t.epochs[-1].epoch >= level]
        here = [t for t in reached if t.status is TrialStatus.STOPPED and t.epochs[-1].epoch == level]
        entries.append(RungEntry(level, len(reached), len(here)))
    return tuple(entries)
