"""Categories that training never saw, for boosted trees, which cannot learn what such a one means.

LightGBM sends an unseen category to the side of "all others" at each split. No training row is on that side of every
split, so that the sum over trees is any number: with four districts, one of them dear, it may be far below all prices.
What is known of such a row is the average over the categories that there are. Of a column with many, LightGBM's splits
choose a few at a time, and "all others" is most of them: there its own way is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_CATEGORIES = 32  # LightGBM's ``max_cat_threshold``: a split chooses this many at most
DRAWS = 32  # rows that stand for one with an unseen category, each known category about as often as the others


@dataclass(frozen=True)
class KnownRows:
    """Rows whose categories, in columns with few, are all known: several for a row with an unseen one.

    Attributes:
        x: (known + DRAWS * unseen, columns) what a model is asked for: the rows as they are, then those that stand in.
        is_unseen: (n,) which rows have an unseen category.
    """

    x: np.ndarray
    is_unseen: np.ndarray

    @classmethod
    def from_matrix(cls, x: np.ndarray, categorical: Sequence[int], counts: Sequence[int]) -> KnownRows:
        """Put known categories in the place of unseen ones.

        Args:
            x: (n, columns); an unseen category is a negative code.
            categorical: positions of the columns that hold codes.
            counts: number of categories that training saw, of each of these columns.
        """
        few = {
            position: count for position, count in zip(categorical, counts, strict=True) if 0 < count <= MAX_CATEGORIES
        }
        is_unseen: np.ndarray = np.any(x[:, list(few)] < 0, axis=1)
        if not is_unseen.any():
            return cls(x, is_unseen)
        draws, stand_ins = np.arange(DRAWS), np.repeat(x[is_unseen], DRAWS, axis=0).reshape(-1, DRAWS, x.shape[1])
        for step, (position, count) in enumerate(few.items()):
            codes = (draws * (2 * step + 1) % DRAWS) * count // DRAWS  # odd steps: each column in another order
            column = stand_ins[:, :, position]
            stand_ins[:, :, position] = np.where(column < 0, codes, column)
        return cls(np.concatenate([x[~is_unseen], stand_ins.reshape(-1, x.shape[1])]), is_unseen)

    def average(self, outputs: np.ndarray) -> np.ndarray:
        """Return the outputs (n, n_outputs) of the rows from those of ``x``."""
        if not self.is_unseen.any():
            return outputs
        known = int((~self.is_unseen).sum())
        found = np.empty((len(self.is_unseen), outputs.shape[1]), outputs.dtype)
        found[~self.is_unseen] = outputs[:known]
        found[self.is_unseen] = outputs[known:].reshape(-1, DRAWS, outputs.shape[1]).mean(axis=1)
        return found
