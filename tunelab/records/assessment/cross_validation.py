"""A cross-validation of the leaders: which of them is best, or which mean, when few validation rows cannot tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CrossValidationRow:
    """One leader.

    Attributes:
        trial: Number of the trial.
        losses: Its loss on each fold.
        mean: Their mean.
        half_width: Half width of the 95 % interval of the mean over folds.
        weight: In the mean of several leaders that wins; 0 where a single one does.
    """

    trial: int
    losses: tuple[float, ...]
    mean: float
    half_width: float
    weight: float = 0.0


@dataclass(frozen=True)
class CrossValidation:
    """The outcome of a cross-validation over training and validation rows; test rows are not part of it.

    Attributes:
        rows: One for each leader, lowest mean first.
        winner: Number of the trial with the lowest mean.
        verdict: The outcome in one sentence.
        train_seconds: Training time, summed over all runs.
    """

    rows: tuple[CrossValidationRow, ...]
    winner: int
    verdict: str
    train_seconds: float = 0.0
