"""An audit of early stopping: what some stopped trials reached when they were trained to the end."""

from __future__ import annotations

from dataclasses import dataclass

AGREEMENT = 0.5  # rank correlation below which ranks at a rung say little about the end


@dataclass(frozen=True)
class AuditRow:
    """One stopped trial that was trained to the end.

    Attributes:
        trial: Its number.
        rung: Epoch at which the search stopped it.
        rung_val_loss: Its best validation loss until then.
        final_val_loss: Its best validation loss of the whole run; None when that diverged or failed.
        same_until_rung: Whether the second run repeated the first one exactly, as far as the first one went.
    """

    trial: int
    rung: int
    rung_val_loss: float
    final_val_loss: float | None
    same_until_rung: bool


@dataclass(frozen=True)
class Audit:
    """The outcome of an audit.

    Attributes:
        rows: One for each audited trial.
        level: Epoch of the first rung.
        compared: Number of trials with a whole run: audited and finished ones.
        rank_correlation: Spearman's, of their best loss until ``level`` and at the end; None for fewer than 3 trials.
        winner_val_loss: The winner's, of its whole run: where the search had stopped it, of the median run on fresh
            seeds.
        regret: By how much the best audited trial would have beaten the winner; 0 when none would have.
        would_have_won: Number of audited trials that would have beaten the winner.
        estimated_lost: Estimated number of all stopped trials that would have.
        flagged: Whether early stopping cost results here.
        verdict: The outcome in a sentence or two.
        train_seconds: Training time, summed over all runs.
    """

    rows: tuple[AuditRow, ...]
    level: int
    compared: int
    rank_correlation: float | None
    winner_val_loss: float
    regret: float
    would_have_won: int
    estimated_lost: float
    flagged: bool
    verdict: str
    train_seconds: float = 0.0
