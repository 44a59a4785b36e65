"""Exponential smoothing as a linear map of the window."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.base.tables.series.baselines.exponential import (
    GRID,
    MIN_INITIAL,
    Smoothing,
    fit_smoothing,
    smoothing_map,
)

PARAMETERS = Smoothing(level=0.4, trend=0.1, season=0.2, damping=0.9)


def window(length: int, season: int) -> np.ndarray:
    draw, steps = np.random.default_rng(0), np.arange(length)
    return np.asarray(50 + 0.3 * steps + 5 * np.sin(2 * np.pi * steps / season) + draw.normal(size=length))


def test_it_forecasts_what_the_same_parameters_forecast_in_statsmodels() -> None:
    ets = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
    season = 7
    values = window(4 * season, season)
    start = {
        "initial_level": values[:season].mean(),
        "initial_trend": (values[season : 2 * season].mean() - values[:season].mean()) / season,
        "initial_seasonal": values[:season] - values[:season].mean(),
    }
    form = {"error": "add", "trend": "add", "damped_trend": True, "seasonal": "add", "seasonal_periods": season}
    model = ets.ETSModel(values[season:], **form, initialization_method="known", **start)
    theirs = model.smooth([0.4, 0.1, 0.2, 0.9]).forecast(10)
    ours = values @ smoothing_map(PARAMETERS, len(values), season, 10)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(("length", "season"), [(16, 1), (16, 12), (28, 7), (48, 12)])
def test_a_constant_stays_and_what_is_added_to_a_window_is_added_to_its_forecast(length: int, season: int) -> None:
    found = smoothing_map(PARAMETERS, length, season, 9)
    np.testing.assert_allclose(np.full(length, 3.0) @ found, 3.0)
    np.testing.assert_allclose(found.sum(axis=0), 1)
    assert 2 * MIN_INITIAL <= 16  # the shortest window holds what the first trend comes from


def test_parameters_with_the_smallest_error_are_taken_from_stable_ones() -> None:
    wanted = Smoothing(level=0.7, trend=0.2, season=0.2, damping=0.95)
    seen = []

    def error(tried: Smoothing) -> float:
        seen.append(tried)
        return float(sum((getattr(tried, name) - getattr(wanted, name)) ** 2 for name in (*GRID, "seasons")))

    assert fit_smoothing(error, seasonal=True) == wanted
    assert all(tried.trend <= tried.level and tried.season <= 1 - tried.level for tried in seen if tried.seasons)
    assert fit_smoothing(error, seasonal=False).seasons == 0
