"""NePS (AutoML Freiburg): ASHA, Hyperband and PriorBand without a prior, its own defaults.

With several workers its ASHA may ask for a trial that still runs, see ``FidelitySearcher``. Its ifBO needs weights from
the authors' file host that are unpickled; they are in no package, so it is not compared.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.peers.fidelity import Evaluation, FidelitySearcher
from benchmarks.search.arena.peers.generators import Generators

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecations of its own dependencies
    from neps.optimizers import algorithms
    from neps.optimizers.ask_and_tell import AskAndTell
    from neps.space.parameters import HPOCategorical, HPOFloat, HPOInteger
    from neps.space.search_space import SearchSpace

EPOCHS = "epochs"
WORST = 1e9  # what NePS is told of a diverged trial
ALGORITHMS = {"NePS-ASHA": "asha", "NePS-Hyperband": "hyperband", "NePS-PriorBand": "priorband"}


class NepsPeer:
    """NePS's ask and tell. It draws from the global generators: they are seeded here and kept apart.

    Args:
        name: one of ``ALGORITHMS``.
        task: what is searched.
        seed: of everything random.
    """

    def __init__(self, name: str, task: CurveTask, seed: int) -> None:
        elements = {key: _parameter(domain) for key, domain in task.space.distributions().items()}
        elements[EPOCHS] = HPOInteger(task.length.grace_period, task.length.max_epochs, is_fidelity=True)
        self._generators = Generators(seed)
        self._optimizer: Any = AskAndTell(getattr(algorithms, ALGORITHMS[name])(SearchSpace(elements)))

    def ask(self) -> Evaluation:
        with self._generators, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._optimizer.ask()
        params = {key: value for key, value in trial.config.items() if key != EPOCHS}
        return Evaluation(trial.id.partition("_")[0], params, int(trial.config[EPOCHS]), trial.id)

    def tell(self, evaluation: Evaluation, loss: float) -> None:
        self._optimizer.tell(evaluation.handle, loss if np.isfinite(loss) else WORST)


def make_neps(name: str, task: CurveTask, seed: int) -> FidelitySearcher:
    """Return one of NePS's searches of a task."""
    return FidelitySearcher(NepsPeer(name, task, seed), task)


def _parameter(distribution: BaseDistribution) -> Any:
    """Return a distribution of Optuna in NePS's terms."""
    if isinstance(distribution, CategoricalDistribution):
        return HPOCategorical(list(distribution.choices))
    if isinstance(distribution, IntDistribution):
        return HPOInteger(distribution.low, distribution.high, log=distribution.log)
    assert isinstance(distribution, FloatDistribution)
    return HPOFloat(distribution.low, distribution.high, log=distribution.log)
