"""The task under test, and what several checks need of it, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from typing import Any

import optuna

from search_spaces import Config, SearchSpace
from search_spaces.optuna_logging import quiet_optuna
from trainables.base.contract.conformance.data import global_state, other_global_state
from trainables.base.contract.data import Splits
from trainables.base.contract.task import EpochReport, Task

SEED = 1
EPOCHS = 2  # of the checks that train


class Subject:
    """A task under test, with what several checks need: computed once, when first asked for."""

    def __init__(self, task: Task, shipped: Mapping[str, type[Task]], space: str | None = None) -> None:
        self.task = task
        self.shipped = shipped
        self._space = space

    @cached_property
    def splits(self) -> Splits:
        return self.task.load()

    @cached_property
    def space(self) -> SearchSpace:
        return self.task.space(self._space)

    @cached_property
    def config(self) -> Config:
        """The smallest configuration of the space."""
        with quiet_optuna():
            study = optuna.create_study(sampler=_Smallest())
        return self.space(study.ask())

    @cached_property
    def reports(self) -> list[EpochReport]:
        """Of the smallest configuration."""
        before = global_state()
        reports = self.train(SEED)
        self.stirred = global_state() != before  # whether fit() changed the global random numbers
        return reports

    @cached_property
    def elsewhere(self) -> list[EpochReport]:
        """The same training in a process whose global random numbers are others."""
        with other_global_state():
            return self.train(SEED)

    def train(self, seed: int, config: Mapping[str, Any] | None = None, epochs: int = EPOCHS) -> list[EpochReport]:
        """Return the reports of one training with copies of the weights; a task that does not stop is cut off."""
        chosen = self.config if config is None else config
        fit = self.task.fit(dict(chosen), self.splits.training, seed, max_epochs=epochs, device="cpu")
        return [_kept(report) for report in islice(iter(fit), epochs + 2)]


def _kept(report: EpochReport) -> EpochReport:
    weights = getattr(report, "weights", None)
    if weights is None:
        return report
    copies = {name: value.detach().clone() for name, value in weights.items()}
    return EpochReport(report.epoch, report.val_loss, dict(report.metrics), copies)


class _Smallest(optuna.samplers.BaseSampler):
    """Proposes the smallest value of every parameter, the first of categories, and the largest batch."""

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        large = "batch" in param_name
        if isinstance(param_distribution, optuna.distributions.CategoricalDistribution):
            return param_distribution.choices[-1 if large else 0]
        return param_distribution.high if large else param_distribution.low
