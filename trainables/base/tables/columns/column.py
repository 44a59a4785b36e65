"""One column of a user's table: how it is treated, and why it is left out or read in some way."""

from __future__ import annotations

import datetime
import re
import shlex
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.tables.cells.dates import (
    MOSTLY,
    PROBED,
    YEAR_FIRST,
    YEARS,
    DateOrder,
    days_since_1970,
    infer_date_order,
    read_dates,
)
from trainables.base.tables.cells.epochs import infer_epoch
from trainables.base.tables.cells.missing import is_word
from trainables.base.tables.cells.numbers import CLOCK, PLAIN, infer_number_format, read_cells, read_numbers, unit_of
from trainables.base.tables.cells.units import mixed_signs

FEW_VALUES = 10  # up to this many different values, whole numbers are classes and repeated ids codes
FREE_TEXT = 0.5  # share of distinct values from which text is not a category
MANY_CATEGORIES = 50  # different texts of several words, from which they are prose
PROSE_WORDS = 3  # median number of words from which text is prose
FEW_WORDS = 3  # different words among numbers that may all mean a missing cell
MOSTLY_NUMBERS = 0.5  # of the cells, when the others are such words
TREATMENTS = {"number": "numeric", "category": "categorical", "date": "dates", "text": "text"}  # of --treat
REPEATED_ID = (
    "is named like an identifier and repeats: rows of one {name} may be in all splits; "
    "keep them together with --group-column, or leave it out with --ignore"
)
_CELLS = (str, bool, int, float, np.generic, datetime.date, Decimal)  # what a cell may hold
_ID_NAMES = (
    re.compile(r"(^|[_\s.-])(id|idx|index|uuid|key|no)#?$|^unnamed: \d+$|#$", re.IGNORECASE),
    re.compile(r"[a-z0-9가-힣](Id|ID|Idx|Index|UUID|Key|No)$|(번호|순번)$"),
)
_GROUP_NAMES = re.compile(
    r"(^|[_\s.-])(subject|patient|customer|client|participant|household|person|student|animal|session|device)s?"
    r"([_\s.-]?(nr|num|number|code))?$|(환자|고객|회원|학생)$",
    re.IGNORECASE,
)
_CODE_NAMES = re.compile(
    r"(^|[_\s.-])(zip|postal|post)?[_\s.-]?(code|zip|cd)$|zipcode|postcode|우편번호|코드$", re.IGNORECASE
)
YEAR_SIGN = "년"  # 2015년 is a date, not a number with a unit
_EPOCH_NAME = re.compile(r"time|date|epoch|unix|(^|_)ts$|일시|시각|날짜", re.IGNORECASE)
_YEAR_NAME = re.compile(r"year|연도|년도", re.IGNORECASE)
_YEARS = (1800, 2100)  # whole numbers that are more likely years than a count of the rows
_ZERO_FIRST = r"\s*0\d+\s*"


@dataclass(frozen=True)
class ColumnRole:
    """How a column is treated.

    Attributes:
        name: ``"numeric"``, ``"categorical"``, ``"dates"``, ``"text"`` or ``"dropped"``.
        note: why it is dropped, or what else there is to say.
        format: how its text is written, where that must be known (see ``Columns.formats``).
    """

    name: str
    note: str = ""
    format: str = ""


def infer_role(values: pd.Series) -> ColumnRole:
    """Return how a column is treated. All rows count, also those without a target: ids then still number them."""
    present = values.dropna()
    strange = strange_cells(present)
    if strange:
        return ColumnRole("dropped", f"holds {strange}")
    cells = present if pd.api.types.is_numeric_dtype(present) else present[~is_word(present)]
    if not len(cells):
        return ColumnRole("dropped", "has no value")
    if present.nunique() == 1:
        return ColumnRole("dropped", "has one value only")
    if pd.api.types.is_bool_dtype(cells) or pd.api.types.infer_dtype(cells) == "boolean":
        return ColumnRole("categorical")
    if pd.api.types.is_datetime64_any_dtype(values):
        return _dates(cells, DateOrder(YEAR_FIRST))
    notation = infer_number_format(cells)
    numbers = read_numbers(cells, notation)
    share = float(numbers.notna().mean())
    order = _date_order(cells, numbers, notation, share)
    if order is not None:
        return _dates(cells, order)
    words = cells[numbers.isna()].unique()
    few_words = len(words) <= FEW_WORDS and numbers.nunique() > FEW_VALUES and share >= MOSTLY_NUMBERS
    if share < MOSTLY and not few_words:
        return _category_or_text(present, share, _is_id(values))
    if share == 1 and _is_code(cells, notation):
        return _code(cells)
    if unit_of(notation) and numbers.nunique() <= FEW_VALUES:
        return ColumnRole("categorical")
    return _numeric(present, cells, numbers, notation)


