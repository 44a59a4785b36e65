"""A search that models learning curves: what to start, and which paused trial to continue.

Each decision is one of two. Either the best trial that waits at a milestone continues, as long as fewer trials have
passed the milestone than successive halving lets through; the first milestone comes after a few epochs, since the loss
after one hardly tells where a curve ends. Or a Gaussian process over curves is conditioned on what is known, and every
new configuration of a pool and every paused trial competes with its probability to show, a random number of epochs
later, a loss below the best by a random amount: the acquisition of Rakotoarison et al. 2024, "In-Context Freeze-Thaw
Bayesian Optimization". Randomness comes from the seed and the number of the decision alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from scipy.special import log_ndtr

from search_spaces import ParamValue, SearchSpace
from tunelab.records.seeds import derive_seed
from tunelab.search.sampling.curve_history import (
    CurveTrial,
    Observations,
    collect_observations,
    make_candidates,
    milestones,
    start_count,
)
from tunelab.search.sampling.curve_model import CurveModel, CurvePoints
from tunelab.search.sampling.encoding import Encoding

FIRST, GROWTH = 3, 2  # the first milestone in epochs, and from one to the next
PROMOTED = 0.4  # probability that a decision promotes where it can; else the model decides


class CurveSearch:
    """Decides about trials from their learning curves.

    Args:
        space: the search space.
        max_epochs: length of a full trial.
        seed: of all decisions.
    """

    def __init__(self, space: SearchSpace, max_epochs: int, seed: int) -> None:
        self.milestones = milestones(max_epochs, FIRST, GROWTH)
        self.trials: list[CurveTrial] = []
        self._encoding = Encoding(space)
        self._max_epochs, self._seed = max_epochs, seed
        self._start = start_count(self._encoding)
        self._decisions = 0

    def add(self, params: Mapping[str, ParamValue]) -> int:
        """Take a new trial; return its number."""
        row = self._encoding.row(params)
        self.trials.append(CurveTrial(row, self._encoding.features(row[None])[0]))
        return len(self.trials) - 1

    def observe(self, number: int, loss: float) -> None:
        """Take the loss of a trial's next epoch; NaN or inf where it diverged."""
        self.trials[number].observe(loss)

    def decide(self, candidates: Collection[int]) -> int | dict[str, ParamValue]:
        """Return the number of the trial to continue, or the parameters of a new one.

        Args:
            candidates: numbers of open trials that wait at a milestone.
        """
        rng = np.random.default_rng(derive_seed(self._seed, "decision", self._decisions))
        self._decisions += 1
        known = collect_observations(self.trials, self.milestones, self._start)
        if known is None:
            return self._encoding.params(rng.random(self._encoding.columns))
        promotable = self._promotable(candidates) if rng.random() < PROMOTED else None
        if promotable is not None:
            return promotable
        return self._most_promising(known, [n for n in known.numbers if n in candidates], rng)

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
        self, known: Observations, paused: list[int], rng: np.random.Generator
    ) -> int | dict[str, ParamValue]:
        """Return what has the highest probability to improve on the best by a random amount."""
        model = CurveModel(known.points, known.values)
        rows = make_candidates(self.trials, self._encoding, rng)
        horizon = int(rng.integers(1, self._max_epochs + 1))
        threshold = known.threshold(rng)
        epochs = np.array([*(horizon for _ in rows), *(len(self.trials[n].losses) + horizon for n in paused)])
        new = self._encoding.features(self._encoding.visible(rows))
        features = np.concatenate([new, *(self.trials[n].features[None] for n in paused)])
        same = np.zeros((len(features), len(known.numbers)))
        same[len(rows) + np.arange(len(paused)), [known.numbers.index(n) for n in paused]] = 1
        wanted = CurvePoints(np.arange(len(features)), np.log(np.minimum(epochs, self._max_epochs)), features)
        means, deviations = model.predict(wanted, same)
        chosen = int(np.argmax(log_ndtr((threshold - means) / deviations)))
        return self._encoding.params(rows[chosen]) if chosen < len(rows) else paused[chosen - len(rows)]
