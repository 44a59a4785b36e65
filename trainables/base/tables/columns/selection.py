"""Which columns of a table a model reads, and how the cells of each are read."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.tables.cells.dates import YEAR_FIRST, days_since_1970, infer_date_order, read_dates
from trainables.base.tables.cells.missing import drop_codes
from trainables.base.tables.cells.numbers import PLAIN, read_numbers

SORTS = ("numeric", "categorical", "dates", "text")


@dataclass(frozen=True)
class Columns:
    """Which raw columns a model reads, by the way they are treated.

    Attributes:
        numeric: numbers; missing cells get the training median and an indicator.
        categorical: text, codes and booleans; an indicator for each value. One that training never saw has none.
        dates: dates and times; become year, month, day of week, day of year, hour and days since 1970.
        text: free text; becomes a few numbers made from the character sequences in it.
        formats: how the text of a column is written, by name: the order of dates (see ``dates.infer_date_order``), the
            notation of numbers where it is not plain (see ``numbers.infer_number_format``).
        missing: the cells that mean "no value" beside empty ones, as text, by name.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    formats: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, in the order of their sorts."""
        return self.numeric + self.categorical + self.dates + self.text

    def numbers(self, column: pd.Series) -> pd.Series:
        """Return a numeric column, or a date column in days since 1970: float64 (n,), unreadable cells missing."""
        name = str(column.name)
        if name in self.dates:
            return days_since_1970(self.moments(column))
        codes = pd.to_numeric(pd.Series(self.missing.get(name, ()), dtype=object), errors="coerce").dropna()
        return drop_codes(read_numbers(column, self.formats.get(name, PLAIN)), codes.astype(np.float64).tolist())

    def moments(self, column: pd.Series) -> pd.Series:
        """Return a date column as UTC timestamps (n,), missing where a cell is not readable."""
        return read_dates(column, self.formats.get(str(column.name), YEAR_FIRST))

    def categories(self, column: pd.Series) -> pd.Series:
        """Return a categorical column as text (n,), empty where a cell is missing."""
        text = category_text(column)
        return text.mask(text.isin(self.missing.get(str(column.name), ())), "")

    def with_orders(self, frame: pd.DataFrame) -> Columns:
        """Return the same with the order of each date column of text that none is given for, from its cells.

        Raises:
            UserError: a date column without dates.
        """
        orders = {}
        for name in self.dates:
            if name in self.formats or pd.api.types.is_datetime64_any_dtype(frame[name]):
                continue
            found = infer_date_order(frame[name])
            if found is None:
                raise UserError(f"The column '{name}' holds no dates that can be read. Write them as 2024-12-31.")
            orders[name] = found.name
        return replace(self, formats={**orders, **self.formats})

    def without(self, names: Collection[str]) -> Columns:
        """Return the same without some columns."""
        numeric, categorical, dates, text = (
            tuple(name for name in getattr(self, sort) if name not in names) for sort in SORTS
        )
        formats = {name: value for name, value in self.formats.items() if name not in names}
        missing = {name: value for name, value in self.missing.items() if name not in names}
        return Columns(numeric, categorical, dates, text, formats, missing)


def category_text(column: pd.Series) -> pd.Series:
    """Category values as text, the same for 1, 1.0 and "1", so that a column with missing cells reads as without.

    Letters are composed (NFC): macOS writes them in parts. Missing cells are the empty text. Each different cell is
    written once.
    """
    codes, cells = pd.factorize(column)
    texts = np.array([*map(_category, cells), ""], dtype=object)
    return pd.Series(texts[codes], index=column.index, dtype=object)


def _category(cell: object) -> str:
    text = unicodedata.normalize("NFC", str(cell)).strip()
    if isinstance(cell, bool | np.bool_) or text.lower() in ("true", "false"):
        return text.capitalize()  # as pandas writes them, and reads TRUE and true
    if text[:1] == "0" and text[1:2].isdigit():
        return text  # a code
    whole, point, zeros = text.partition(".")
    if point and not zeros.strip("0") and whole.lstrip("+-").isascii() and whole.lstrip("+-").isdigit():
        return whole
    return text