def _date_order(cells: pd.Series, numbers: pd.Series, notation: str, share: float) -> DateOrder | None:
    """Return how a column writes dates: as numbers such as 20180131, or as text that is hardly ever a number."""
    if share >= MOSTLY and unit_of(notation) != YEAR_SIGN:
        if notation != PLAIN:
            return None
        epoch = infer_epoch(numbers) if _EPOCH_NAME.search(str(cells.name)) else ""
        return DateOrder(epoch) if epoch else infer_date_order(numbers)
    return infer_date_order(cells)


def chosen_role(values: pd.Series, treatment: str) -> ColumnRole:
    """Return the role of a column that the user chose with ``--treat``.

    Args:
        values: the column.
        treatment: a key of ``TREATMENTS``.

    Raises:
        UserError: no cell can be read this way.
    """
    cells = values.dropna()
    cells = cells if pd.api.types.is_numeric_dtype(cells) else cells[~is_word(cells)]
    if treatment == "number":
        notation = infer_number_format(cells)
        if read_numbers(cells, notation).notna().any():
            return ColumnRole("numeric", format="" if notation == PLAIN else notation)
    elif treatment == "date":
        order = infer_date_order(cells) or DateOrder(YEAR_FIRST)
        if pd.api.types.is_datetime64_any_dtype(values) or read_dates(cells, order.name).notna().any():
            return _dates(cells, order)
    elif len(cells):
        return ColumnRole(TREATMENTS[treatment])
    example = f"e.g. {str(cells.iloc[0])[:40]!r}" if len(cells) else "all are empty"
    raise UserError(f"--treat {values.name}={treatment}: no cell of '{values.name}' can be read as one ({example}).")


def _numeric(present: pd.Series, cells: pd.Series, numbers: pd.Series, notation: str) -> ColumnRole:
    read = numbers.dropna()
    distinct, named_id = int(read.nunique()), _is_id(present)
    whole = bool((read % 1 == 0).all())
    if whole and distinct == len(read):
        span = float(read.max() - read.min()) + 1  # cells that are not numbers may be in between
        consecutive = len(read) <= span <= len(present) and len(read) > FEW_VALUES
        years = bool(read.between(*_YEARS).all()) or _YEAR_NAME.search(str(present.name)) is not None
        if consecutive and (named_id or not years):
            return ColumnRole("dropped", "numbers the rows")
        if named_id:
            return ColumnRole("dropped", "is named like an identifier and differs in every row")
    notes = []
    if notation != PLAIN:
        notes += notation_notes(cells, numbers, notation)
    lost = present.drop(read.index)
    if len(lost):
        shown = ", ".join(repr(str(word)[:20]) for word in lost.value_counts().index[:FEW_WORDS])
        notes.append(
            f"1 cell is not a number ({shown}) and counts as missing"
            if len(lost) == 1
            else f"{len(lost):,} cells are not numbers ({shown}) and count as missing"
        )
    if whole and distinct > FEW_VALUES / 2 and (named_id or _GROUP_NAMES.search(str(present.name))):
        notes.append(REPEATED_ID.format(name=f"'{present.name}'"))
    if whole and distinct > 2 and _CODE_NAMES.search(str(present.name)):
        notes.append(f"is read as a number; if it is a code, give --treat {shlex.quote(f'{present.name}=category')}")
    return ColumnRole("numeric", "; ".join(notes), "" if notation == PLAIN else notation)


def _dates(cells: pd.Series, order: DateOrder) -> ColumnRole:
    read = read_dates(cells, order.name)
    lost = int(read.isna().sum())
    if lost == len(cells):
        return ColumnRole("dropped", f"holds no date from {YEARS[0]} to {YEARS[1]}")
    notes = []
    numbers = pd.api.types.is_numeric_dtype(cells)
    if order.name != YEAR_FIRST or numbers or not order.sure:
        doubt = "" if order.sure else ", which no cell decides: write them as 2024-12-31 if that is wrong"
        at = read.notna().to_numpy().nonzero()[0][0]
        example = _example(cells, order.name, at)
        how = f"dates, {order.name}" if order.name != YEAR_FIRST and not numbers else "dates"
        moment = f"{read.iloc[at]:%Y-%m-%d}"
        notes.append(f"cells such as '{example}' are read as {how} ({moment}){doubt}")
    if lost:
        first, last = YEARS
        one = f"1 cell is not a date from {first} to {last} and counts as missing"
        notes.append(one if lost == 1 else f"{lost:,} cells are not dates from {first} to {last} and count as missing")
    return ColumnRole("dates", "; ".join(notes), order.name)


