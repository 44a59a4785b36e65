"""Raw table columns to a model's inputs and back: fitted on the training rows alone, kept without pickle."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from search_spaces.errors import UserError
from trainables.base.tables.dates import YEAR_FIRST, days_since_1970, infer_date_order, read_dates
from trainables.base.tables.numbers import PLAIN, read_numbers

MAX_CATEGORIES = 50  # rarer values of a column share one "infrequent" indicator
NumericTransform = Literal["standard", "quantile"]


@dataclass(frozen=True)
class Columns:
    """Which raw columns a model reads, by the way they are treated.

    Attributes:
        numeric: numbers; missing cells get the training median and an indicator.
        categorical: text, codes and booleans; one-hot without the first category (the missing cells, where training had
            any). A value that training never saw is all zero, as the left-out category is.
        dates: dates and times; become year, month, day of week, day of year, hour and days since 1970.
        formats: how the text of a column is written, by name: the order of dates (see ``dates.infer_date_order``), the
            notation of numbers where it is not plain (see ``numbers.infer_number_format``).
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    formats: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return self.numeric + self.categorical + self.dates

    def numbers(self, column: pd.Series) -> pd.Series:
        """A numeric column, or a date column as days since 1970: float64 (n,), missing where a cell is not readable."""
        name = str(column.name)
        if name in self.dates:
            return days_since_1970(read_dates(column, self.formats.get(name, YEAR_FIRST)))
        return read_numbers(column, self.formats.get(name, PLAIN))


