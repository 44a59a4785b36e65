"""Half of ``--sampler curves``: proposals from a model of learning curves, of stopped and of running trials too.

TPE learns one number of an ended trial; what a stopped one would come to, it does not know. A Gaussian process over
curves (``curve_model``) predicts where each of a number of candidates would end, and the one with the highest
probability to end below the best loss by a random amount is proposed: the acquisition of Rakotoarison et al. 2024,
"In-Context Freeze-Thaw Bayesian Optimization", for new trials alone. The study asks it and TPE in turn: on recorded
curves the two together find more than either (``docs/search-methods.md``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from scipy.special import log_ndtr

from search_spaces import ParamValue
from tunelab.search.sampling.curve_history import (
    MAX_TRIALS,
    CurveTrial,
    collect_observations,
    leading,
    make_candidates,
    milestones,
    start_count,
)
from tunelab.search.sampling.curve_model import CurveModel, CurvePoints
from tunelab.search.sampling.encoding import Encoding

FIRST_MILESTONE = 18  # the first epoch at which a curve is seen is one in this many


class CurveSampler(optuna.samplers.BaseSampler):
    """Proposes from what a study knows, and from a seed; keeps nothing between proposals.

    Args:
        encoding: Of the search space.
        seed: Of this proposal.
        max_epochs: Length of a full trial.
        held: Values that this proposal has in any case: fixed parameters, a branch whose turn it is.
        running: Validation losses so far of the trials that still run, by Optuna's number.
    """

    def __init__(
        self,
        encoding: Encoding,
        seed: int,
        max_epochs: int,
        held: Mapping[str, ParamValue],
        running: Mapping[int, Sequence[float]],
    ) -> None:
        self._encoding, self._max_epochs = encoding, max_epochs
        self._rng = np.random.default_rng(seed)
        self._levels = milestones(max_epochs, max_epochs // FIRST_MILESTONE)
        self._held = encoding.row(held)
        self._running = running
        self._row = np.zeros(encoding.columns)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        running = [t for t in _trials(study, TrialState.RUNNING) if t.number != trial.number]
        ended = [
            *_trials(study, TrialState.COMPLETE, TrialState.PRUNED),
            *_trials(study, TrialState.FAIL)[-MAX_TRIALS:],
        ]
        curves = {t.number: self._losses(t) for t in (*ended, *running)}
        begun = sorted([*ended, *(t for t in running if curves[t.number])], key=lambda t: t.number)
        lowest = [min(filter(math.isfinite, curves[t.number]), default=math.inf) for t in begun]
        trials = self._seen([begun[place] for place in leading(lowest)], curves)
        waiting = self._seen([t for t in running if not curves[t.number]])
        self._row = self._held_in(self._choose(trials, waiting)[None])[0]

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._encoding.value(param_name, param_distribution, self._row, unmet=float(self._rng.random()))

    def _choose(self, trials: list[CurveTrial], waiting: list[CurveTrial]) -> np.ndarray:
        """Return the places of the next trial's parameters, shape (columns,).

        Args:
            trials: Those with a curve.
            waiting: Those that run without a loss yet. They are believed to come to what the model says of them, so
                that trials proposed at once do not crowd together (Ginsbourger et al. 2010, "Kriging is well-suited to
                parallelize optimization").
        """
        known = collect_observations(trials, self._levels, start_count(self._encoding))
        if known is None:
            return self._rng.random(self._encoding.columns)
        rows = self._held_in(make_candidates(trials, self._encoding, self._rng))
        model = CurveModel(known.points, known.values)
        if waiting:
            model.believe(self._ends(np.array([trial.features for trial in waiting])))
        means, deviations = model.predict(self._ends(self._encoding.features(self._encoding.visible(rows))))
        improvement = log_ndtr((known.threshold(self._rng) - means) / deviations)
        chosen: np.ndarray = rows[int(np.argmax(improvement))]
        return chosen

    def _ends(self, features: np.ndarray) -> CurvePoints:
        """Return the ends of new trials by their features, shape (trials, size)."""
        return CurvePoints(np.arange(len(features)), np.full(len(features), math.log(self._max_epochs)), features)

    def _held_in(self, rows: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(self._held), rows, self._held)

    def _seen(
        self, trials: Sequence[FrozenTrial], curves: Mapping[int, Sequence[float]] = MappingProxyType({})
    ) -> list[CurveTrial]:
        """Return trials as the model sees them."""
        rows = np.array([self._encoding.row(trial.params) for trial in trials])
        rows = rows.reshape(len(trials), self._encoding.columns)
        found = [CurveTrial(row, features) for row, features in zip(rows, self._encoding.features(rows), strict=True)]
        for trial, seen in zip(trials, found, strict=True):
            for loss in curves.get(trial.number, ()):
                seen.observe(loss)
        return found

    def _losses(self, trial: FrozenTrial) -> Sequence[float]:
        """Return the curve of a trial so far; one that failed or diverged ends in infinity."""
        if trial.state is TrialState.RUNNING:
            return self._running.get(trial.number, [])
        losses = [trial.intermediate_values[epoch] for epoch in sorted(trial.intermediate_values)]
        if trial.state is TrialState.FAIL:
            return [*losses, math.inf]
        if not losses and trial.value is not None:  # of an earlier sweep without curves
            return [trial.value]
        return losses


def _trials(study: optuna.Study, *states: TrialState) -> list[FrozenTrial]:
    """Return a study's trials in some states; a ``BoundedStudy`` shows those that failed only when asked for alone."""
    return study.get_trials(deepcopy=False, states=states)