def _example(cells: pd.Series, order: str, at: int) -> str:
    cell = cells.iloc[at]
    return f"{cell:.0f}" if isinstance(cell, float) and cell % 1 == 0 else str(cell)


def _category_or_text(present: pd.Series, share_of_numbers: float, named_id: bool) -> ColumnRole:
    distinct = int(present.nunique())
    if distinct > min(FREE_TEXT * len(present), MANY_CATEGORIES) and _is_prose(present):
        return ColumnRole("text", "is free text, used through the character sequences in it")
    if distinct == len(present):
        return ColumnRole("dropped", "has another text in every row")
    if distinct > FREE_TEXT * len(present):
        return ColumnRole("dropped", f"has mostly different texts ({distinct:,} in {len(present):,} rows)")
    if distinct > FEW_VALUES and (named_id or _GROUP_NAMES.search(str(present.name))):
        return ColumnRole("categorical", REPEATED_ID.format(name=f"'{present.name}'"))
    mixed = "mixes numbers and text and is read as categories" if share_of_numbers > 0 and distinct > FEW_VALUES else ""
    return ColumnRole("categorical", mixed)


def _is_prose(present: pd.Series) -> bool:
    text = present.iloc[:: max(1, len(present) // PROBED)].astype(str)
    return float(np.median([len(cell.split()) for cell in text])) >= PROSE_WORDS


def _is_code(cells: pd.Series, notation: str) -> bool:
    """Return whether text looks like whole numbers but some begin with a zero, as zip codes do."""
    if notation != PLAIN or pd.api.types.is_numeric_dtype(cells):
        return False
    text = cells.astype(str)
    return bool(text.str.fullmatch(_ZERO_FIRST).any()) and bool(text.str.fullmatch(r"\s*\d+\s*").all())


def _code(cells: pd.Series) -> ColumnRole:
    example = cells[cells.astype(str).str.fullmatch(_ZERO_FIRST)].iloc[0]
    if cells.nunique() == len(cells):
        return ColumnRole("dropped", f"holds codes such as '{example}' that differ in every row")
    return ColumnRole(
        "categorical", f"codes such as '{example}' are categories; --treat {cells.name}=number reads numbers"
    )


def _is_id(values: pd.Series) -> bool:
    return any(pattern.search(str(values.name)) for pattern in _ID_NAMES)


def notation_notes(cells: pd.Series, numbers: pd.Series, notation: str) -> list[str]:
    """Return phrases on numbers that are not plain: how they are read, and whether one column mixes scales."""
    signs = mixed_signs(cells[numbers.notna()])
    mixed = [f"has cells with {signs}, which are not converted into each other"] if signs else []
    return [_reading(cells, numbers, notation), *mixed]


def _reading(cells: pd.Series, numbers: pd.Series, notation: str) -> str:
    """Return how such numbers are read, by an example."""
    odd = numbers.notna() & read_cells(cells.astype(object), PLAIN).isna()
    value = np.format_float_positional(float(numbers[odd].iloc[0]), precision=4, trim="-")
    read = f"cells such as '{cells[odd].iloc[0]}' are read as {value}"
    return f"{read} hours" if notation == CLOCK else read


def order_in_time(values: pd.Series) -> np.ndarray:
    """Return (n,) numbers that grow with time, from dates or from numbers (years, seconds).

    Raises:
        UserError: a cell that is missing or neither, or dates of which day and month cannot be told apart.
    """
    if pd.api.types.is_datetime64_any_dtype(values):
        numbers = days_since_1970(read_dates(values))
    elif not strange_cells(values.dropna()):
        plain = read_numbers(values)
        order = infer_date_order(values if plain.isna().any() else plain)
        if order is not None and not order.sure:
            raise UserError(
                f"The time column '{values.name}' may be day first or month first (e.g. '{values.dropna().iloc[0]}'). "
                "Write its dates as 2024-12-31."
            )
        if order is not None:
            numbers = days_since_1970(read_dates(values, order.name))
        else:
            numbers = read_numbers(values, infer_number_format(values))
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
    """Return the type of cells that are neither numbers, text, booleans nor dates, in words; empty without any."""
    if present.dtype != object:
        return ""
    strange = [
        type(cell).__name__ for cell in present.iloc[:: max(1, len(present) // PROBED)] if not isinstance(cell, _CELLS)
    ]
    return f"values of type {strange[0]}" if strange else ""
