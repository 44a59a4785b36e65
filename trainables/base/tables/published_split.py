"""The split of a published comparison, so that a result can be compared with its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.errors import UserError
from trainables.base.contract.options import TaskOption
from trainables.base.contract.task import SPLIT_SEED
from trainables.base.tables.tabular import TabularTask

if TYPE_CHECKING:
    import pandas as pd

    from trainables.base.contract.splits import RowSplit

SPLITS = ("own", "published")
TEST_SEED, VALIDATION_SEED, SHARE = 0, 1, 0.2


class PublishedSplitTask(TabularTask):
    """A bundled table that papers report results of.

    Args:
        split: ``"own"``, 64/16/20 by ``--split-seed``, or ``"published"``, the split of Gorishniy et al. 2021,
            "Revisiting Deep Learning Models for Tabular Data", which their later papers and others use.
    """

    options = (
        TaskOption(
            "split", "Rows by --split-seed, or as in the papers whose results are shown.", choices=SPLITS, default="own"
        ),
    )

    def __init__(self, split: str | None = None) -> None:
        if split is not None and split not in SPLITS:
            raise UserError(f"--split of task '{self.facts.name}' must be own or published, got '{split}'.")
        self.published = split == "published"

    def split(self, frame: pd.DataFrame, split_seed: int) -> RowSplit:
        """Return the row positions of the splits; raise ``UserError`` for a seed of the published split."""
        if not self.published:
            return super().split(frame, split_seed)
        if split_seed != SPLIT_SEED:
            raise UserError(f"--split published is one fixed split and takes no --split-seed, got {split_seed}.")
        return published_rows(len(frame))


def published_rows(rows: int) -> RowSplit:
    """Return the split of Gorishniy et al. for a table with this number of rows."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    from trainables.base.contract.splits import RowSplit

    rest, test = train_test_split(np.arange(rows), test_size=SHARE, random_state=TEST_SEED)
    train, validation = train_test_split(rest, test_size=SHARE, random_state=VALIDATION_SEED)
    return RowSplit(np.sort(train), np.sort(validation), np.sort(test))
