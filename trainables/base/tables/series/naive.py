"""Naive forecasts that models start from: a model learns what the naive forecast misses.

Each is a linear map of the window, so that tables, networks and intervals compute it alike. A model whose own part is
small is then about as good as its naive forecast, also where the level of a series leaves the range of training.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from trainables.base.tables.series.grid import Layout
from trainables.base.tables.series.rows import AHEAD
from trainables.base.tables.series.windows import WINDOW, channels, read_windows, window_length

RELATIVE_TO = "relative_to"  # key of a configuration; NOTHING where it is absent
NOTHING, LAST_VALUE, SEASON_BEFORE, SEASON_AND_TREND = "nothing", "last value", "season before", "season and trend"
STARTS = (SEASON_BEFORE, SEASON_AND_TREND, LAST_VALUE)


def naive_map(relative_to: str, length: int, season: int, horizon: int) -> np.ndarray:
    """Return the matrix (length, horizon) float32 that maps windows (n, length) to a naive forecast of each step.

    Args:
        relative_to: ``"last value"``; ``"season before"``, the last value where a window holds no season; ``"season
            and trend"``, which adds the mean change from season to season within the window, where it holds two.
        length: Steps of a window.
        season: Steps after which values are alike.
        horizon: Steps that are forecast.
    """
    fits = 2 * season <= length if relative_to == SEASON_AND_TREND else season <= length
    season = season if relative_to != LAST_VALUE and fits else 1
    ahead = np.arange(1, horizon + 1)
    found = np.zeros((length, horizon))
    found[length - season + (ahead - 1) % season, ahead - 1] = 1
    if relative_to == SEASON_AND_TREND:
        seasons = length // season
        change = np.zeros(length)
        change[length - season :] += 1 / season / (seasons - 1)
        change[length - seasons * season : length - (seasons - 1) * season] -= 1 / season / (seasons - 1)
        found += change[:, None] * -(-ahead // season)
    return found.astype(np.float32)


def naive_forecasts(rows: pd.DataFrame, layout: Layout) -> dict[str, np.ndarray]:
    """Return what each of ``STARTS`` forecasts for n rows, (n,) float64 in the target's unit.

    Args:
        rows: They carry ``WINDOW`` and ``AHEAD``.
        layout: Of the series.
    """
    length = window_length(layout)
    windows, window = read_windows(rows[WINDOW], len(channels(layout)), length)
    past, step = windows[:, 0].astype(np.float64), rows[AHEAD].to_numpy(dtype=int) - 1
    maps = {name: naive_map(name, length, layout.season, layout.horizon) for name in STARTS}
    return {name: (past @ matrix)[window, step] for name, matrix in maps.items()}


def best_start(rows: pd.DataFrame, layout: Layout) -> str:
    """Return the naive forecast with the smallest mean squared error on rows that hold the target."""
    targets = rows[layout.target].to_numpy(dtype=np.float64)
    errors = {name: float(np.mean((found - targets) ** 2)) for name, found in naive_forecasts(rows, layout).items()}
    return min(errors, key=lambda name: errors[name])
