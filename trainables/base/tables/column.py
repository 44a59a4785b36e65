"""One column of a user's table: how it is treated, and why it is left out or read in some way."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.tables.dates import (
    MOSTLY,
    PROBED,
    YEAR_FIRST,
    YEARS,
    days_since_1970,
    infer_date_order,
    read_dates,
)
from trainables.base.tables.numbers import CLOCK, PLAIN, infer_number_format, read_numbers

FEW_VALUES = 10  # up to so many, whole numbers are taken for classes and repeated ids for codes
FREE_TEXT = 0.5  # share of distinct values from which text is no category
REPEATED_ID = "is named like an identifier and repeats: --ignore it, or keep its rows together with --group-column"
_CELLS = (str, bool, int, float, np.generic, datetime.date, Decimal)  # what a cell may hold
_ID_NAMES = (
    re.compile(r"(^|[_\s.-])(id|idx|index|uuid|key|no)$|^unnamed: \d+$", re.IGNORECASE),
    re.compile(r"[a-z0-9가-힣](Id|ID|Idx|Index|UUID|Key|No)$|(번호|순번)$"),
)
_YEAR_NAME = re.compile(r"year|연도|년도", re.IGNORECASE)
_YEARS = (1800, 2100)  # whole numbers that are more likely years than a count of the rows


@dataclass(frozen=True)
class ColumnRole:
    """How a column is treated.

    Attributes:
        name: ``"numeric"``, ``"categorical"``, ``"dates"`` or ``"dropped"``.
        note: why it is dropped, or what else there is to say.
        format: how its text is written, where that must be known (see ``Columns.formats``).
    """

    name: str
    note: str = ""
    format: str = ""


def infer_role(values: pd.Series) -> ColumnRole:
    """How a column is treated. Judged on all rows, also those without a target: ids then still number them."""
    present = values.dropna()
    if not len(present):
        return ColumnRole("dropped", "has no value")
    strange = strange_cells(present)
    if strange:
        return ColumnRole("dropped", f"holds {strange}")
    distinct = int(present.nunique())
    if distinct == 1:
        return ColumnRole("dropped", "has one value only")
    if pd.api.types.is_bool_dtype(values):
        return ColumnRole("categorical")
    if pd.api.types.is_datetime64_any_dtype(values):
        return _dates(present, YEAR_FIRST)
    notation = infer_number_format(present)
    numbers = read_numbers(present, notation)
    share = float(numbers.notna().mean())
    named_id = any(pattern.search(str(values.name)) for pattern in _ID_NAMES)
    if share >= MOSTLY:
        return _numeric(present, numbers, notation, distinct, named_id)
    order = infer_date_order(present) if share < 1 - MOSTLY else None
    if order is not None:
        return _dates(present, order.name, order.sure)
    if distinct == len(present):
        return ColumnRole("dropped", "has another text in every row")
    if distinct > FREE_TEXT * len(present):
        return ColumnRole("dropped", f"is free text ({distinct:,} different values in {len(present):,} rows)")
    if named_id and distinct > FEW_VALUES:
        return ColumnRole("categorical", REPEATED_ID)
    mixed = "mixes numbers and text and is read as categories" if share > 0 and distinct > FEW_VALUES else ""
    return ColumnRole("categorical", mixed)


def _numeric(present: pd.Series, numbers: pd.Series, notation: str, distinct: int, named_id: bool) -> ColumnRole:
    lost = int(numbers.isna().sum())
    whole = not lost and bool((numbers % 1 == 0).all())
    if whole and distinct == len(numbers):
        consecutive = float(numbers.max() - numbers.min()) == len(numbers) - 1 and len(numbers) > FEW_VALUES
        years = bool(numbers.between(*_YEARS).all()) or _YEAR_NAME.search(str(present.name)) is not None
        if consecutive and (named_id or not years):
            return ColumnRole("dropped", "numbers the rows")
        if named_id:
            return ColumnRole("dropped", "is named like an identifier and differs in every row")
    notes = []
    if notation != PLAIN:
        notes.append(reading(present, numbers, notation))
    if lost:
        notes.append(f"{lost:,} cells are no numbers and count as missing")
    if whole and named_id and distinct > FEW_VALUES:
        notes.append(REPEATED_ID)
    return ColumnRole("numeric", "; ".join(notes), "" if notation == PLAIN else notation)


def _dates(present: pd.Series, order: str, sure: bool = True) -> ColumnRole:
    read = read_dates(present, order)
    lost = int(read.isna().sum())
    if lost == len(present):
        return ColumnRole("dropped", f"holds no date from {YEARS[0]} to {YEARS[1]}")
    notes = []
    if order != YEAR_FIRST:
        doubt = "" if sure else ", which no cell decides: write them as 2024-12-31 if that is wrong"
        notes.append(f"dates such as '{present.iloc[0]}' are read {order}{doubt}")
    if lost:
        notes.append(f"{lost:,} cells are no dates from {YEARS[0]} to {YEARS[1]} and count as missing")
    return ColumnRole("dates", "; ".join(notes), order)


def reading(present: pd.Series, numbers: pd.Series, notation: str) -> str:
    """How numbers that are not plain are read, by an example."""
    odd = numbers.notna() & read_numbers(present).isna()
    value = np.format_float_positional(float(numbers[odd].iloc[0]), precision=4, trim="-")
    hours = " hours" if notation == CLOCK else ""
    return f"cells such as '{present[odd].iloc[0]}' are read as {value}{hours}"


def order_in_time(values: pd.Series) -> np.ndarray:
    """(n,) numbers that grow with time, from dates or from numbers (years, seconds).

    Raises:
        UserError: a cell that is missing or neither, or dates of which day and month cannot be told apart.
    """
    if pd.api.types.is_datetime64_any_dtype(values):
        numbers = days_since_1970(read_dates(values))
    elif not strange_cells(values.dropna()):
        numbers = read_numbers(values)
        order = infer_date_order(values) if numbers.isna().any() else None
        if order is not None and not order.sure:
            raise UserError(
                f"The time column '{values.name}' may be day first or month first (e.g. '{values.dropna().iloc[0]}'). "
                "Write its dates as 2024-12-31."
            )
        if order is not None:
            numbers = days_since_1970(read_dates(values, order.name))
    else:
        numbers = pd.Series(np.nan, index=values.index)
    bad = numbers.isna()
    if bad.any():
        raise UserError(
            f"The time column '{values.name}' holds no date or number in {int(bad.sum()):,} rows "
            f"(e.g. {str(values[bad].iloc[0])[:40]!r}). Fill or remove them."
        )
    return np.asarray(numbers, dtype=np.float64)


def strange_cells(present: pd.Series) -> str:
    """The type of cells that are neither numbers, text, booleans nor dates, in words; empty when there are none."""
    if present.dtype != object:
        return ""
    strange = [
        type(cell).__name__ for cell in present.iloc[:: max(1, len(present) // PROBED)] if not isinstance(cell, _CELLS)
    ]
    return f"values of type {strange[0]}" if strange else ""
