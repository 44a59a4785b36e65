"""Raw table columns to a model's inputs and back: fitted on the training rows alone, kept without pickle."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from search_spaces.errors import UserError
from trainables.base.contract.files.bounded_input import check_archive
from trainables.base.contract.files.damage import read_object, reading
from trainables.base.tables.cells.dates import days_since_1970
from trainables.base.tables.columns.selection import Columns
from trainables.base.tables.columns.text_features import clean_text, fit_text, text_features
from trainables.base.tables.reading.layout import unique_names

# Rarer values of a column share one indicator. A column has as many as fit in memory beside the rows.
MIN_CATEGORIES, MAX_CATEGORIES, INDICATOR_CELLS = 50, 1_000, 20_000_000
NumericTransform = Literal["standard", "quantile"]
DATE_PARTS = ("year", "month", "day_of_week", "day_of_year", "hour", "days")
_TRUSTED = {"numpy.dtype", "sklearn.compose._column_transformer._RemainderColsList"}


class TablePreprocessing:
    """Raw rows to a float32 matrix. Everything it knows was fitted on the rows given to ``fit``.

    Args:
        columns: the raw columns, and how their cells are read.
        transformer: fitted on the plain columns; None without numbers, dates and categories.
        texts: a fitted pipeline for each column of free text.
        low, high: (numbers and parts of dates,) range of each in the training rows, as the model gets it.
    """

    def __init__(
        self,
        columns: Columns,
        transformer: ColumnTransformer | None,
        texts: Mapping[str, Pipeline],
        low: np.ndarray,
        high: np.ndarray,
    ) -> None:
        self.columns = columns
        self._transformer = transformer
        self._texts = dict(texts)
        self._low, self._high = low, high

    @classmethod
    def fit(cls, frame: pd.DataFrame, columns: Columns, numeric: NumericTransform = "standard") -> TablePreprocessing:
        """Fit scaler, imputer, encoder and text features on the training rows; find the orders of dates not given.

        Args:
            frame: the training rows.
            columns: what is read of them.
            numeric: ``"quantile"`` maps numbers to a normal distribution by their training quantiles.

        Raises:
            UserError: a date column without dates.
        """
        columns = columns.with_orders(frame)
        scaler = (
            StandardScaler()
            if numeric == "standard"
            else make_pipeline(
                QuantileTransformer(
                    n_quantiles=max(min(len(frame) // 30, 1000), 10), output_distribution="normal", random_state=0
                ),
                StandardScaler(),
            )
        )
        number = make_pipeline(SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), scaler)
        category = OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            max_categories=category_limit(len(frame)),
            sparse_output=False,
            dtype=np.float32,
        )
        plain = _plain(frame, columns)
        count = _count_numbers(columns)
        parts = [
            ("numeric", number, [str(name) for name in plain.columns[:count]]),
            ("categorical", category, [str(name) for name in plain.columns[count:]]),
        ]
        parts = [part for part in parts if part[2]]
        transformer = None
        if parts:
            transformer = ColumnTransformer(parts, sparse_threshold=0.0, verbose_feature_names_out=False).fit(plain)
        texts = {name: fit_text(clean_text(frame[name])) for name in columns.text}
        fitted = cls(columns, transformer, texts, np.empty(0), np.empty(0))
        numbers = fitted.transform(frame, clip=False)[:, :count]
        return cls(columns, transformer, texts, numbers.min(axis=0), numbers.max(axis=0))

    def transform(self, frame: pd.DataFrame, *, clip: bool = True) -> np.ndarray:
        """Transform (n, raw columns) to (n, features) float32.

        Args:
            frame: the rows, columns in any order.
            clip: whether a number outside the range of the training rows becomes the nearest one in it.

        Raises:
            UserError: columns are missing; all are named.
        """
        names = ", ".join(self.columns.names)
        missing = [name for name in self.columns.names if name not in frame.columns]
        if missing and len(missing) == len(self.columns.names):
            raise UserError(f"The input has none of the columns that the model reads: {names}.")
        if missing:
            raise UserError(f"The input lacks the column(s) {', '.join(map(repr, missing))}. The model reads: {names}.")
        if not len(frame):
            return np.zeros((0, len(self.feature_names)), np.float32)
        blocks: list[np.ndarray] = []
        if self._transformer is not None:
            with warnings.catch_warnings():
                # a category that training never saw has no indicator by intent; names would cost as much as the rest
                for message in ("Found unknown categories", "X does not have valid feature names"):
                    warnings.filterwarnings("ignore", message=message, category=UserWarning)
                blocks += self._fitted_blocks(frame)
        blocks += [text_features(pipeline, clean_text(frame[name])) for name, pipeline in self._texts.items()]
        matrix = np.ascontiguousarray(np.concatenate(blocks, axis=1) if len(blocks) > 1 else blocks[0])
        if clip:
            numbers = matrix[:, : self.n_numeric]
            np.clip(numbers, self._low, self._high, out=numbers)
        return matrix

    @property
    def feature_names(self) -> list[str]:
        """Names of the matrix's columns, all different: one-hot ones as ``column_value``."""
        numbers = _numbers(self.columns)
        names = list(numbers)
        if numbers:
            imputer = self._part("numeric").steps[0][1]
            names += [f"{numbers[i]}_missing" for i in imputer.indicator_.features_]
        if self.columns.categorical:
            encoder = self._part("categorical")
            values = zip(self.columns.categorical, encoder.categories_, encoder.infrequent_categories_, strict=True)
            for name, known, pooled in values:
                rare = set() if pooled is None else set(pooled)
                names += [f"{name}_{value}" for value in known if value not in rare]
                names += [f"{name}_other"] if rare else []
        for name, pipeline in self._texts.items():
            names += [f"{name}_text_{i}" for i in range(1, pipeline.steps[1][1].n_components + 1)]
        return unique_names(names)[0]

    @property
    def n_numeric(self) -> int:
        """Number of leading columns of the matrix that hold numbers and parts of dates; indicators follow."""
        return _count_numbers(self.columns)

    @property
    def n_ordered(self) -> int:
        """Number of leading columns of the matrix that hold numbers, parts of dates and indicators of missing cells."""
        if self._transformer is None:
            return 0
        positions = self._transformer.output_indices_.get("numeric")
        return 0 if positions is None else int(positions.stop)

    @property
    def n_text(self) -> int:
        """Number of trailing columns of the matrix, which hold features of free text."""
        return sum(int(pipeline.steps[1][1].n_components) for pipeline in self._texts.values())

    @property
    def known_categories(self) -> dict[str, frozenset[str]]:
        """The values of each categorical column that training saw, as ``Columns.categories`` writes them."""
        if not self.columns.categorical:
            return {}
        values = self._part("categorical").categories_
        return {name: frozenset(known) for name, known in zip(self.columns.categorical, values, strict=True)}

    @property
    def pooled_categories(self) -> dict[str, int]:
        """How many values of a categorical column share one indicator, by column, where there are such."""
        if not self.columns.categorical:
            return {}
        pooled = zip(self.columns.categorical, self._part("categorical").infrequent_categories_, strict=True)
        return {name: len(values) for name, values in pooled if values is not None}

    def save(self, folder: Path) -> None:
        """Write ``preprocessing.skops`` and ``columns.json``."""
        (folder / "preprocessing.skops").write_bytes(self._as_skops)
        stored = asdict(self.columns) | {"low": self._low.tolist(), "high": self._high.tolist()}
        (folder / "columns.json").write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TablePreprocessing:
        """Read what ``save`` wrote; refuse types that scikit-learn's own preprocessing does not need.

        Members of an ensemble hold the same bytes, which are read once: they share one object, and prepare inputs once.
        """
        described, path = folder / "columns.json", folder / "preprocessing.skops"
        columns, low, high = _read_columns(described)
        with reading(path):
            content = described.read_bytes(), path.read_bytes()
            found = _LOADED.get(content)
            if found is None:
                fitted = _read_skops(content[1], path.name)
                found = _LOADED[content] = cls(columns, fitted["columns"], fitted["texts"], low, high)
            return found

    @cached_property
    def _as_skops(self) -> bytes:
        import skops.io  # loads much of scikit-learn

        content: bytes = skops.io.dumps({"columns": self._transformer, "texts": self._texts})
        return content

    def _fitted_blocks(self, frame: pd.DataFrame) -> Iterator[np.ndarray]:
        """Yield what the transformer gives for numbers and dates, then for categories: (n, features) float32 each."""
        numbers = [column.to_numpy(np.float64) for column in _plain_numbers(frame, self.columns)]
        categories = [self.columns.categories(frame[name]).to_numpy(object) for name in self.columns.categorical]
        for name, values in (("numeric", numbers), ("categorical", categories)):
            if values:
                yield self._part(name).transform(np.column_stack(values)).astype(np.float32, copy=False)

    def _part(self, name: str) -> Any:
        assert self._transformer is not None
        return self._transformer.named_transformers_[name]


