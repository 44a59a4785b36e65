"""Categories as codes, and as statistics of the target where a column has many of them; fitted on training rows.

Target statistics: Micci-Barreca 2001, "A Preprocessing Scheme for High-Cardinality Categorical Attributes"; those of
training rows are computed out of fold, so that no row reads its own target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from trainables.base.kinds.kind import RowKind
from trainables.base.tables.columns.selection import category_text

MANY_VALUES = 20  # distinct categories from which a column also gets target statistics
MAX_CLASSES = 10  # a target with more of them gets no statistics: there would be one a class
FOLDS = 5
SMOOTHING = 10.0  # rows that the mean of all training rows counts for in a category's mean
UNSEEN = -1  # the code of a category that training never saw


@dataclass(frozen=True)
class CategoryEncoding:
    """What is known of the categories of the training rows.

    Attributes:
        values: by column, its categories as text, in the order of their codes.
        statistics: by column with many categories, (categories + 1, statistics): the smoothed mean of the encoded
            target for each category, the mean of all rows last (for unseen ones).
    """

    values: Mapping[str, tuple[str, ...]]
    statistics: Mapping[str, np.ndarray]

    @classmethod
    def fit(cls, frame: pd.DataFrame, columns: tuple[str, ...], signals: np.ndarray) -> CategoryEncoding:
        """Fit on the training rows.

        Args:
            frame: (n, raw columns).
            columns: the categorical ones.
            signals: (n, statistics) what is averaged for each category, see ``target_signals``; (n, 0) for none.
        """
        values = {name: tuple(sorted(set(category_text(frame[name])))) for name in columns}
        many = [name for name in columns if len(values[name]) > MANY_VALUES and signals.shape[1]]
        encoding = cls(values, {})
        codes = encoding.codes(frame)
        statistics = {name: _means(codes[:, columns.index(name)], signals, len(values[name])) for name in many}
        return cls(values, statistics)

    def codes(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the code of each category, (n, columns) int32; ``UNSEEN`` for one that training never saw."""
        codes = np.full((len(frame), len(self.values)), UNSEEN, dtype=np.int32)
        for position, (name, known) in enumerate(self.values.items()):
            codes[:, position] = pd.Index(known).get_indexer(pd.Index(category_text(frame[name])))
        return codes

    def signals(self, codes: np.ndarray) -> np.ndarray:
        """Return the target statistics of rows that training did not have, (n, columns x statistics) float32."""
        names = list(self.values)
        parts = [table[codes[:, names.index(name)]] for name, table in self.statistics.items()]  # -1 is the last row
        return _side_by_side(parts, len(codes))

    def out_of_fold(self, codes: np.ndarray, signals: np.ndarray) -> np.ndarray:
        """Return the target statistics of the training rows, each from the folds that it is not in.

        Args:
            codes: (n, columns) of the training rows.
            signals: (n, statistics), as for ``fit``.
        """
        names, fold = list(self.values), np.random.default_rng(0).integers(FOLDS, size=len(codes))
        parts = []
        for name in self.statistics:
            column, found = codes[:, names.index(name)], np.empty_like(signals)
            for number in range(FOLDS):
                inside = fold == number
                means = _means(column[~inside], signals[~inside], len(self.values[name]))
                found[inside] = means[column[inside]]
            parts.append(found)
        return _side_by_side(parts, len(codes))

    @property
    def signal_names(self) -> list[str]:
        """Names of the columns of ``signals``."""
        return [f"{name}: target mean {i + 1}" for name, t in self.statistics.items() for i in range(t.shape[1])]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that ``from_json`` reads."""
        statistics = {name: table.tolist() for name, table in self.statistics.items()}
        return {"values": {name: list(known) for name, known in self.values.items()}, "statistics": statistics}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CategoryEncoding:
        """Read what ``to_json`` gives; an empty mapping has no columns."""
        values = {name: tuple(known) for name, known in stored.get("values", {}).items()}
        tables = {name: np.array(table) for name, table in stored.get("statistics", {}).items()}
        return cls(values, tables)


def target_signals(kind: RowKind, y: np.ndarray, n_outputs: int) -> np.ndarray:
    """Return what is averaged for each category, (n, statistics) with mean 0 and standard deviation 1.

    Args:
        kind: of the target.
        y: (n,) encoded targets of the training rows.
        n_outputs: of the task; the statistics of a classification are the frequencies of its classes.
    """
    values = y.reshape(-1, 1).astype(np.float64)
    if kind.classifies and n_outputs > 1:
        classes = np.arange(n_outputs if n_outputs <= MAX_CLASSES else 0)
        values = (values == classes).astype(np.float64)
    spread = values.std(axis=0)
    centred: np.ndarray = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return centred


def _means(codes: np.ndarray, signals: np.ndarray, categories: int) -> np.ndarray:
    """Return smoothed means (categories + 1, statistics), the mean of all rows last."""
    mean = signals.mean(axis=0)
    counts = np.bincount(codes, minlength=categories)[:, None]
    sums = np.stack([np.bincount(codes, weights=s, minlength=categories) for s in signals.T], axis=1)
    return np.concatenate([(sums + SMOOTHING * mean) / (counts + SMOOTHING), mean[None]])


def _side_by_side(parts: list[np.ndarray], rows: int) -> np.ndarray:
    joined = np.concatenate([np.zeros((rows, 0)), *parts], axis=1)
    return joined.astype(np.float32)
