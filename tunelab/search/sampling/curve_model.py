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
from scipy.linalg import cho_factor, cho_solve, solve_triangular

TREND, LEVELS, SHAPE, OWN_SHAPE, NOISE = 0.5, 0.8, 0.05, 0.01, 0.001  # variances; LEVELS: explained and own together
OWN_FRACTIONS = (0.4, 0.1, 0.02)  # of the variance of levels that is a trial's own
FEATURE_LENGTHS = (0.25, 0.5, 1.0)  # length scales of features in 0..1, times the square root of their number
TIME_LENGTH = 3.0  # length scale of log(epoch)
MIN_VARIANCE = 1e-9  # of a prediction, where rounding leaves less


@dataclass(frozen=True)
class CurvePoints:
    """Observed or wanted points of curves.

    Attributes:
        trial: Index of each point's trial in ``features``, shape (points,).
        time: Natural logarithm of each point's epoch, shape (points,).
        features: The trials' hyperparameters, see ``Encoding.features``, shape (trials, size).
    """

    trial: np.ndarray
    time: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class Kernel:
    """The hyperparameters of the model that are chosen by marginal likelihood.

    Attributes:
        own: Fraction of the variance of levels that is a trial's own.
        length: Length scale of the features, times the square root of their number.
    """

    own: float
    length: float


KERNELS = tuple(Kernel(own, length) for own in OWN_FRACTIONS for length in FEATURE_LENGTHS)


class CurveModel:
    """The model, conditioned on observed points.

    Args:
        points: Where curves were observed.
        values: What was observed, shape (points,), with a variance of about 1.
    """

    def __init__(self, points: CurvePoints, values: np.ndarray) -> None:
        self._points = points
        self._mean = float(values.mean())
        centred = values - self._mean
        best = -math.inf
        for kernel in KERNELS:
            factor = _factor(points, kernel)
            weights = cho_solve(factor, centred, check_finite=False)
            likelihood = -0.5 * float(centred @ weights) - float(np.log(np.diag(factor[0])).sum())
            if likelihood > best:
                best, self._factor, self._weights, self._kernel = likelihood, factor, weights, kernel

    def believe(self, points: CurvePoints) -> None:
        """Take new trials as if they came to what the model predicts: means stay, deviations nearby shrink.

        Args:
            points: Of trials that are not among the observed ones.
        """
        before = self._points
        self._points = CurvePoints(
            trial=np.concatenate([before.trial, len(before.features) + points.trial]),
            time=np.concatenate([before.time, points.time]),
            features=np.concatenate([before.features, points.features]),
        )
        self._factor = _factor(self._points, self._kernel)
        self._weights = np.concatenate([self._weights, np.zeros(len(points.trial))])

    def predict(self, points: CurvePoints, same: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations of points without noise, each of shape (points,).

        Args:
            points: Where.
            same: 1 where a trial is an observed one, else 0, shape (trials, observed trials); None where all are new.
        """
        if same is None:
            same = np.zeros((len(points.features), len(self._points.features)))
        cross = _covariance(points, self._points, same, self._kernel)
        means = self._mean + cross @ self._weights
        solved = solve_triangular(self._factor[0], cross.T, lower=True, check_finite=False)
        variances = TREND + LEVELS + SHAPE + OWN_SHAPE - np.square(solved).sum(axis=0)
        return means, np.sqrt(np.maximum(variances, MIN_VARIANCE))


def _factor(points: CurvePoints, kernel: Kernel) -> tuple[np.ndarray, bool]:
    """Return the Cholesky factor of observed points with noise, as ``cho_solve`` takes it."""
    covariance = _covariance(points, points, np.eye(len(points.features)), kernel)
    covariance[np.diag_indices_from(covariance)] += NOISE  # keeps the smallest eigenvalue far from 0
    factor, is_lower = cho_factor(covariance, lower=True, check_finite=False)
    return np.asarray(factor), bool(is_lower)


def _covariance(a: CurvePoints, b: CurvePoints, same: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Return covariances without noise, shape (points of a, points of b)."""
    level = _matern(a.features, b.features, kernel.length)[np.ix_(a.trial, b.trial)]
    steps = math.sqrt(3) * np.abs(a.time[:, None] - b.time[None, :]) / TIME_LENGTH
    shape = (1 + steps) * np.exp(-steps)
    own = same[np.ix_(a.trial, b.trial)] * (LEVELS * kernel.own + OWN_SHAPE * shape)
    return np.asarray(TREND * shape + level * (LEVELS * (1 - kernel.own) + SHAPE * shape) + own)


def _matern(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    """Return the Matérn 5/2 kernel, shape (rows of a, rows of b)."""
    scale = length * math.sqrt(max(a.shape[1], 1))
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2 * a @ b.T
    distance = math.sqrt(5) / scale * np.sqrt(np.maximum(squares, 0.0))
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance))
