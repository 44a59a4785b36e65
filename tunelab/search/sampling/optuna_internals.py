"""Every private part of Optuna that tunelab uses. ``TUNELAB_OPTUNA_PATCHES=0`` does without all of them.

Results stay valid without them; proposals of long sweeps take longer, because TPE then looks at all trials and computes
with a Python loop over elements.
"""

from __future__ import annotations

import heapq
import importlib
from collections.abc import Container, Sequence

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState
from scipy.special import log_ndtr

from trainables.base.contract.private_parts import PrivatePart, is_switched_on

SWITCH = "TUNELAB_OPTUNA_PATCHES"
SEEN_WITH = "5.0.0"  # the version of Optuna with which the parts were last tried
_SLOW = "Proposals of sweeps with hundreds of trials take longer; everything else is as it was."
PARTS = (
    PrivatePart("optuna.samplers._tpe._truncnorm", "_log_ndtr", _SLOW),
    PrivatePart("optuna", "Study._get_trials", _SLOW),
)
LEARN_FROM = 400  # trials that a proposal looks at; keeps its cost flat from there on
LEARN_FROM_BEST = 100  # of them, the best complete ones, however old


class BoundedStudy(optuna.Study):
    """A study that shows samplers the best and the newest of its trials, so that a proposal's cost stays flat.

    TPE's cost grows with the trials it looks at, for each parameter it draws; what it calls good is at most 25 of them.
    """

    _cached: list[FrozenTrial] | None = None
    _shown: list[FrozenTrial] = []

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        """As samplers call it: all running trials, when they ask for those, and a bounded number of ended ones."""
        if deepcopy or not (states is None or TrialState.COMPLETE in states):
            return super()._get_trials(deepcopy, states, use_cache)
        trials = super()._get_trials(deepcopy=False, use_cache=True)  # the same list for all of one proposal
        if trials is not self._cached:
            self._cached, self._shown = trials, best_and_newest(trials)
        ended = [trial for trial in self._shown if states is None or trial.state in states]
        if states is None or TrialState.RUNNING not in states:
            return ended
        running = super()._get_trials(deepcopy=False, states=(TrialState.RUNNING,))  # as they are now
        return sorted([*ended, *running], key=lambda trial: trial.number)


def make_study(name: str, storage: InMemoryStorage) -> optuna.Study:
    """Return the study of a storage, as fast as this version of Optuna allows."""
    if not is_switched_on(SWITCH):
        return optuna.Study(name, storage)
    _speed_up_tpe()
    return BoundedStudy(name, storage)


def best_and_newest(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return at most ``LEARN_FROM`` trials with a value, in their order: the best complete ones and the newest."""
    ended = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(ended) <= LEARN_FROM:
        return ended
    complete = [t for t in ended if t.state == TrialState.COMPLETE]
    kept = {t.number for t in heapq.nsmallest(LEARN_FROM_BEST, complete, key=lambda t: (t.value, t.number))}
    for trial in reversed(ended):
        if len(kept) == LEARN_FROM:
            break
        kept.add(trial.number)
    return [t for t in ended if t.number in kept]


def _speed_up_tpe() -> None:
    """Give TPE the vectorised logarithm of the normal distribution function instead of its loop over elements.

    Most of a proposal's time goes there once a few hundred trials are known.
    """
    truncnorm = importlib.import_module("optuna.samplers._tpe._truncnorm")
    if callable(getattr(truncnorm, "_log_ndtr", None)):
        truncnorm._log_ndtr = log_ndtr  # type: ignore[attr-defined]
