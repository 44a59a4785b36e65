"""A Gaussian process over learning curves: one model of hyperparameters and epochs.

The covariance of two epochs of two trials is a sum: a trend that all curves share; what hyperparameters do to the level
and to the shape of a curve; and what a trial has of its own, so that a curve is predicted from its own beginning first.
After Swersky et al. 2014, "Freeze-Thaw Bayesian Optimization", with smooth kernels of log(epoch). How much of a level
its hyperparameters explain, and how far their influence reaches, is chosen from a few values by marginal likelihood: on
some tasks a loss is a smooth function of them, on others two trials nearby have little in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular

TREND, LEVELS, SHAPE, OWN_SHAPE, NOISE = 0.5, 0.8, 0.05, 0.01, 0.001  # variances; LEVELS: explained and own together
OWN_PARTS = (0.4, 0.1, 0.02)  # of the variance of levels: what is a trial's own
PLACE_LENGTHS = (0.25, 0.5, 1.0)  # length scales in the unit cube, times the square root of its dimensions
TIME_LENGTH = 3.0  # length scale of log(epoch)
SMALLEST_VARIANCE = 1e-9


@dataclass(frozen=True)
class CurvePoints:
    """Observed or wanted points of curves.

    Attributes:
        trial: index of each point's trial in ``places``, shape (points,).
        time: logarithm of each point's epoch, shape (points,).
        places: the trials' hyperparameters as points of the unit cube, shape (trials, size).
    """

    trial: np.ndarray
    time: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Influence:
    """What the data choose.

    Attributes:
        own: the part of the variance of levels that is a trial's own.
        length: how far the influence of hyperparameters reaches.
    """

    own: float
    length: float


INFLUENCES = tuple(Influence(own, length) for own in OWN_PARTS for length in PLACE_LENGTHS)


class CurveModel:
    """The model, conditioned on observed points.

    Args:
        points: where curves were observed.
        values: what was observed, shape (points,), with a variance of about 1.
    """

    def __init__(self, points: CurvePoints, values: np.ndarray) -> None:
        self._points = points
        self._mean = float(values.mean())
        centred = values - self._mean
        best = -math.inf
        for influence in INFLUENCES:
            covariance = _covariance(points, points, np.eye(len(points.places)), influence)
            covariance[np.diag_indices_from(covariance)] += NOISE
            try:
                factor = cho_factor(covariance, lower=True, check_finite=False)
            except LinAlgError:
                continue  # numerically singular: another one explains the same
            weights = cho_solve(factor, centred, check_finite=False)
            likelihood = -0.5 * float(centred @ weights) - float(np.log(np.diag(factor[0])).sum())
            if likelihood > best:
                best, self._factor, self._weights, self._influence = likelihood, factor, weights, influence

    def predict(self, points: CurvePoints, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations of points without noise, each of shape (points,).

        Args:
            points: where.
            same: 1 where a trial is an observed one, else 0, shape (trials, observed trials).
        """
        cross = _covariance(points, self._points, same, self._influence)
        means = self._mean + cross @ self._weights
        solved = solve_triangular(self._factor[0], cross.T, lower=True, check_finite=False)
        variances = TREND + LEVELS + SHAPE + OWN_SHAPE - np.square(solved).sum(axis=0)
        return means, np.sqrt(np.maximum(variances, SMALLEST_VARIANCE))


def _covariance(a: CurvePoints, b: CurvePoints, same: np.ndarray, influence: Influence) -> np.ndarray:
    """Return covariances without noise, shape (points of a, points of b)."""
    level = _matern(a.places, b.places, influence.length)[np.ix_(a.trial, b.trial)]
    steps = math.sqrt(3) * np.abs(a.time[:, None] - b.time[None, :]) / TIME_LENGTH
    shape = (1 + steps) * np.exp(-steps)
    own = same[np.ix_(a.trial, b.trial)] * (LEVELS * influence.own + OWN_SHAPE * shape)
    return np.asarray(TREND * shape + level * (LEVELS * (1 - influence.own) + SHAPE * shape) + own)


def _matern(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    """Return the Matérn 5/2 kernel, shape (rows of a, rows of b)."""
    scale = length * math.sqrt(max(a.shape[1], 1))
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2 * a @ b.T
    distance = math.sqrt(5) / scale * np.sqrt(np.maximum(squares, 0.0))
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance))
