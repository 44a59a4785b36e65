"""Dates as people write them: one order of year, month and day a column, found once, by which all its cells are read.

A year has four digits: "1-3", "May 1" and "12:30" are no dates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

YEARS = (1678, 2261)  # that nanoseconds since 1970 can hold; "9999-12-31" stands for no date at all
EPOCH = pd.Timestamp(0, tz="UTC")
YEAR_FIRST, DAY_FIRST, MONTH_FIRST = "year first", "day first", "month first"
MOSTLY = 0.95  # share of readable cells from which text is dates, or numbers
PROBED = 2000  # cells that tell how a column is written

TIME = (
    r"(?P<before>오전|오후)?\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<half>[ap]m)?"
)
_ZONE = r"\s*(?:Z|UTC|GMT|(?P<zone>[+-]\d{2}:?\d{2}))?"
_YEAR, _MONTH, _DAY = r"(?P<year>\d{4})", r"(?P<month>\d{1,2}|[a-z]{3,9}\.?)", r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES = {
    YEAR_FIRST: rf"{_YEAR}\s*[-/.년]\s*{_MONTH}\s*(?:[-/.월]\s*(?:{_DAY}\s*[.일]?)?)?",
    DAY_FIRST: rf"{_DAY}\s*[-/. ]\s*{_MONTH}\s*[-/., ]\s*{_YEAR}",
    MONTH_FIRST: rf"{_MONTH}\s*[-/. ]\s*{_DAY}\s*[-/., ]\s*{_YEAR}",
}
_PATTERNS = {
    order: re.compile(rf"\s*{date}(?:\s*\(\w{{1,3}}\))?(?:[\sT]\s*{TIME}{_ZONE})?\s*", re.IGNORECASE)
    for order, date in _DATES.items()
}
_MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[3 * i : 3 * i + 3]: i + 1 for i in range(12)}


@dataclass(frozen=True)
class DateOrder:
    """How a column writes its dates.

    Attributes:
        name: ``"year first"``, ``"day first"`` or ``"month first"``.
        sure: whether a cell decides between the last two: one with a part above 12, or with points (1.2.2024), which
            nobody writes month first. Otherwise the month is taken to come first.
    """

    name: str
    sure: bool


def infer_date_order(column: pd.Series) -> DateOrder | None:
    """The order by which most cells are dates; None when fewer than ``MOSTLY`` are."""
    text = pd.Series(column.dropna().unique()).astype(str)
    found = _order_of(text.iloc[:: max(1, len(text) // PROBED)])
    if found is None or found.sure or len(text) < 2 * PROBED:
        return found
    return _order_of(text)


def _order_of(text: pd.Series) -> DateOrder | None:
    year, day, month = (_valid(_parts(text, order)) for order in _PATTERNS)
    if not len(text) or max(year.mean(), day.mean(), month.mean()) < MOSTLY:
        return None
    if year.mean() >= MOSTLY:
        return DateOrder(YEAR_FIRST, True)
    if day.sum() != month.sum():
        return DateOrder(DAY_FIRST if day.sum() > month.sum() else MONTH_FIRST, True)
    points = bool(text[day].str.match(r"\s*\d+\s*\.").all())
    return DateOrder(DAY_FIRST if points else MONTH_FIRST, points)


def read_dates(column: pd.Series, order: str = YEAR_FIRST) -> pd.Series:
    """(n,) UTC timestamps in nanoseconds; missing where a cell is no date of ``YEARS``. Each text is read once.

    Args:
        column: text, or dates and times.
        order: of the text, see ``DateOrder``.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return _in_range(pd.to_datetime(column, utc=True))
    codes, cells = pd.factorize(column)
    text = pd.Series(cells, dtype=object).astype(str)
    read = _in_range(pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601"))  # nearly always, and fast
    for known in dict.fromkeys((order, YEAR_FIRST)):  # a year in front leaves no doubt in any column
        rest = read.isna()
        if rest.any():
            read[rest] = _assembled(_parts(text[rest], known))
    return pd.Series(read.array.take(codes, allow_fill=True), index=column.index)  # code -1 is a missing cell


def days_since_1970(moments: pd.Series) -> pd.Series:
    """(n,) UTC timestamps to float64 days."""
    return (moments - EPOCH) / pd.Timedelta(days=1)


def seconds_of_day(parts: pd.DataFrame) -> pd.Series:
    """(n,) float64 seconds since midnight from what ``TIME`` found: 0 without a time, missing for 25:00."""
    hour, minute, second = (pd.to_numeric(parts[name]).astype(np.float64) for name in ("hour", "minute", "second"))
    half = parts["half"].str.lower().fillna(parts["before"].map({"오전": "am", "오후": "pm"}))
    twelve = half.notna()
    wrong = (hour > 23) | (minute > 59) | (second >= 60) | (twelve & ((hour > 12) | (hour < 1)))
    hour = hour.where(~twelve, hour % 12 + 12 * (half == "pm"))
    return (hour * 3600 + minute * 60).add(second.fillna(0)).fillna(0.0).mask(wrong)


def _parts(text: pd.Series, order: str) -> pd.DataFrame:
    """The named parts of each cell, as text; missing where the whole cell is no date of this order."""
    pattern = _PATTERNS[order]
    nothing = (None,) * pattern.groups
    rows = [nothing if match is None else match.groups() for match in map(pattern.fullmatch, text)]
    parts = pd.DataFrame(rows, index=text.index, columns=list(pattern.groupindex), dtype=object)
    for name in ("year", "day"):
        parts[name] = pd.to_numeric(parts[name]).astype(np.float64)
    word = parts["month"].astype(object).str.lower().str[:3].map(_MONTHS)
    parts["month"] = word.fillna(pd.to_numeric(parts["month"], errors="coerce")).astype(np.float64)
    return parts


def _valid(parts: pd.DataFrame) -> pd.Series:
    return parts["month"].between(1, 12) & parts["day"].fillna(1).between(1, 31)


def _assembled(parts: pd.DataFrame) -> pd.Series:
    held = _valid(parts) & parts["year"].between(*YEARS)
    whole = parts[["year", "month", "day"]].where(held).assign(day=parts["day"].fillna(1).where(held))
    moment = pd.to_datetime(whole, errors="coerce", utc=True)
    zone = parts["zone"].str.replace(":", "").astype(np.float64).fillna(0.0)
    offset = np.sign(zone) * (zone.abs() // 100 * 60 + zone.abs() % 100) * 60
    return _in_range(moment + pd.to_timedelta(seconds_of_day(parts) - offset, unit="s"))


def _in_range(moments: pd.Series) -> pd.Series:
    kept: pd.Series = moments.where(moments.dt.year.between(*YEARS)).dt.as_unit("ns")
    return kept
