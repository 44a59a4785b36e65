"""Naive forecasts that models start from: a model learns what the naive forecast misses.

Each is a linear map of the window, so that tables, networks and intervals compute it alike. A model whose own part is
small is then about as good as its naive forecast, also where the level of a series leaves the range of training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from trainables.base.tables.series.baselines.exponential import Smoothing, as_tuple, fit_smoothing, smoothing_map
from trainables.base.tables.series.grid import Layout
from trainables.base.tables.series.rows import AHEAD
from trainables.base.tables.series.windows import WINDOW, channels, read_windows, window_length

RELATIVE_TO = "relative_to"  # key of a configuration; NOTHING where it is absent
NOTHING, LAST_VALUE, SEASON_BEFORE, SEASON_AND_TREND = "nothing", "last value", "season before", "season and trend"
SMOOTHING = "exponential smoothing"
STARTS = (SEASON_BEFORE, SEASON_AND_TREND, LAST_VALUE, SMOOTHING)


def naive_map(relative_to: str, length: int, season: int, horizon: int, smoothing: Sequence[float] = ()) -> np.ndarray:
    """Return the matrix (length, horizon) float32 that maps windows (n, length) to a naive forecast of each step.

    Args:
        relative_to: ``"last value"``; ``"season before"``, the last value where a window holds no season; ``"season
            and trend"``, which adds the mean change from season to season within the window, where it holds two;
            ``"exponential smoothing"``.
        length: Steps of a window.
        season: Steps after which values are alike.
        horizon: Steps that are forecast.
        smoothing: Parameters of exponential smoothing, see ``Smoothing``; usual ones when empty.
    """
    if relative_to == SMOOTHING:
        return smoothing_map(Smoothing(*smoothing), length, season, horizon).astype(np.float32)
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
    past, window, step = _windows(rows, layout)
    shape = (past.shape[1], layout.season, layout.horizon, layout.smoothing)
    return {name: (past @ naive_map(name, *shape).astype(np.float64))[window, step] for name in STARTS}


def fitted_smoothing(rows: pd.DataFrame, layout: Layout) -> tuple[float, ...]:
    """Return the parameters of exponential smoothing with the smallest mean squared error on rows with the target.

    Args:
        rows: Of training.
        layout: Of the series.
    """
    past, window, step = _windows(rows, layout)
    targets = rows[layout.target].to_numpy(dtype=np.float64)
    centre = past.mean(axis=1, keepdims=True)  # a level that is large beside its changes costs no digits

    def error(parameters: Smoothing) -> float:
        matrix = smoothing_map(parameters, past.shape[1], layout.season, layout.horizon)
        found = ((past - centre) @ matrix + centre)[window, step]
        return float(np.mean((found - targets) ** 2))

    return as_tuple(fit_smoothing(error, seasonal=1 < layout.season <= past.shape[1] // 2))


def _windows(rows: pd.DataFrame, layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the different windows of the target, and the window and the step of each row."""
    windows, window = read_windows(rows[WINDOW], len(channels(layout)), window_length(layout))
    return windows[:, 0], window, rows[AHEAD].to_numpy(dtype=int) - 1


def best_start(rows: pd.DataFrame, layout: Layout) -> str:
    """Return the naive forecast with the smallest mean squared error on rows that hold the target."""
    targets = rows[layout.target].to_numpy(dtype=np.float64)
    errors = {name: float(np.mean((found - targets) ** 2)) for name, found in naive_forecasts(rows, layout).items()}
    return min(errors, key=lambda name: errors[name])
