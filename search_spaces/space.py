"""A search space: a named, define-by-run function of an Optuna trial."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # optuna loads when a space is drawn from, not when tasks are listed
    import optuna
    from optuna.distributions import BaseDistribution

ParamValue = bool | int | float | str
Config = dict[str, object]

PROBES = 64  # random draws that find the conditional branches of a define-by-run space


@dataclass(frozen=True)
class SearchSpace:
    """What may vary. Call it with an ``optuna.Trial`` to draw one configuration.

    Attributes:
        name: the name it is found by, e.g. ``"regression"``.
        suggest: draws parameters with ``trial.suggest_*`` and returns the configuration that a task's ``fit`` takes
            (a flat dict of JSON values). It must be a pure function of the trial.
    """

    name: str
    suggest: Callable[[optuna.trial.BaseTrial], Config]

    def __call__(self, trial: optuna.trial.BaseTrial) -> Config:
        return self.suggest(trial)

    def config(self, params: Mapping[str, ParamValue]) -> Config:
        """The configuration that fixed parameters give; a number out of range warns.

        Raises:
            ValueError: one is missing, or no choice of its parameter.
        """
        import optuna

        return self.suggest(optuna.trial.FixedTrial(dict(params)))

    def distributions(self) -> dict[str, BaseDistribution]:
        """Every parameter that random draws meet, by name: the whole space, conditional branches included.

        Raises:
            TypeError: ``suggest`` returns no dict. What else ``suggest`` raises passes through.
        """
        import optuna

        found: dict[str, BaseDistribution] = {}
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line about a study that nobody asked for
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        optuna.logging.set_verbosity(verbosity)
        for _ in range(PROBES):
            trial = study.ask()
            config = self.suggest(trial)
            if not isinstance(config, dict):
                raise TypeError(f"suggest must return a dict of what fit takes, not {type(config).__name__}")
            found.update(trial.distributions)
        return dict(sorted(found.items()))

    def describe(self) -> dict[str, object]:
        """The space as JSON values, so that two spaces can be compared and a record can hold one."""
        from optuna.distributions import distribution_to_json

        return {name: json.loads(distribution_to_json(d)) for name, d in self.distributions().items()}
