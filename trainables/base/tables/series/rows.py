"""From series to a table that any family of models learns: a row for each moment that is forecast from each origin.

A row holds what is known at the origin: the last values, the values one to three seasons before the moment, means, how
far ahead it is, and the calendar. One model forecasts all steps and all series (Montero-Manso and Hyndman 2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trainables.base.tables.series.grid import Layout, OneSeries
from trainables.base.tables.series.times import DAY
from trainables.base.tables.series.windows import WINDOW, windows_of

MAX_LAGS = 28  # last values that a row holds
SEASONS_BACK = 3
MAX_ROWS = 60_000  # of a table; origins are left out evenly beyond it
AHEAD = "steps ahead"
ORIGIN, MOMENT = "count of the origin", "count of the moment"  # of steps, which no model reads
ONE_SEASON = "one season before"
DRIFT = "drift of the past"  # forecast of the drift method, which no model reads
# forecasts without a model, by their column
NAIVE = {"last value": "lag 1", "seasonal naive": ONE_SEASON, "drift": DRIFT}
UNREAD = (ORIGIN, MOMENT, DRIFT)
CARRIED = (AHEAD, WINDOW, *UNREAD)  # by every row, whether models of tables read it or not


@dataclass(frozen=True)
class LagColumns:
    """Names of the columns of a table of lags.

    Attributes:
        numeric: What models read as numbers.
        categorical: What they read as categories.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]


def lag_columns(layout: Layout) -> LagColumns:
    """Return the names of the columns that ``lag_rows`` makes for models."""
    numeric = [
        *(f"lag {k}" for k in range(1, lags(layout) + 1)),
        *(_before(j) for j in range(1, SEASONS_BACK + 1)),
        *("mean of a season", "mean of four seasons", "spread of a season", "mean of the moment's season"),
        *(AHEAD, "steps since the start"),
        *(at_the_moment(name) for name in layout.known),
        *(f"{name} at the origin" for name in layout.past),
        *calendar(layout),
    ]
    return LagColumns(tuple(numeric), (layout.group,) if layout.group else ())


def at_the_moment(name: str) -> str:
    """Return the name of a known column's value at the moment that is forecast."""
    return f"{name} at the moment"


def lags(layout: Layout) -> int:
    """Return how many last values a row holds: a season, at least 4 and at most ``MAX_LAGS``."""
    return min(MAX_LAGS, max(4, layout.season))


def calendar(layout: Layout) -> tuple[str, ...]:
    """Return the parts of the date that change from step to step."""
    if layout.step.unit == "numbers":
        return ()
    if layout.step.unit == "months":
        parts: tuple[str, ...] = ("month", "year")
    else:
        parts = ("weekday", "day", "month", "day of the year")
        parts = ("hour", *parts) if layout.step.size < DAY else parts
        parts = ("minute", *parts) if layout.step.size < DAY // 24 else parts
    return tuple(f"{part} of the moment" for part in parts)


