"""A confirmation: what retraining the best configurations with new random seeds showed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConfirmationRow:
    """One configuration on fresh seeds. Comparisons with the reference are None for the reference, or without one.

    Attributes:
        trial: Number of the trial; None for a reference configuration that no trial had.
        name: ``"trial 7"`` or ``"reference"``.
        val_losses: Best validation loss of each run with a result, in the order of the seeds.
        failed: Number of runs without a result.
        mean: Mean of ``val_losses``; NaN when all runs failed.
        half_width: Half width of the 95 % interval of the mean.
        difference: Mean minus the reference's mean; negative when the configuration is better.
        difference_half_width: Half width of the 95 % interval of the difference.
        p_seeds: p value of being better over seeds, see ``tunelab/confirmation/statistics.py``.
        p_rows: p value of being better over validation rows; None where losses of rows are not known.
        p_constant: p value of predicting better than a constant over validation rows; None likewise.
        better: Whether the configuration is better than the reference in all of these respects.
    """

    trial: int | None
    name: str
    val_losses: tuple[float, ...]
    failed: int
    mean: float
    half_width: float
    difference: float | None = None
    difference_half_width: float | None = None
    p_seeds: float | None = None
    p_rows: float | None = None
    p_constant: float | None = None
    better: bool | None = None


@dataclass(frozen=True)
class Confirmation:
    """The outcome of a confirmation.

    Attributes:
        rows: One for each configuration, lowest mean first.
        winner: Number of the trial that won.
        reference: Number of the reference's trial; None without a reference, or when no trial had it.
        better: Whether the winner is better than the reference; None without a reference.
        constant_val_loss: Validation loss of predicting a constant; None where it is not known.
        verdict: The outcome in one sentence.
        seeds: The fresh seeds, the same for each configuration.
        train_seconds: Training time, summed over all runs.
    """

    rows: tuple[ConfirmationRow, ...]
    winner: int
    reference: int | None
    better: bool | None
    constant_val_loss: float | None
    verdict: str
    seeds: tuple[int, ...] = ()
    train_seconds: float = 0.0

    @property
    def winner_row(self) -> ConfirmationRow:
        """The winner's row."""
        return next(row for row in self.rows if row.trial == self.winner)
