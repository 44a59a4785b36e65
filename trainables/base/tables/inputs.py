"""Raw rows of a table to what models read. Workers, which get rows that are encoded already, load no scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from trainables.base.tables.columns.categories import CategoryEncoding
    from trainables.base.tables.preprocessing import TablePreprocessing


@dataclass(frozen=True)
class TableInputs:
    """Rows of a table as models read them.

    Attributes:
        x: (n, n_inputs) float32: numbers first, then indicators and target statistics.
        codes: (n, categorical columns) int32: the position of each category among those of training, -1 for a
            category that training never saw.
    """

    x: np.ndarray
    codes: np.ndarray

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], part: str) -> TableInputs:
        """Return the rows of ``part``, ``"train"`` or ``"val"``, of ``TrainingData.arrays``."""
        x = arrays[f"x_{part}"]
        return cls(x, arrays.get(f"codes_{part}", np.zeros((len(x), 0), dtype=np.int32)))

    def __len__(self) -> int:
        return len(self.x)


def encode_rows(frame: pd.DataFrame, preprocessing: TablePreprocessing, categories: CategoryEncoding) -> TableInputs:
    """Convert rows that training did not have, (n, raw columns); raise ``UserError`` naming missing columns."""
    x = preprocessing.transform(frame)
    codes = categories.codes(frame)
    return TableInputs(np.concatenate([x, categories.signals(codes)], axis=1) if categories.statistics else x, codes)
