"""A search that models learning curves: what to start, and which paused trial to continue.

Each decision is one of two. Either the best trial that waits at a milestone continues, as long as fewer trials have
passed the milestone than successive halving lets through; the first milestone comes after a few epochs, since the loss
after one hardly tells where a curve ends. Or a Gaussian process over curves is conditioned on what is known, and every
new configuration of a pool and every paused trial competes with its probability to show, a random number of epochs
later, a loss below the best by a random amount: the acquisition of Rakotoarison et al. 2024, "In-Context Freeze-Thaw
Bayesian Optimization". Randomness comes from the seed and the number of the decision alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import log_ndtr

from benchmarks.search.candidates.curve_model import CurveModel, CurvePoints
from benchmarks.search.candidates.encoding import Encoding
from search_spaces import ParamValue, SearchSpace
from tunelab.records.seeds import derive_seed

FIRST, GROWTH = 3, 2  # the first milestone in epochs, and from one to the next
PROMOTED = 0.4  # probability that a decision promotes where it can; else the model decides
RANDOM_POOL, NEAR_POOL = 96, 48  # new configurations that compete in a decision
NEAREST = 6  # best trials that the near pool lies around
NEAR_WIDTHS = (0.02, 0.05, 0.15)
MAX_TRIALS, MAX_POINTS = 100, 200  # that the model looks at: its cost is flat from there on
SOFTNESS = 0.3  # added before the logarithm of losses above the best, as a fraction of the median's distance from it
WORST = 2.0  # losses are cut this many such distances above the median
MIN_START, MAX_START = 4, 8  # random trials before the model is asked


def milestones(max_epochs: int) -> tuple[int, ...]:
    """Return the epochs after which a trial is judged, ascending, ``max_epochs`` included."""
    found, level = [], FIRST
    while level < max_epochs:
        found.append(level)
        level *= GROWTH
    return (*found, max_epochs)


@dataclass
class CurveTrial:
    """What the search knows of a trial.

    Attributes:
        row: its parameters' places in 0..1, see ``Encoding``.
        place: the point that the model sees.
        losses: validation loss after each epoch so far.
        best: the lowest of them.
        closed: whether it cannot be continued.
    """

    row: np.ndarray
    place: np.ndarray
    losses: list[float] = field(default_factory=list)
    best: float = math.inf
    closed: bool = False


class CurveSearch:
    """Decides about trials from their learning curves.

    Args:
        space: the search space.
        max_epochs: length of a full trial.
        seed: of all decisions.
    """

    def __init__(self, space: SearchSpace, max_epochs: int, seed: int) -> None:
        self.milestones = milestones(max_epochs)
        self.trials: list[CurveTrial] = []
        self._encoding = Encoding(space)
        self._max_epochs, self._seed = max_epochs, seed
        self._start = max(MIN_START, min(self._encoding.size, MAX_START))
        self._decisions = 0

    def add(self, params: Mapping[str, ParamValue]) -> int:
        """Take a new trial; returns its number."""
        row = self._encoding.row(params)
        self.trials.append(CurveTrial(row, self._encoding.points(row[None])[0]))
        return len(self.trials) - 1

    def observe(self, number: int, loss: float) -> None:
        """Take the loss of a trial's next epoch; NaN or inf where it diverged."""
        trial = self.trials[number]
        trial.losses.append(loss)
        trial.best = min(trial.best, loss) if math.isfinite(loss) else trial.best
        trial.closed = not math.isfinite(loss) or len(trial.losses) >= self._max_epochs

    def decide(self, candidates: Collection[int]) -> int | dict[str, ParamValue]:
        """Return the number of the trial to continue, or the parameters of a new one.

        Args:
            candidates: numbers of open trials that wait at a milestone.
        """
        rng = np.random.default_rng(derive_seed(self._seed, "decision", self._decisions))
        self._decisions += 1
        known = self._known()
        if len(known) < self._start or not any(math.isfinite(self.trials[n].best) for n in known):
            return self._encoding.params(rng.random(self._encoding.columns))
        promotable = self._promotable(candidates) if rng.random() < PROMOTED else None
        if promotable is not None:
            return promotable
        return self._most_promising(known, [n for n in known if n in candidates], rng)

    def _promotable(self, candidates: Collection[int]) -> int | None:
        """Return the best trial at the highest milestone that fewer have passed than successive halving allows."""
        lengths = [len(trial.losses) for trial in self.trials]
        for level in reversed(self.milestones[:-1]):
            waiting = [n for n in candidates if lengths[n] == level]
            reached, beyond = sum(k >= level for k in lengths), sum(k > level for k in lengths)
            if waiting and beyond < reached // GROWTH:
                return min(waiting, key=lambda n: (self.trials[n].best, n))
        return None

    def _most_promising(
        self, known: list[int], paused: list[int], rng: np.random.Generator
    ) -> int | dict[str, ParamValue]:
        """Return what has the highest probability to improve on the best by a random amount."""
        points, values, target = self._observed(known)
        model = CurveModel(points, values)
        pool = self._pool(rng)
        horizon = int(rng.integers(1, self._max_epochs + 1))
        threshold = target(10 ** rng.uniform(-2.0, -0.2))
        epochs = np.array([*(horizon for _ in pool), *(len(self.trials[n].losses) + horizon for n in paused)])
        new = self._encoding.points(self._encoding.visible(pool))
        places = np.concatenate([new, *(self.trials[n].place[None] for n in paused)])
        same = np.zeros((len(places), len(known)))
        same[len(pool) + np.arange(len(paused)), [known.index(n) for n in paused]] = 1
        wanted = CurvePoints(np.arange(len(places)), np.log(np.minimum(epochs, self._max_epochs)), places)
        means, deviations = model.predict(wanted, same)
        chosen = int(np.argmax(log_ndtr((threshold - means) / deviations)))
        return self._encoding.params(pool[chosen]) if chosen < len(pool) else paused[chosen - len(pool)]

    def _known(self) -> list[int]:
        """Return the trials that the model looks at: the best and the newest of those with a loss."""
        seen = [number for number, trial in enumerate(self.trials) if trial.losses]
        if len(seen) <= MAX_TRIALS:
            return seen
        best = sorted(seen, key=lambda number: (self.trials[number].best, number))[: MAX_TRIALS // 2]
        return sorted({*best, *seen[-(MAX_TRIALS - len(best)) :]})

    def _observed(self, known: list[int]) -> tuple[CurvePoints, np.ndarray, Callable[[float], float]]:
        """Return observed points, their values, and the value of a loss below the best by a part of the softness."""
        taken = []  # epochs before the last, trial, epoch
        for place, number in enumerate(known):
            count = len(self.trials[number].losses)
            taken += [(count - e, place, e) for e in {count, *(m for m in self.milestones if m < count)}]
        taken = sorted(taken)[:MAX_POINTS]  # the last points of all, then those nearest to them
        losses = np.array([self.trials[known[place]].losses[epoch - 1] for _, place, epoch in taken])
        best = min(self.trials[number].best for number in known)
        median = float(np.median(losses[np.isfinite(losses)]))
        scale = max(median - best, 1e-9 * max(abs(best), 1e-9))
        capped = np.where(np.isfinite(losses), np.minimum(losses, median + WORST * scale), median + WORST * scale)
        values = np.log((capped - best) / scale + SOFTNESS)
        mean, deviation = float(values.mean()), max(float(values.std()), 1e-6)
        points = CurvePoints(
            trial=np.array([place for _, place, _ in taken]),
            time=np.log([epoch for _, _, epoch in taken]),
            places=np.array([self.trials[number].place for number in known]),
        )

        def target(part: float) -> float:
            return (math.log(SOFTNESS * (1 - part)) - mean) / deviation

        return points, (values - mean) / deviation, target

    def _pool(self, rng: np.random.Generator) -> np.ndarray:
        """Return rows of new configurations: random ones, and neighbours of the best trials."""
        best = sorted(self.trials, key=lambda trial: trial.best)[:NEAREST]
        order = np.arange(NEAR_POOL)
        rows = np.array([trial.row for trial in best])[order % len(best)]
        near = self._encoding.near(rows, np.array(NEAR_WIDTHS)[order % len(NEAR_WIDTHS)], rng)
        return np.concatenate([rng.random((RANDOM_POOL, self._encoding.columns)), near])
