"""The optimism of a winner's validation loss, and the loss to expect on new rows."""

from __future__ import annotations

from dataclasses import dataclass

from tunelab.records.text import format_number


@dataclass(frozen=True)
class Optimism:
    """How much too low the winner's validation loss is, because the winner was chosen by it.

    Attributes:
        val_loss: The winner's validation loss.
        expected: The loss to expect on new rows.
        low, high: 95 % interval of the mean loss over ``test_rows`` new rows.
        test_rows: Number of rows of the test split.
        test_loss: The mean loss over the opened test split, to compare with; None where it is not known.
        trials: Number of trials that the selection could choose from.
        candidates: Number of these whose loss of each validation row is known.
        curves: Number of these whose loss of each row is known for every epoch.
        draws: Number of bootstrap draws.
        blocks: Number of blocks of the test split where rows beside each other are not independent and are drawn in
            blocks, as those of a series are; 0 where rows are drawn one by one.
    """

    val_loss: float
    expected: float
    low: float
    high: float
    test_rows: int
    test_loss: float | None
    trials: int
    candidates: int
    curves: int
    draws: int
    blocks: int = 0

    @property
    def sentence(self) -> str:
        """The estimate for people."""
        text = (
            f"The loss to expect on new rows is {format_number(self.expected)} (95 % interval for a test split of "
            f"{self.test_rows:,} rows{self._drawn}: {format_number(self.low)} to {format_number(self.high)}); the "
            f"winner's validation loss of {format_number(self.val_loss)} is the lowest of many"
        )
        if self.test_loss is None:
            return f"{text}."
        return f"{text}. The test split has {format_number(self.test_loss)}."

    @property
    def _drawn(self) -> str:
        return f", drawn in {self.blocks:,} blocks of consecutive moments" if self.blocks else ""
