"""Rows of a table that are copies of others: in two splits, they would be tested on what was trained."""

from __future__ import annotations

import numpy as np
import pandas as pd

MIN_COPIES = 0.01  # share of the rows, from which copies change a score
BY_CHANCE = 0.1  # share of the pairs of equal rows that columns without any relation explain, from which they are none


def copied_rows(frame: pd.DataFrame) -> np.ndarray | None:
    """Return which rows are equal, (n,) a number a row; None where few are, or where equal rows are to be expected.

    Tables with a few coarse columns (class, sex, age group) have equal rows that are examples of their own. How many
    pairs are expected follows from the columns: two rows are equal in one with probability sum(p²) over its values.

    Args:
        frame: the columns that models read, and the target.
    """
    digests = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    _, row, counts = np.unique(digests, return_inverse=True, return_counts=True)
    if len(frame) - len(counts) < max(1, MIN_COPIES * len(frame)):
        return None
    pairs = float((counts * (counts - 1)).sum()) / 2
    equal = 1.0
    for name in frame.columns:
        shares = frame[name].value_counts(normalize=True, dropna=False).to_numpy()
        equal *= float((shares**2).sum())
    expected = equal * len(frame) * (len(frame) - 1) / 2
    return None if expected > BY_CHANCE * pairs else row


def copies_note(rows: np.ndarray) -> str:
    """Return a sentence on rows that are equal, as ``copied_rows`` gives them."""
    count = len(rows) - len(np.unique(rows))
    return (
        f"{count:,} of {len(rows):,} rows repeat another one in every column and are kept in one split with it; remove "
        "them if they are copies."
    )
