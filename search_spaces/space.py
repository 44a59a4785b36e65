"""A search space: a named, define-by-run function of an Optuna trial."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from search_spaces.optuna_logging import quiet_optuna
from search_spaces.values import ParamValue, PlainTrial, plain

if TYPE_CHECKING:  # optuna loads when a space is drawn from, not when tasks are listed
    import optuna
    from optuna.distributions import BaseDistribution

Config = dict[str, object]

GRID_TOLERANCE = 1e-8  # steps, as Optuna allows for rounding
PROBES = 256  # random draws that find the conditional branches of a define-by-run space


@dataclass(frozen=True)
class SearchSpace:
    """What may vary. Call it with an ``optuna.Trial`` to draw one configuration.

    Choices may be any values: those not in JSON (tuples, dicts, arrays, functions) are stored as text and given to
    ``suggest`` as they were written. Ranges of numbers may depend on other parameters, choices may not.

    Attributes:
        name: the name it is found by, e.g. ``"regression"``.
        suggest: draws parameters with ``trial.suggest_*`` and returns the configuration that a task's ``fit`` takes
            (a dict of JSON values; tuples and numpy values become lists and numbers). It must be a pure function of the
            trial.
        branch: name of a categorical parameter that ``suggest`` draws first and on which the others depend, such as a
            family of models. A search gives each of its choices turns (see ``tunelab.search.study``); None for none.
    """

    name: str
    suggest: Callable[[optuna.trial.BaseTrial], Config]
    branch: str | None = None

    def __call__(self, trial: optuna.trial.BaseTrial) -> Config:
        """Draw a configuration.

        Args:
            trial: an ``optuna.Trial``, or one that fixes the parameters.

        Raises:
            TypeError: ``suggest`` returns no dict, or one with values that cannot be stored as JSON. What else
                ``suggest`` raises passes through.
        """
        config = self.suggest(cast("optuna.trial.BaseTrial", PlainTrial(trial)))
        if not isinstance(config, dict):
            raise TypeError(f"suggest must return a dict of what fit takes, not {type(config).__name__}")
        return {str(key): plain(value, str(key)) for key, value in config.items()}

    def __reduce__(self) -> tuple[type[SearchSpace], tuple[object, ...]]:
        return SearchSpace, (self.name, self.suggest, self.branch)  # without what was drawn: workers need no Optuna

    def config(self, params: Mapping[str, ParamValue]) -> Config:
        """Return the configuration that fixed parameters give; a number out of range warns.

        Raises:
            ValueError: one is missing, or no choice of its parameter.
        """
        import optuna

        return self(optuna.trial.FixedTrial(dict(params)))

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return every parameter that random draws meet, by name: the whole space, conditional branches included.

        A range that depends on another parameter is given as wide as it was met.

        Raises:
            TypeError: ``suggest`` returns no dict, or values that cannot be stored. What else it raises passes through.
            ValueError: a parameter whose kind or choices depend on another one.
        """
        return dict(self._met)

    @cached_property
    def _met(self) -> dict[str, BaseDistribution]:
        """What random draws meet: once a space, since they take a tenth of a second."""
        import optuna

        from search_spaces.values import widened

        found: dict[str, BaseDistribution] = {}
        sampler = optuna.samplers.RandomSampler(seed=0)
        for _ in range(PROBES):
            with quiet_optuna():
                trial = optuna.create_study(sampler=sampler).ask()  # one study would allow no range that depends
            self(trial)
            for name, distribution in trial.distributions.items():
                found[name] = widened(name, found[name], distribution) if name in found else distribution
        return dict(sorted(found.items()))

    def branches(self) -> list[ParamValue]:
        """Return the choices of ``branch``; none when the space has no branch."""
        from optuna.distributions import CategoricalDistribution

        domain = None if self.branch is None else self.distributions()[self.branch]
        choices = domain.choices if isinstance(domain, CategoricalDistribution) else ()
        return [choice for choice in choices if choice is not None]

    def describe(self) -> dict[str, object]:
        """Return the space as JSON values, so that two spaces can be compared and a record can hold one."""
        from optuna.distributions import distribution_to_json

        return {name: json.loads(distribution_to_json(d)) for name, d in self.distributions().items()}


def contains(distribution: BaseDistribution, value: ParamValue) -> bool:
    """Return whether a value is a choice of a parameter, or lies within its bounds and on its grid."""
    from optuna.distributions import FloatDistribution, IntDistribution

    try:
        internal = distribution.to_internal_repr(value)
    except ValueError:  # not a value of this parameter's type, or none of its choices
        return False
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        return True
    if not distribution.low <= internal <= distribution.high:
        return False
    if distribution.step is None:
        return True
    steps = (internal - distribution.low) / distribution.step
    return abs(steps - round(steps)) < GRID_TOLERANCE
