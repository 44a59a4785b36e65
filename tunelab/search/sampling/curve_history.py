"""Curves that a search has seen, as a model of curves takes them: the trials that matter, their points, a scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tunelab.search.sampling.curve_model import CurvePoints
from tunelab.search.sampling.encoding import Encoding

RANDOM_CANDIDATES, LOCAL_CANDIDATES = 96, 48  # new configurations that compete in a decision
LOCAL_CENTRES = 6  # best trials around which the local ones lie
LOCAL_WIDTHS = (0.02, 0.05, 0.15)  # standard deviations of their distances, as fractions of a parameter's scale
MAX_TRIALS, MAX_POINTS = 100, 200  # that the model looks at: its cost is flat from there on
SOFTNESS = 0.3  # added before the logarithm of losses above the best, as a fraction of the median's distance from it
MAX_DISTANCE = 2.0  # losses are cut this many such distances above the median
IMPROVEMENT_POWERS = (-2.0, -0.2)  # of ten, uniform: the part of the softness that a decision wants to gain on the best
MIN_START, MAX_START = 4, 8  # random trials before the model is asked


def milestones(max_epochs: int, first: int, growth: int = 2) -> tuple[int, ...]:
    """Return the epochs at which a model looks at a curve, ascending, ``max_epochs`` included."""
    found, level = [], max(1, first)
    while level < max_epochs:
        found.append(level)
        level *= growth
    return (*found, max_epochs)


@dataclass
class CurveTrial:
    """What a search knows of a trial.

    Attributes:
        row: Its parameters' places in 0..1, see ``Encoding``, shape (columns,).
        features: What the model sees of them, shape (size,).
        losses: Validation loss after each epoch so far; NaN or inf where it diverged.
        best: The lowest finite one of them; inf without any.
    """

    row: np.ndarray
    features: np.ndarray
    losses: list[float] = field(default_factory=list)
    best: float = math.inf

    def observe(self, loss: float) -> None:
        """Take the loss of the next epoch."""
        self.losses.append(loss)
        self.best = min(self.best, loss) if math.isfinite(loss) else self.best


@dataclass(frozen=True)
class Observations:
    """Curves as points for the model.

    Attributes:
        numbers: The trials that the model looks at.
        points: Where they were observed.
        values: What was observed, standardised: mean 0, variance 1, shape (points,).
        mean: Of the values before that.
        deviation: Their standard deviation.
    """

    numbers: list[int]
    points: CurvePoints
    values: np.ndarray
    mean: float
    deviation: float

    def threshold(self, rng: np.random.Generator) -> float:
        """Return the value of a loss that is better than the best by a random amount."""
        gain = 10 ** rng.uniform(*IMPROVEMENT_POWERS)
        return (math.log(SOFTNESS * (1 - gain)) - self.mean) / self.deviation


def start_count(encoding: Encoding) -> int:
    """Return the number of random trials before a model is asked."""
    return max(MIN_START, min(encoding.size, MAX_START))


def collect_observations(trials: Sequence[CurveTrial], levels: Sequence[int], min_trials: int) -> Observations | None:
    """Return what a model is conditioned on; None while too few trials, or none finite, have a loss.

    Args:
        trials: All trials.
        levels: Milestones; a curve is seen there and at its last epoch.
        min_trials: Number of trials with a loss from which on a model is asked.
    """
    seen = [number for number, trial in enumerate(trials) if trial.losses]
    known = [seen[place] for place in leading([trials[number].best for number in seen])]
    best = min((trials[number].best for number in known), default=math.inf)
    if len(known) < min_trials or not math.isfinite(best):
        return None
    places, epochs = _observed_epochs([len(trials[number].losses) for number in known], levels)
    losses = np.array([trials[known[place]].losses[epoch - 1] for place, epoch in zip(places, epochs, strict=True)])
    values = _log_distances(losses, best)
    if not np.isfinite(values).all():  # losses at the end of what a float holds
        return None
    mean, deviation = float(values.mean()), max(float(values.std()), 1e-6)
    features = np.array([trials[number].features for number in known])
    points = CurvePoints(np.array(places), np.log(epochs), features)
    return Observations(known, points, (values - mean) / deviation, mean, deviation)


def _observed_epochs(lengths: Sequence[int], levels: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the curve and the epoch of each point that the model sees: the last points of all, then those before.

    Args:
        lengths: Number of epochs of each curve.
        levels: Milestones.
    """
    found = []  # epochs before the curve's last, curve, epoch
    for curve, length in enumerate(lengths):
        found += [(length - epoch, curve, epoch) for epoch in {length, *(m for m in levels if m < length)}]
    nearest = sorted(found)[:MAX_POINTS]
    return [curve for _, curve, _ in nearest], [epoch for _, _, epoch in nearest]


def _log_distances(losses: np.ndarray, best: float) -> np.ndarray:
    """Return logarithms of how far losses lie above the best, in distances of the median from it; far ones are cut."""
    finite = losses[np.isfinite(losses)]
    median = float(np.median(finite)) if len(finite) else best
    scale = max(median - best, 1e-9 * max(abs(best), 1e-9))
    cut = median + MAX_DISTANCE * scale
    capped = np.where(np.isfinite(losses), np.minimum(losses, cut), cut)
    return np.asarray(np.log((capped - best) / scale + SOFTNESS))


def make_candidates(trials: Sequence[CurveTrial], encoding: Encoding, rng: np.random.Generator) -> np.ndarray:
    """Return new configurations that compete: random ones, and neighbours of the best trials.

    Args:
        trials: All trials, at least one.
        encoding: Of the search space.
        rng: Draws them.

    Returns:
        Rows of places, shape (candidates, columns).
    """
    best = sorted(trials, key=lambda trial: trial.best)[:LOCAL_CENTRES]
    order = np.arange(LOCAL_CANDIDATES)
    rows = np.array([trial.row for trial in best])[order % len(best)]
    near = encoding.near(rows, np.array(LOCAL_WIDTHS)[order % len(LOCAL_WIDTHS)], rng)
    return np.concatenate([rng.random((RANDOM_CANDIDATES, encoding.columns)), near])


def leading(bests: Sequence[float]) -> list[int]:
    """Return the trials that the model looks at, ascending: the best and the newest, by the lowest loss of each."""
    if len(bests) <= MAX_TRIALS:
        return list(range(len(bests)))
    best = sorted(range(len(bests)), key=lambda number: (bests[number], number))[: MAX_TRIALS // 2]
    return sorted({*best, *range(len(bests) - MAX_TRIALS + len(best), len(bests))})