class TablePreprocessing:
    """Raw rows to a float32 matrix. Everything it knows was fitted on the rows given to ``fit``."""

    def __init__(self, columns: Columns, transformer: ColumnTransformer) -> None:
        self.columns = columns
        self._transformer = transformer

    @classmethod
    def fit(cls, frame: pd.DataFrame, columns: Columns, numeric: NumericTransform = "standard") -> TablePreprocessing:
        """Fits scaler, imputer and encoder on ``frame``, the training rows, and finds the orders of dates not given.

        Raises:
            UserError: a date column without dates.
        """
        columns = replace(columns, formats={**_orders(frame, columns), **columns.formats})
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
            drop="first", handle_unknown="ignore", max_categories=MAX_CATEGORIES, sparse_output=False, dtype=np.float32
        )
        parts = []
        numbers = [*columns.numeric, *_date_parts(columns.dates)]
        if numbers:
            parts.append(("numeric", number, numbers))
        if columns.categorical:
            parts.append(("categorical", category, list(columns.categorical)))
        transformer = ColumnTransformer(parts, sparse_threshold=0.0, verbose_feature_names_out=False)
        return cls(columns, transformer.fit(_plain(frame, columns)))

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """(n, raw columns) to (n, features) float32; raises ``UserError`` naming missing columns."""
        missing = [name for name in self.columns.names if name not in frame.columns]
        if missing:
            raise UserError(
                f"The input lacks the column(s) {', '.join(map(repr, missing))}. "
                f"The model reads: {', '.join(self.columns.names)}."
            )
        plain = _plain(frame, self.columns)
        with warnings.catch_warnings():
            # a category that training never saw is all zero by intent
            warnings.filterwarnings("ignore", message="Found unknown categories", category=UserWarning)
            matrix = self._transformer.transform(plain)
        return np.ascontiguousarray(matrix, dtype=np.float32)

    @property
    def feature_names(self) -> list[str]:
        """Names of the matrix's columns, one-hot ones as ``column_value``."""
        return [str(name) for name in self._transformer.get_feature_names_out()]

    @property
    def n_numeric(self) -> int:
        """How many leading columns of the matrix hold numbers and parts of dates; indicators follow."""
        return len(self.columns.numeric) + len(_date_parts(self.columns.dates))

    @property
    def n_ordered(self) -> int:
        """Number of leading columns of the matrix that hold numbers, parts of dates and indicators of missing cells."""
        positions = self._transformer.output_indices_.get("numeric")
        return 0 if positions is None else int(positions.stop)

    @property
    def known_categories(self) -> dict[str, frozenset[str]]:
        """The values of each categorical column that training saw, as ``category_text`` writes them."""
        return {name: frozenset(values) for name, values, _ in self._categories()}

    @property
    def left_out_categories(self) -> dict[str, str]:
        """The value of each categorical column that has no indicator, and like which unseen values are read."""
        return {name: str(values[left_out]) for name, values, left_out in self._categories()}

    def _categories(self) -> Iterator[tuple[str, np.ndarray, int]]:
        if self.columns.categorical:
            encoder = self._transformer.named_transformers_["categorical"]
            yield from zip(self.columns.categorical, encoder.categories_, encoder.drop_idx_, strict=True)

    def save(self, folder: Path) -> None:
        """Writes ``preprocessing.skops`` and ``columns.json``."""
        import skops.io  # loads much of scikit-learn

        skops.io.dump(self._transformer, folder / "preprocessing.skops")
        (folder / "columns.json").write_text(json.dumps(asdict(self.columns), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TablePreprocessing:
        """Reads what ``save`` wrote; refuses types that scikit-learn's own preprocessing does not need."""
        stored = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
        formats = stored.pop("formats", {})
        import skops.io  # loads much of scikit-learn

        path = folder / "preprocessing.skops"
        foreign = set(skops.io.get_untrusted_types(file=path)) - _TRUSTED
        if foreign:
            raise UserError(f"'{path.name}' holds types that are not loaded: {', '.join(sorted(foreign))}.")
        transformer = skops.io.load(path, trusted=sorted(_TRUSTED))
        return cls(Columns(**{key: tuple(value) for key, value in stored.items()}, formats=formats), transformer)


_TRUSTED = {"numpy.dtype", "sklearn.compose._column_transformer._RemainderColsList"}


def _date_parts(dates: Sequence[str]) -> list[str]:
    return [f"{name}:{part}" for name in dates for part in _PARTS]


_PARTS = ("year", "month", "day_of_week", "day_of_year", "hour", "days")


def _plain(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The frame in plain types: float64 numbers (unreadable cells missing), text categories, date parts."""
    plain: dict[str, object] = {}
    for name in columns.numeric:
        plain[name] = columns.numbers(frame[name])
    for name in columns.dates:
        moment = read_dates(frame[name], columns.formats.get(name, YEAR_FIRST))
        for part in _PARTS[:-1]:
            plain[f"{name}:{part}"] = getattr(moment.dt, part).astype(np.float64)
        plain[f"{name}:days"] = days_since_1970(moment)
    for name in columns.categorical:
        plain[name] = category_text(frame[name])
    return pd.DataFrame(plain, index=frame.index)


def _orders(frame: pd.DataFrame, columns: Columns) -> dict[str, str]:
    """The order of each date column of text that ``columns`` gives none for."""
    orders = {}
    for name in columns.dates:
        if name in columns.formats or pd.api.types.is_datetime64_any_dtype(frame[name]):
            continue
        found = infer_date_order(frame[name])
        if found is None:
            raise UserError(f"The column '{name}' holds no dates that can be read. Write them as 2024-12-31.")
        orders[name] = found.name
    return orders


def category_text(column: pd.Series) -> pd.Series:
    """Category values as text, the same for 1, 1.0 and "1", so that a column with missing cells reads as without.

    Missing cells are the empty text. Each different cell is written once.
    """
    codes, cells = pd.factorize(column)
    texts = np.array([*map(_category, cells), ""], dtype=object)
    return pd.Series(texts[codes], index=column.index, dtype=object)


def _category(cell: object) -> str:
    text = str(cell).strip()
    if isinstance(cell, bool | np.bool_):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number % 1 == 0 and abs(number) < 2**53 else text
