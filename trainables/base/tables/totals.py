"""Rows of a table that add up others, as spreadsheets end with: no examples, and far from all that are."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from trainables.base.tables.cells.dates import MOSTLY
from trainables.base.tables.cells.numbers import infer_number_format, read_numbers

WORDS = frozenset(
    [
        *("total", "totals", "grandtotal", "subtotal", "subtotals", "sum", "overall", "합계", "총계", "총합계", "총합"),
        *("소계", "중계", "누계", "계", "전체", "합산"),
    ]
)
TOLERANCE = 1e-4  # of a sum: its cells may be rounded
MIN_ADDED = 2  # rows, of which a sum is one
_SIGNS = re.compile(r"[\W_]+")


def without_totals(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a table without the rows that add up others, and a note when there were such.

    A row is one where a cell says so (``합계``, ``Total``) and at least one of its numbers is the sum of all other
    rows, or of those between it and the next such row above or below. A category that is merely called so stays.

    Args:
        frame: as read.
    """
    texts = frame.select_dtypes(["object", "string", "category"])
    is_named = _is_named(texts)
    places = [int(place) for place in np.flatnonzero(is_named)]
    if not places or len(places) > len(frame) / MIN_ADDED:
        return frame, []
    numbers = _numbers(frame)
    sums = [place for place in places if _adds_up(numbers, is_named, place)]
    if not sums or len(sums) < len(places) / 2:  # a category of this name: some of its rows happen to be sums
        return frame, []
    word = next(str(cell).strip() for cell in texts.iloc[sums[0]] if _word(cell) in WORDS)
    kept = np.delete(np.arange(len(frame)), places)
    what = "1 row that adds up others" if len(places) == 1 else f"{len(places):,} rows that add up others"
    return frame.iloc[kept].reset_index(drop=True), [f"Left out {what} ('{word}')."]


def _word(cell: object) -> str:
    return _SIGNS.sub("", cell).lower() if isinstance(cell, str) else ""


def _is_named(texts: pd.DataFrame) -> np.ndarray:
    """Return (n,) whether a cell of each row says that it is a total."""
    found = np.zeros(len(texts), dtype=bool)
    for name in texts:
        words = [cell for cell in {cell for cell in texts[name] if isinstance(cell, str)} if _word(cell) in WORDS]
        if words:
            found |= texts[name].isin(words).to_numpy()
    return found


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """Return (n, columns) the numbers of the columns that mostly hold such."""
    found = []
    for name in frame.columns:
        cells = frame[name].dropna()
        if not isinstance(cells.iloc[0] if len(cells) else None, str | int | float | np.number):
            continue
        read = read_numbers(frame[name], infer_number_format(cells))
        if read.notna().sum() >= MOSTLY * len(cells):
            found.append(read.to_numpy())
    return np.column_stack(found) if found else np.empty((len(frame), 0))


def _adds_up(numbers: np.ndarray, is_named: np.ndarray, place: int) -> bool:
    """Return whether a number of a row is the sum of all others of its column, or of those up to the next total."""
    totals = np.flatnonzero(is_named)
    before, after = totals[totals < place], totals[totals > place]
    above = slice(before[-1] + 1 if len(before) else 0, place)
    below = slice(place + 1, after[0] if len(after) else len(numbers))
    for rows in (numbers[~is_named], numbers[above], numbers[below]):
        if len(rows) < MIN_ADDED:
            continue
        sums, own = np.nansum(rows, axis=0), numbers[place]
        varies = (rows != 0).sum(axis=0) >= MIN_ADDED  # a sum of one number is that number
        if bool((varies & np.isclose(own, sums, rtol=TOLERANCE, atol=0)).any()):
            return True
    return False