_LOADED: WeakValueDictionary[tuple[bytes, bytes], TablePreprocessing] = WeakValueDictionary()


def _read_skops(content: bytes, name: str) -> dict[str, Any]:
    """Return what the bytes of a skops file hold; raises ``UserError`` for types that are not ours."""
    import skops.io  # loads much of scikit-learn

    check_archive(io.BytesIO(content), name)
    foreign = set(skops.io.get_untrusted_types(data=content)) - _TRUSTED
    if foreign:
        raise UserError(f"'{name}' holds types that are not loaded: {', '.join(sorted(foreign))}.")
    fitted: dict[str, Any] = skops.io.loads(content, trusted=sorted(_TRUSTED))
    return fitted


def _read_columns(path: Path) -> tuple[Columns, np.ndarray, np.ndarray]:
    """Return the columns and the ranges of numbers that a file holds."""
    stored = read_object(path)
    with reading(path):
        with np.errstate(over="ignore"):  # such a bound is none, as the first prediction tells
            low, high = (np.asarray(stored.pop(bound), dtype=np.float32) for bound in ("low", "high"))
        formats, missing = stored.pop("formats"), stored.pop("missing")
        columns = Columns(
            **{key: tuple(value) for key, value in stored.items()},
            formats=formats,
            missing={name: tuple(cells) for name, cells in missing.items()},
        )
    return columns, low, high


