"""Curves that a search has seen, as a model of curves takes them: the trials that matter, their points, a scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tunelab.search.sampling.curve_model import CurvePoints
from tunelab.search.sampling.encoding import Encoding

RANDOM_POOL, NEAR_POOL = 96, 48  # new configurations that compete in a decision
NEAREST = 6  # best trials that the near pool lies around
NEAR_WIDTHS = (0.02, 0.05, 0.15)
MAX_TRIALS, MAX_POINTS = 100, 200  # that the model looks at: its cost is flat from there on
SOFTNESS = 0.3  # added before the logarithm of losses above the best, as a fraction of the median's distance from it
WORST = 2.0  # losses are cut this many such distances above the median
LEAST, MOST = -2.0, -0.2  # powers of ten: the part of the softness by which a decision wants to improve on the best
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
        row: Its parameters' places in 0..1, see ``Encoding``.
        place: The point that the model sees.
        losses: Validation loss after each epoch so far; NaN or inf where it diverged.
        best: The lowest finite one of them.
    """

    row: np.ndarray
    place: np.ndarray
    losses: list[float] = field(default_factory=list)
    best: float = math.inf

    def observe(self, loss: float) -> None:
        """Take the loss of the next epoch."""
        self.losses.append(loss)
        self.best = min(self.best, loss) if math.isfinite(loss) else self.best


@dataclass(frozen=True)
class Observed:
    """Curves as points for the model.

    Attributes:
        numbers: The trials that the model looks at.
        points: Where they were observed.
        values: What was observed, with a variance of 1, shape (points,).
        target: Returns the value of a loss below the best by a part of the softness.
    """

    numbers: list[int]
    points: CurvePoints
    values: np.ndarray
    target: Callable[[float], float]


def start_count(encoding: Encoding) -> int:
    """Return the number of random trials before a model is asked."""
    return max(MIN_START, min(encoding.size, MAX_START))


def observed(trials: Sequence[CurveTrial], levels: Sequence[int], least: int) -> Observed | None:
    """Return what a model is conditioned on; None while fewer than ``least`` trials, or none finite, have a loss.

    Args:
        trials: All trials.
        levels: Milestones; a curve is seen there and at its last epoch.
        least: Number of trials with a loss.
    """
    seen = [number for number, trial in enumerate(trials) if trial.losses]
    known = [seen[place] for place in leading([trials[number].best for number in seen])]
    best = min((trials[number].best for number in known), default=math.inf)
    if len(known) < least or not math.isfinite(best):
        return None
    taken = []  # epochs before the last, trial, epoch
    for place, number in enumerate(known):
        count = len(trials[number].losses)
        taken += [(count - e, place, e) for e in {count, *(m for m in levels if m < count)}]
    taken = sorted(taken)[:MAX_POINTS]  # the last points of all, then those nearest to them
    losses = np.array([trials[known[place]].losses[epoch - 1] for _, place, epoch in taken])
    finite = losses[np.isfinite(losses)]
    median = float(np.median(finite)) if len(finite) else best
    scale = max(median - best, 1e-9 * max(abs(best), 1e-9))
    capped = np.where(np.isfinite(losses), np.minimum(losses, median + WORST * scale), median + WORST * scale)
    values = np.log((capped - best) / scale + SOFTNESS)
    if not np.isfinite(values).all():  # losses at the end of what a float holds
        return None
    mean, deviation = float(values.mean()), max(float(values.std()), 1e-6)
    points = CurvePoints(
        trial=np.array([place for _, place, _ in taken]),
        time=np.log([epoch for _, _, epoch in taken]),
        places=np.array([trials[number].place for number in known]),
    )
    return Observed(
        known,
        points,
        (values - mean) / deviation,
        lambda part: (math.log(SOFTNESS * (1 - part)) - mean) / deviation,
    )


def pool(trials: Sequence[CurveTrial], encoding: Encoding, rng: np.random.Generator) -> np.ndarray:
    """Return rows of new configurations that compete: random ones, and neighbours of the best trials."""
    best = sorted(trials, key=lambda trial: trial.best)[:NEAREST]
    order = np.arange(NEAR_POOL)
    rows = np.array([trial.row for trial in best])[order % len(best)]
    near = encoding.near(rows, np.array(NEAR_WIDTHS)[order % len(NEAR_WIDTHS)], rng)
    return np.concatenate([rng.random((RANDOM_POOL, encoding.columns)), near])


def leading(bests: Sequence[float]) -> list[int]:
    """Return the trials that the model looks at, ascending: the best and the newest, by the lowest loss of each."""
    if len(bests) <= MAX_TRIALS:
        return list(range(len(bests)))
    best = sorted(range(len(bests)), key=lambda number: (bests[number], number))[: MAX_TRIALS // 2]
    return sorted({*best, *range(len(bests) - MAX_TRIALS + len(best), len(bests))})
