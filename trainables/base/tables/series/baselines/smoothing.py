"""Exponential smoothing as a baseline: fitted on the training moments, run through to each origin, with statsmodels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import pandas as pd

from trainables.base.tables.series.grid import Layout, OneSeries
from trainables.base.tables.series.rows import AHEAD, MOMENT, ORIGIN

NAME = "exponential smoothing"
MAX_SERIES, MAX_SEASON = 20, 60  # more series, or longer seasons, take longer than a baseline should
MIN_STEPS = 10


def smoothed(found: Sequence[OneSeries], layout: Layout, train: pd.DataFrame, inputs: pd.DataFrame) -> np.ndarray | str:
    """Forecast rows by exponential smoothing: additive, with a damped trend and a season where there is one.

    Hyndman, Koehler, Ord and Snyder 2008, "Forecasting with Exponential Smoothing", ETS(A, Ad, A).

    Args:
        found: All series.
        layout: Of the series.
        train: The training rows; parameters are fitted up to their last moment.
        inputs: (n,) rows to forecast, each from the state at its own origin.

    Returns:
        (n,) in the target's unit, the last value where a series is too short; or why there are none, a phrase.
    """
    if find_spec("statsmodels") is None:
        return "not run: it needs statsmodels, which `pip install 'tunelab[series]'` installs"
    if len(found) > MAX_SERIES:
        return f"not run: it would be fitted to each of {len(found):,} series, and {MAX_SERIES} are the limit"
    last = int(train[MOMENT].max())
    predicted = np.full(len(inputs), np.nan)
    for series in found:
        rows = np.flatnonzero(inputs[layout.group].astype(str) == series.group) if layout.group else slice(None)
        part = inputs.iloc[rows]
        origins = ((part[ORIGIN].to_numpy(np.int64) - series.first) // layout.step.size).astype(np.int64)
        fitted = (last - series.first) // layout.step.size + 1
        predicted[rows] = _forecast(series.values, layout.season, fitted, origins, part[AHEAD].to_numpy(np.int64))
    return predicted


def _forecast(values: np.ndarray, season: int, fitted: int, origins: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return forecasts (n,) of one series, whose first ``fitted`` values parameters are fitted to."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    filled = pd.Series(values).ffill().bfill().to_numpy(np.float64)
    if fitted < MIN_STEPS:
        return np.asarray(filled[origins])
    seasonal = 1 < season <= MAX_SEASON and fitted >= 2 * season + MIN_STEPS
    form = {"error": "add", "trend": "add", "damped_trend": True}
    form |= {"seasonal": "add", "seasonal_periods": season} if seasonal else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that stops early is a baseline all the same: its scores say what of
        fit = ETSModel(filled[:fitted], **form, initialization_method="heuristic").fit(disp=False)
        begin = {"initial_level": fit.initial_level, "initial_trend": fit.initial_trend}
        begin |= {"initial_seasonal": fit.initial_seasonal} if seasonal else {}
        whole = ETSModel(filled, **form, initialization_method="known", **begin)
        _, states = whole.smooth(fit.params, return_raw=True)
    damped = np.cumsum(fit.phi ** np.arange(1, int(ahead.max(initial=1)) + 1))
    predicted = states[origins, 0] + damped[ahead - 1] * states[origins, 1]
    if seasonal:
        alike = origins + ahead - -(-ahead // season) * season
        predicted = predicted + states[np.maximum(alike, 0), 2]
    return np.asarray(predicted)