def category_limit(rows: int) -> int:
    """Return how many values of a column get an indicator of their own, at most."""
    return min(MAX_CATEGORIES, max(MIN_CATEGORIES, INDICATOR_CELLS // max(1, rows)))


def date_parts(dates: Sequence[str]) -> list[str]:
    """Return the names of the numbers that date columns become."""
    return [f"{name}:{part}" for name in dates for part in DATE_PARTS]


def _numbers(columns: Columns) -> list[str]:
    return [*columns.numeric, *date_parts(columns.dates)]


def _count_numbers(columns: Columns) -> int:
    return len(columns.numeric) + len(DATE_PARTS) * len(columns.dates)


def _plain(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the frame in plain types: float64 numbers (unreadable: missing), parts of dates, then text categories.

    Columns are called by their position: names made of the user's could collide.
    """
    values = [*_plain_numbers(frame, columns), *(columns.categories(frame[name]) for name in columns.categorical)]
    return pd.DataFrame({str(i): column for i, column in enumerate(values)}, index=frame.index)


def _plain_numbers(frame: pd.DataFrame, columns: Columns) -> Iterator[pd.Series]:
    for name in columns.numeric:
        yield columns.numbers(frame[name])
    for name in columns.dates:
        moment = columns.moments(frame[name])
        for part in DATE_PARTS[:-1]:
            yield getattr(moment.dt, part).astype(np.float64)
        yield days_since_1970(moment)
