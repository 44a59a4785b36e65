"""Who proposes: the platform's samplers, Optuna's by name, and Ray's searchers by name."""

from __future__ import annotations

import importlib
import inspect
import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces import Config, ParamValue, SearchSpace, UserError
from search_spaces.optuna_logging import quiet_optuna
from trainables import METRIC
from tunelab.records.seeds import derive_seed
from tunelab.records.trial import TrialRecord
from tunelab.search.sampling.samplers import make_by_class
from tunelab.search.sampling.study import NONE_RUNNING, RANDOM_START, StudySampler

OWN = ("tpe", "random", "curves")
DISCRETE = "BruteForceSampler"  # it goes through all values of a space, and these spaces have infinitely many
SEARCHERS = {  # of Ray, by the module below ray.tune.search that holds each
    "OptunaSearch": "optuna",
    "HyperOptSearch": "hyperopt",
    "BayesOptSearch": "bayesopt",
    "AxSearch": "ax",
    "HEBOSearch": "hebo",
}
SEEDS = ("seed", "random_state_seed", "random_state")  # what searchers call theirs


class Sampler(Protocol):
    """Proposes one trial after another."""

    def suggest(
        self, number: int, running: Mapping[int, Sequence[float]] = NONE_RUNNING
    ) -> tuple[dict[str, ParamValue], Config]:
        """Return parameters and configuration of the next trial, see ``StudySampler.suggest``."""

    def tell(self, record: TrialRecord) -> None:
        """Report a finished trial to the sampler."""


def sampler_names() -> set[str]:
    """Return all that can be asked for."""
    classes = {name for name in optuna.samplers.__all__ if name.endswith("Sampler")}
    return {*OWN, *SEARCHERS} | {name for name in classes - {DISCRETE} if makes_itself(getattr(optuna.samplers, name))}


def makes_itself(cls: type) -> bool:
    """Return whether a class is not a base class and needs no arguments."""
    required = [
        p for p in inspect.signature(cls).parameters.values() if p.default is p.empty and p.kind != p.VAR_KEYWORD
    ]
    return not inspect.isabstract(cls) and not required


def make_sampler(name: str, space: SearchSpace, seed: int, max_epochs: int) -> Sampler:
    """Return a sampler of this name for a space, whose trials have at most ``max_epochs`` epochs.

    Raises:
        UserError: it needs a package that is not installed, or cannot search this space.
    """
    if name in SEARCHERS:
        return RaySampler(name, space, seed)
    return NamedStudySampler(space, name, seed, max_epochs)


class NamedStudySampler(StudySampler):
    """StudySampler by any of Optuna's samplers, created for each trial as those of the platform are."""

    def __init__(self, space: SearchSpace, sampler: str, seed: int, max_epochs: int) -> None:
        own = sampler if sampler in OWN else "tpe"
        super().__init__(space, own, seed, reference={}, fixed={}, max_epochs=max_epochs, random_start=RANDOM_START)
        self._class = None if sampler in OWN else getattr(optuna.samplers, sampler)
        self._name = sampler
        self._own_seed = seed

    def suggest(
        self, number: int, running: Mapping[int, Sequence[float]] = NONE_RUNNING
    ) -> tuple[dict[str, ParamValue], Config]:
        try:
            return super().suggest(number, running)
        except ImportError as error:
            raise UserError(f"{self._name} needs a package that is not installed: {error}.") from error

    def _make_sampler(
        self, number: int, planned: Mapping[str, ParamValue], running: Mapping[int, Sequence[float]]
    ) -> optuna.samplers.BaseSampler:
        if self._class is None:
            return super()._make_sampler(number, planned, running)
        known = {"seed": derive_seed(self._own_seed, "sampler", number), "warn_independent_sampling": False}
        made = make_by_class(self._class, known)
        assert isinstance(made, optuna.samplers.BaseSampler)
        return made


class RaySampler:
    """One of Ray's searchers.

    Ray's searchers do not support conditional parameters: each trial gets a value for every parameter of the space, and
    its configuration uses those of its branch.

    Args:
        name: of its class.
        space: the search space.
        seed: of the searcher, which keeps its state from trial to trial.
    """

    def __init__(self, name: str, space: SearchSpace, seed: int) -> None:
        module = importlib.import_module(f"ray.tune.search.{SEARCHERS[name]}.{SEARCHERS[name]}_search")
        cls: Any = getattr(module, name)
        seeds = {key: derive_seed(seed, "sampler", 0) for key in SEEDS if key in inspect.signature(cls).parameters}
        self._space = space
        logging.getLogger("ray.tune").setLevel(logging.ERROR)  # advice about how Tune itself would be called
        try:
            with warnings.catch_warnings(), quiet_optuna():
                warnings.simplefilter("ignore")
                self._searcher = cls(metric=METRIC, mode="min", **seeds)
                config = {key: _domain(d) for key, d in space.distributions().items()}
                self._searcher.set_search_properties(None, None, config)
        except (AssertionError, ImportError) as error:  # how searchers say that their library is not there
            raise UserError(f"{name} cannot be made: {str(error).partition(chr(10))[0]}") from error
        except (ValueError, TypeError) as error:
            raise UserError(f"{name} cannot search the space '{space.name}': {error}.") from error

    def suggest(
        self, number: int, running: Mapping[int, Sequence[float]] = NONE_RUNNING
    ) -> tuple[dict[str, ParamValue], Config]:
        params = dict(self._searcher.suggest(str(number)))
        probe = optuna.trial.FixedTrial(params)
        config = self._space(probe)
        return dict(probe.params), config

    def tell(self, record: TrialRecord) -> None:
        found = {METRIC: record.val_loss} if math.isfinite(record.val_loss) else None
        self._searcher.on_trial_complete(str(record.number), result=found, error=found is None)


def _domain(distribution: BaseDistribution) -> Any:
    """Return a distribution of Optuna in Ray's terms."""
    from ray import tune

    if isinstance(distribution, CategoricalDistribution):
        return tune.choice(list(distribution.choices))
    if isinstance(distribution, IntDistribution):
        draw = tune.lograndint if distribution.log else tune.randint
        return draw(distribution.low, distribution.high + 1)
    assert isinstance(distribution, FloatDistribution)
    draw_float = tune.loguniform if distribution.log else tune.uniform
    return draw_float(distribution.low, distribution.high)
