"""SMAC3's multi-fidelity search (Lindauer et al. 2022): Hyperband with a random forest, its own defaults."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from smac import MultiFidelityFacade, Scenario
from smac.runhistory import StatusType
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.peers.fidelity import Evaluation, FidelitySearcher

WORST = 1e9  # what SMAC is told of a diverged trial: it takes finite costs


class SmacPeer:
    """SMAC's ask and tell.

    Args:
        task: what is searched.
        seed: of everything random.
    """

    def __init__(self, task: CurveTask, seed: int) -> None:
        space = ConfigurationSpace(seed=seed % 2**31)
        space.add([_parameter(name, domain) for name, domain in task.space.distributions().items()])
        self._folder = tempfile.TemporaryDirectory(prefix="smac-")
        scenario = Scenario(
            space,
            output_directory=Path(self._folder.name),
            deterministic=True,
            n_trials=100_000,
            min_budget=task.length.grace_period,
            max_budget=task.length.max_epochs,
            seed=seed % 2**31,
        )
        self._smac = MultiFidelityFacade(scenario, lambda config, seed, budget: 0.0, logging_level=50, overwrite=True)

    def ask(self) -> Evaluation:
        info = self._smac.ask()
        params = {name: value.item() if hasattr(value, "item") else value for name, value in dict(info.config).items()}
        return Evaluation(tuple(sorted(params.items())), params, max(1, round(info.budget or 0)), info)

    def tell(self, evaluation: Evaluation, loss: float) -> None:
        info: TrialInfo = evaluation.handle
        finite = math.isfinite(loss)
        value = TrialValue(cost=loss if finite else WORST, status=StatusType.SUCCESS if finite else StatusType.CRASHED)
        self._smac.tell(info, value, save=False)


def make_smac(name: str, task: CurveTask, seed: int) -> FidelitySearcher:
    """Return SMAC's search of a task."""
    return FidelitySearcher(SmacPeer(task, seed), task)


def _parameter(name: str, distribution: BaseDistribution) -> Any:
    """Return a distribution of Optuna in ConfigSpace's terms."""
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(name, list(distribution.choices))
    if isinstance(distribution, IntDistribution):
        return Integer(name, (distribution.low, distribution.high), log=distribution.log)
    assert isinstance(distribution, FloatDistribution)
    return Float(name, (distribution.low, distribution.high), log=distribution.log)