def lag_rows(series: OneSeries, layout: Layout, origins: np.ndarray, ahead: np.ndarray) -> pd.DataFrame:
    """Return a row for each pair of an origin and a number of steps ahead.

    Args:
        series: One series.
        layout: Its columns.
        origins: (n,) places on the grid of the last known value.
        ahead: (n,) steps from the origin to the moment, from 1.

    Returns:
        The columns of ``lag_columns``, the target (NaN where it is not known), and what rows carry besides: see
        ``CARRIED``.
    """
    values, season = pd.Series(series.values), layout.season
    moments = origins + ahead
    found: dict[str, np.ndarray] = {f"lag {k}": _at(series.values, origins - k + 1) for k in range(1, lags(layout) + 1)}
    whole = -(-ahead // season) * season  # seasons between the moment and the last one alike that is known
    back = [_at(series.values, moments - whole - (j - 1) * season) for j in range(1, SEASONS_BACK + 1)]
    found |= {_before(j): column for j, column in enumerate(back, 1)}
    rolled = values.rolling(season, min_periods=1)
    found["mean of a season"] = _at(rolled.mean().to_numpy(), origins)
    found["mean of four seasons"] = _at(values.rolling(4 * season, min_periods=1).mean().to_numpy(), origins)
    spread = values.rolling(max(4, season), min_periods=2).std().to_numpy()
    found["spread of a season"] = _at(spread, origins)
    stacked = np.stack(back)
    known = np.isfinite(stacked).sum(axis=0)
    found["mean of the moment's season"] = np.where(
        known > 0, np.nansum(stacked, axis=0) / np.maximum(known, 1), np.nan
    )
    found[AHEAD] = ahead.astype(np.float64)
    found["steps since the start"] = moments.astype(np.float64)
    found |= {at_the_moment(name): _at(series.others[name], moments) for name in layout.known}
    found |= {f"{name} at the origin": _at(series.others[name], origins) for name in layout.past}
    frame = pd.DataFrame(found)
    if layout.group:
        frame[layout.group] = series.group
    counts = series.first + moments * layout.step.size
    parts = _calendar(layout, counts)
    for name in calendar(layout):
        frame[name] = parts[name.removesuffix(" of the moment")].to_numpy(dtype=np.float64)
    frame[ORIGIN], frame[MOMENT] = series.first + origins * layout.step.size, counts
    frame[DRIFT], frame[WINDOW] = _drift(series.values, origins, ahead), windows_of(series, layout, origins)
    frame[layout.target] = _at(series.values, moments)
    return frame


def all_rows(found: list[OneSeries], layout: Layout) -> pd.DataFrame:
    """Return the rows of all origins of all series whose target is known, at most about ``MAX_ROWS``."""
    possible = sum(max(0, len(series.values) - 1) for series in found) * layout.horizon
    stride = max(1, -(-possible // MAX_ROWS))
    tables = [rows for series in found for rows in _rows_of(series, layout, stride)]
    joined = pd.concat(tables, ignore_index=True)
    return joined[joined[layout.target].notna()].reset_index(drop=True)


def _rows_of(series: OneSeries, layout: Layout, stride: int) -> Iterator[pd.DataFrame]:
    steps = len(series.values)
    earliest = min(layout.season, steps // 4)
    origins = np.arange(steps - 2, earliest - 1, -stride)[::-1]  # counted from the end, which matters most
    pairs = np.array(np.meshgrid(origins, np.arange(1, layout.horizon + 1), indexing="ij")).reshape(2, -1)
    inside = (pairs.sum(axis=0) < steps) & np.isfinite(_at(series.values, pairs[0]))
    if inside.any():
        yield lag_rows(series, layout, pairs[0][inside], pairs[1][inside])


def next_rows(series: OneSeries, layout: Layout) -> pd.DataFrame:
    """Return the rows of the moments after the last known value, one a step of the horizon."""
    last = int(np.flatnonzero(np.isfinite(series.values))[-1])
    ahead = np.arange(1, layout.horizon + 1)
    return lag_rows(series, layout, np.full(layout.horizon, last), ahead)


def _before(seasons: int) -> str:
    return {1: ONE_SEASON, 2: "two seasons before"}.get(seasons, f"{seasons} seasons before")


def _drift(values: np.ndarray, origins: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return the line from the first known value through the origin's, continued (Hyndman and Athanasopoulos 2021)."""
    known = np.flatnonzero(np.isfinite(values))
    first = int(known[0]) if len(known) else 0
    last = _at(values, origins)
    return np.asarray(last + ahead * (last - values[first]) / np.maximum(origins - first, 1))


def _at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return values at places, NaN outside the series."""
    inside = (places >= 0) & (places < len(values))
    return np.where(inside, values[np.clip(places, 0, len(values) - 1)], np.nan)


def _calendar(layout: Layout, counts: np.ndarray) -> pd.DataFrame:
    if layout.step.unit == "numbers":
        return pd.DataFrame()
    moments = layout.step.times(counts).dt
    return pd.DataFrame(
        {
            "minute": moments.minute,
            "hour": moments.hour,
            "weekday": moments.day_of_week,
            "day": moments.day,
            "month": moments.month,
            "day of the year": moments.day_of_year,
            "year": moments.year,
        }
    )
