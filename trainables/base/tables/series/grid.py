"""Time series on a regular grid: one step for all, found once; what does not fit is said or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.tables.cells.dates import YEAR_FIRST, days_since_1970, infer_date_order, read_dates
from trainables.base.tables.cells.numbers import read_numbers

REGULAR = 0.95  # share of the stamps that must lie on the grid
MAX_GAPS = 0.6  # share of the grid that may have no row
COPIES = 0.02  # share of rows that may repeat a stamp; their mean is taken
MAX_STEPS = 5_000_000
DAY = 86_400
OFFSET = r"(:\d{2}(?:[.,]\d+)?)\s*(Z|UTC|[+-]\d{2}:?\d{2})\s*$"  # behind a time of day
SEASONS = {3_600: 24, DAY: 7, 7 * DAY: 52}  # steps of the season that people expect, by seconds of a step
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
        names = {3_600: "an hour", DAY: "a day", 7 * DAY: "a week"}
        return names.get(self.size, str(pd.Timedelta(seconds=self.size)))

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


@dataclass(frozen=True)
class Layout:
    """How a table holds series: which columns, and how they are read.

    Attributes:
        time: Column of the moments.
        target: Column of the numbers to forecast.
        group: Column whose values are series of their own; empty for one series.
        order: Order of the dates, see ``DateOrder``; empty where moments are whole numbers.
        notation: How the target's numbers are written, see ``infer_number_format``.
        step: Of the grid.
        season: Steps after which values are alike.
        horizon: Steps that are forecast.
        known: Numeric columns whose future is known when a forecast is made.
        past: Numeric columns that are known up to the moment of the forecast.
        zone: Offset from UTC that every moment is written with, such as ``"+09:00"``; empty for none, or for several.
    """

    time: str
    target: str
    group: str
    order: str
    notation: str
    step: Step
    season: int
    horizon: int
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    zone: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Layout:
        """Read what ``to_json`` wrote."""
        return cls(
            **{
                **stored,
                "step": Step(**stored["step"]),
                "known": tuple(stored["known"]),
                "past": tuple(stored["past"]),
            }
        )


@dataclass(frozen=True)
class OneSeries:
    """One series on its grid.

    Attributes:
        group: Its value of the group column; empty for the only one.
        first: Count of the first step, see ``Step.count``.
        values: (steps,) float64 the target, NaN where there is none.
        others: (steps,) float64 of each further column.
    """

    group: str
    first: int
    values: np.ndarray
    others: Mapping[str, np.ndarray]


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
        order = "" if found is None else found.name
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
        if low <= usual <= high and float(days.between(low, high).mean()) > REGULAR / 2:
            return Step("months", months)
    return Step("seconds", max(1, round(usual * DAY)))


def place(frame: pd.DataFrame, layout: Layout) -> tuple[list[OneSeries], list[str]]:
    """Place the rows of a table on the grid.

    Args:
        frame: With the columns of the layout; the target may be missing where the future is asked for.
        layout: How they are read.

    Returns:
        A sequence a group, in the order of their names, and notes on what was repaired, a sentence each.

    Raises:
        UserError: Rows without a moment, moments off the grid, or repeated, in more than a few rows.
    """
    local, zone, _ = local_times(frame[layout.time])
    if layout.zone and zone and zone != layout.zone:
        raise UserError(
            f"The moments of '{layout.time}' have the offset {zone} from UTC, those of training {layout.zone}. Write "
            f"them with {layout.zone}."
        )
    times, _ = read_times(local, layout.order)
    if bool(times.isna().any()):
        cell = frame[layout.time][times.isna()].iloc[0]
        raise UserError(
            f"{int(times.isna().sum()):,} of {len(frame):,} cells of the time column '{layout.time}' are no moment "
            f"(e.g. {str(cell)[:30]!r}). Mend or remove these rows."
        )
    counts = layout.step.count(times)
    columns = {layout.target: read_numbers(frame[layout.target], layout.notation)}
    columns |= {name: pd.to_numeric(frame[name], errors="coerce") for name in (*layout.known, *layout.past)}
    table = pd.DataFrame({name: column.to_numpy(dtype=np.float64) for name, column in columns.items()})
    groups = frame[layout.group].astype(str).to_numpy() if layout.group else np.full(len(frame), "")
    notes: list[str] = []
    found = [
        _sequence(str(group), counts[rows], table.iloc[rows], layout, notes)
        for group, rows in sorted(pd.Series(groups).groupby(groups).indices.items())
    ]
    return found, list(_summed(notes))


def _sequence(group: str, counts: np.ndarray, table: pd.DataFrame, layout: Layout, notes: list[str]) -> OneSeries:
    size, named = layout.step.size, f" of series '{group}'" if group else ""
    first = counts.min()
    place_of = (counts - first) / size
    on_grid = np.abs(place_of - np.round(place_of)) < 0.01
    if float(on_grid.mean()) < REGULAR:
        raise UserError(
            f"The moments{named} are irregular: {float((~on_grid).mean()):.0%} lie off a grid of {layout.step}. "
            "Bring them to equal steps first, e.g. with pandas' resample."
        )
    if not on_grid.all():
        notes.append(f"left out {int((~on_grid).sum()):,} rows off the grid")
    place_of, table = np.round(place_of[on_grid]).astype(np.int64), table[on_grid]
    steps = int(place_of.max()) + 1
    if steps > MAX_STEPS:
        raise UserError(f"The moments{named} span {steps:,} steps of {layout.step}, more than {MAX_STEPS:,}.")
    copies = len(place_of) - len(np.unique(place_of))
    if copies > COPIES * len(place_of):
        raise UserError(
            f"{copies:,} rows{named} repeat a moment. Are these several series? Then give --group COLUMN; else keep "
            "one row a moment."
        )
    if copies:
        notes.append(f"took the mean of {copies:,} rows that repeat a moment")
        table, place_of = table.groupby(place_of).mean(), np.unique(place_of)
    if 1 - len(place_of) / steps > MAX_GAPS:
        raise UserError(
            f"{1 - len(place_of) / steps:.0%} of the moments{named} between the first and the last have no row, at a "
            f"step of {layout.step}. Bring them to equal steps first."
        )
    if steps > len(place_of):
        notes.append(f"{steps - len(place_of):,} moments have no row and count as missing")
    grids = {}
    for name in table.columns:
        grids[str(name)] = np.full(steps, np.nan)
        grids[str(name)][place_of] = table[name].to_numpy()
    return OneSeries(group, round(first), grids.pop(layout.target), grids)


def _summed(notes: Sequence[str]) -> Iterator[str]:
    """Return each note once, with how many series it is said of."""
    for note, count in pd.Series(list(notes), dtype=object).value_counts(sort=False).items():
        text = str(note)
        yield f"{text[0].upper()}{text[1:]}{f' (in {count} series)' if count > 1 else ''}."
