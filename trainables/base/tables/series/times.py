"""Moments of a table: how they are written, and the step from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.tables.cells.dates import YEAR_FIRST, days_since_1970, infer_date_order, read_dates
from trainables.base.tables.cells.epochs import infer_epoch

MOSTLY = 0.5  # share of the distances of neighbours that must be calendar months where the step is
DAY = 86_400
OFFSET = r"(:\d{2}(?:[.,]\d+)?)\s*(Z|UTC|[+-]\d{2}:?\d{2})\s*$"  # behind a time of day
SEASONS = {3_600: 24, DAY: 7, 7 * DAY: 52}  # steps of the season that people expect, by seconds of a step
UNITS = ((7 * DAY, "a week", "weeks"), (DAY, "a day", "days"), (3_600, "an hour", "hours"), (60, "a minute", "minutes"))
MONTHS = {1: 12, 3: 4, 12: 1}  # the same by months of a step


@dataclass(frozen=True)
class Step:
    """The distance of two neighbours on the grid.

    Attributes:
        unit: ``"seconds"``, calendar ``"months"``, or ``"numbers"`` where the time column holds whole numbers.
        size: How many of them.
    """

    unit: Literal["seconds", "months", "numbers"]
    size: int

    @property
    def season(self) -> int:
        """Steps of the usual season: a day of hours, a week of days, a year of weeks, months or quarters; else 1."""
        if self.unit == "months":
            return MONTHS.get(self.size, 1)
        if self.unit == "seconds" and self.size not in SEASONS and DAY % self.size == 0:
            return DAY // self.size
        return SEASONS.get(self.size, 1) if self.unit == "seconds" else 1

    def __str__(self) -> str:
        if self.unit == "months":
            return {1: "a month", 3: "a quarter", 12: "a year"}.get(self.size, f"{self.size} months")
        if self.unit == "numbers":
            return f"{self.size}"
        for seconds, one, many in UNITS:
            if self.size % seconds == 0:
                return one if self.size == seconds else f"{self.size // seconds:,} {many}"
        return f"{self.size:,} seconds"

    def count(self, times: pd.Series) -> np.ndarray:
        """Return times as numbers of the unit, (n,) float64; missing ones are NaN."""
        if self.unit == "numbers":
            return np.asarray(times, dtype=np.float64)
        if self.unit == "months":
            months = times.dt.year * 12 + times.dt.month - 1
            return np.asarray(months, dtype=np.float64)
        return np.asarray((days_since_1970(times) * DAY).round(6), dtype=np.float64)

    def times(self, counts: np.ndarray) -> pd.Series:
        """Return what ``count`` counted, (n,): whole numbers, or UTC timestamps (of months their first day)."""
        whole = pd.Series(np.asarray(counts, dtype=np.int64))
        if self.unit == "numbers":
            return whole
        if self.unit == "seconds":
            return pd.to_datetime(whole, unit="s", utc=True)
        parts = pd.DataFrame({"year": whole // 12, "month": whole % 12 + 1, "day": 1})
        return pd.to_datetime(parts, utc=True)


def local_times(column: pd.Series) -> tuple[pd.Series, str, list[str]]:
    """Return moments as clocks on the spot show them: what repeats daily or weekly does so by these clocks.

    Args:
        column: Dates as text or as timestamps, or numbers.

    Returns:
        The column without offsets from UTC; the one offset that all have, or nothing; and notes, a sentence each.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        local, offsets = column.dt.tz_localize(None), column.dt.strftime("%z")
    elif pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column, "", []
    else:
        text = column.astype(object).where(column.notna(), "").astype(str)
        offsets = text.str.extract(OFFSET)[1].fillna("").replace(["Z", "UTC"], "+00:00")
        local = column.where(offsets == "", text.str.replace(OFFSET, r"\1", regex=True))
    offsets = offsets.str.replace(r"(\d\d):?(\d\d)$", r"\1:\2", regex=True)
    found = offsets[column.notna()].value_counts()
    if len(found) == 1:
        return local, str(found.index[0]), []
    shown = ", ".join(str(offset) or "none" for offset in found.index[:4])
    note = f"The moments of '{column.name}' have several offsets from UTC ({shown}) and count as local time."
    return local, "", [note] if len(found) else []


def read_times(column: pd.Series, order: str | None = None) -> tuple[pd.Series, str]:
    """Return the moments of a column and the order by which its dates are read.

    Args:
        column: Dates, or whole numbers.
        order: As found before; None to find it.

    Raises:
        UserError: The column holds neither.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        order = YEAR_FIRST
    if order is None:
        found = infer_date_order(column)
        epoch = infer_epoch(column) if found is None and pd.api.types.is_numeric_dtype(column) else ""
        order = epoch if found is None else found.name
    if order:
        return read_dates(column, order), order
    numbers = pd.to_numeric(column, errors="coerce")
    if pd.api.types.is_bool_dtype(column) or numbers.isna().any() or not bool((numbers % 1 == 0).all()):
        example = column.dropna().astype(str).iloc[0][:30] if column.notna().any() else ""
        raise UserError(
            f"The time column '{column.name}' holds neither dates nor whole numbers (e.g. {example!r}). Choose another."
        )
    return numbers, ""


def infer_step(times: pd.Series, groups: pd.Series, name: str, *, dates: bool) -> Step:
    """Return the step of the grid: the most frequent distance of neighbours.

    Args:
        times: As ``read_times`` gives them.
        groups: The series of each row.
        name: Of the time column, for errors.
        dates: Whether times are dates.

    Raises:
        UserError: There are too few moments, or they are not regular.
    """
    ordered = pd.DataFrame({"group": groups.to_numpy(), "time": times.to_numpy()}).dropna().drop_duplicates()
    ordered = ordered.sort_values(["group", "time"])
    apart = ordered.groupby("group")["time"].diff().dropna()
    if not len(apart):
        raise UserError(f"The time column '{name}' has one moment a series. A series needs many.")
    if not dates:
        return Step("numbers", max(1, int(apart.mode().iloc[0])))
    days = apart.dt.total_seconds() / DAY
    usual = float(days.mode().iloc[0])
    for months, (low, high) in {1: (28, 31), 3: (89, 92), 12: (365, 366)}.items():
        if low <= usual <= high and float(days.between(low, high).mean()) > MOSTLY:
            return Step("months", months)
    return Step("seconds", max(1, round(usual * DAY)))
