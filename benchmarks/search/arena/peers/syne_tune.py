"""Syne Tune's asynchronous searches with their own defaults.

They are ASHA, and ASHA with the conformal quantile regression of Salinas et al. 2023 or with the kernel densities of
BOHB. Version 0.16 has neither DyHPO nor Hyper-Tune.
"""

from __future__ import annotations

import datetime
import logging
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer import baselines
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.peers.generators import Generators
from benchmarks.search.arena.searcher import ArenaTrial
from benchmarks.search.schedulers import Verdict

LOSS, EPOCH = "loss", "epoch"
CLASSES = {"SyneTune-ASHA": "ASHA", "SyneTune-CQR": "ASHACQR", "SyneTune-BOHB": "BOHB"}


class SyneTuneSearcher:
    """One of Syne Tune's schedulers.

    Args:
        name: one of ``CLASSES``.
        task: what is searched.
        seed: of the scheduler.
    """

    def __init__(self, name: str, task: CurveTask, seed: int) -> None:
        logging.getLogger("syne_tune").setLevel(logging.ERROR)
        space = {key: _domain(domain) for key, domain in task.space.distributions().items()}
        self._scheduler: Any = getattr(baselines, CLASSES[name])(
            space,
            metric=LOSS,
            do_minimize=True,
            time_attr=EPOCH,
            max_t=task.length.max_epochs,
            grace_period=task.length.grace_period,
            random_seed=seed % 2**31,
        )
        self._space, self._length = task.space, task.length
        self._generators = Generators(seed)  # its searchers draw from NumPy's global one
        self._trials: list[Trial] = []

    def next_trial(self) -> ArenaTrial | None:
        number = len(self._trials)
        with self._generators:
            suggestion = self._scheduler.suggest()
        trial = Trial(trial_id=number, config=suggestion.config, creation_time=datetime.datetime.min)
        self._trials.append(trial)
        self._scheduler.on_trial_add(trial)
        return ArenaTrial(number, self._space(optuna.trial.FixedTrial(trial.config)))

    def report(self, number: int, epoch: int, loss: float, seconds: float) -> Verdict:
        with self._generators:
            decision = self._scheduler.on_trial_result(self._trials[number], {LOSS: loss, EPOCH: epoch})
        if decision != SchedulerDecision.STOP:
            return Verdict.GO
        self._scheduler.on_trial_remove(self._trials[number])
        return Verdict.STOP

    def end(self, number: int, epoch: int, loss: float, seconds: float) -> None:
        trial = self._trials[number]
        if epoch == self._length.max_epochs:
            self._scheduler.on_trial_complete(trial, {LOSS: loss, EPOCH: epoch})
        else:
            self._scheduler.on_trial_error(trial)


def _domain(distribution: BaseDistribution) -> Any:
    """Return a distribution of Optuna in Syne Tune's terms."""
    if isinstance(distribution, CategoricalDistribution):
        return choice(list(distribution.choices))
    if isinstance(distribution, IntDistribution):
        return (lograndint if distribution.log else randint)(distribution.low, distribution.high)
    assert isinstance(distribution, FloatDistribution)
    return (loguniform if distribution.log else uniform)(distribution.low, distribution.high)
