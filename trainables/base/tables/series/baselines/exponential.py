"""Exponential smoothing as a linear map of the window, so that networks, tables and intervals can start from it.

ETS(A, Ad, A) in the form of error corrections (Hyndman, Koehler, Ord and Snyder 2008, "Forecasting with Exponential
Smoothing", table 2.1): with fixed parameters every state is linear in the values before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace

import numpy as np

MIN_INITIAL = 4  # steps from whose means the first trend comes, at least
ROUNDS = 2  # in which each parameter is chosen once more, given the others
GRID = {
    "level": (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0),
    "trend": (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    "season": (0.0, 0.05, 0.1, 0.2, 0.4),
    "damping": (0.8, 0.9, 0.95, 0.98, 1.0),
}


@dataclass(frozen=True)
class Smoothing:
    """Parameters of exponential smoothing.

    Attributes:
        level: Share of an error that the level takes on, alpha.
        trend: The same of the trend, beta.
        season: The same of the season's value, gamma.
        damping: What the trend is multiplied by from step to step, phi.
        seasons: 1 with a season, 0 without.
    """

    level: float = 0.5
    trend: float = 0.05
    season: float = 0.1
    damping: float = 0.9
    seasons: float = 1.0

    @property
    def is_stable(self) -> bool:
        """Whether old values count less and less."""
        return self.trend <= self.level and (not self.seasons or self.season <= 1 - self.level)


def smoothing_map(parameters: Smoothing, length: int, season: int, horizon: int) -> np.ndarray:
    """Return the matrix (length, horizon) float64 that maps windows (n, length) to forecasts of each step.

    Args:
        parameters: Of the smoothing.
        length: Steps of a window.
        season: Steps after which values are alike; without a season where a window holds fewer than two.
        horizon: Steps that are forecast.
    """
    season = season if parameters.seasons and 2 * season <= length else 1
    values, first = np.eye(length), max(season, MIN_INITIAL)  # a state is a row of weights of the window's values
    level = values[:season].mean(axis=0)
    trend = (values[first : 2 * first].mean(axis=0) - values[:first].mean(axis=0)) / first
    seasonal = values[:season] - level if season > 1 else np.zeros((1, length))
    for place in range(season, length):
        alike = place % season
        expected = level + parameters.damping * trend
        error = values[place] - expected - seasonal[alike]
        level = expected + parameters.level * error
        trend = parameters.damping * trend + parameters.trend * error
        if season > 1:
            seasonal[alike] += parameters.season * error
    ahead = np.arange(1, horizon + 1)
    damped = np.cumsum(parameters.damping**ahead)
    return np.asarray(level[:, None] + trend[:, None] * damped + seasonal[(length + ahead - 1) % season].T)


def fit_smoothing(error: Callable[[Smoothing], float], *, seasonal: bool) -> Smoothing:
    """Return the parameters with the smallest error, each chosen from a grid in turn; with a season and without.

    Args:
        error: Of the forecasts of parameters, on training rows.
        seasonal: Whether windows hold a season.
    """
    best, least = Smoothing(seasons=0.0), np.inf
    for begin in (best, *([Smoothing()] if seasonal else [])):
        chosen, smallest = begin, error(begin)
        for name, grid in [*GRID.items()] * ROUNDS:
            if name == "season" and not begin.seasons:
                continue
            for value in grid:
                tried = replace(chosen, **{name: value})
                found = error(tried) if tried.is_stable else np.inf
                if found < smallest:
                    chosen, smallest = tried, found
        if smallest < least:
            best, least = chosen, smallest
    return best


def as_tuple(parameters: Smoothing) -> tuple[float, ...]:
    """Return the parameters in their order, as a model's facts keep them."""
    return tuple(map(float, astuple(parameters)))
