"""A search space: a named, define-by-run function of an Optuna trial."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from search_spaces.distributions import widened
from search_spaces.optuna_logging import quiet_optuna
from search_spaces.values import ParamValue, PlainTrial, keepable

if TYPE_CHECKING:  # optuna loads when a space is drawn from, not when tasks are listed
    import optuna
    from optuna.distributions import BaseDistribution

Config = dict[str, object]

PROBES = 256  # random draws that find the conditional branches of a define-by-run space
Met = tuple[dict[str, "BaseDistribution"], dict[str, dict[ParamValue, Any]]]  # distributions, and choices by their text


@dataclass(frozen=True)
class SearchSpace:
    """What may vary. Call it with an ``optuna.Trial`` to draw one configuration.

    Choices may be any values. Optuna knows those that are neither numbers nor texts (tuples, lists, dicts, functions)
    by their text, so that any of its storages takes them; ``suggest`` gets them as they were written, and so do
    ``fit``, records and reports (functions and other objects alone are text there). Ranges of numbers may depend on
    other parameters, choices may not.

    Attributes:
        name: the name it is found by, e.g. ``"regression"``.
        suggest: draws parameters with ``trial.suggest_*`` and returns the configuration that a task's ``fit`` takes
            (a dict of numbers, text, None, tuples, lists and dicts; numpy values become numbers and lists). It must be
            a pure function of the trial.
        branch: name of a categorical parameter that ``suggest`` draws first and on which the others depend, such as a
            family of models. A search gives each of its choices turns (``tunelab.search.sampling.study``); None for
            none.
    """

    name: str
    suggest: Callable[[optuna.trial.BaseTrial], Config]
    branch: str | None = None

    def __call__(self, trial: optuna.trial.BaseTrial) -> Config:
        """Draw a configuration.

        Args:
            trial: an ``optuna.Trial``, or one that fixes the parameters.

        Raises:
            TypeError: ``suggest`` returns no dict, or one with values that cannot be stored. What else
                ``suggest`` raises passes through.
        """
        return self._draw(PlainTrial(trial))

    def _draw(self, trial: PlainTrial) -> Config:
        config = self.suggest(cast("optuna.trial.BaseTrial", trial))
        if not isinstance(config, dict):
            raise TypeError(f"suggest must return a dict of what fit takes, not {type(config).__name__}")
        return {keepable(str(key), "a name"): keepable(value, str(key)) for key, value in config.items()}

    def __reduce__(self) -> tuple[type[SearchSpace], tuple[object, ...]]:
        return SearchSpace, (self.name, self.suggest, self.branch)  # without what was drawn: workers need no Optuna

    def config(self, params: Mapping[str, Any]) -> Config:
        """Return the configuration that fixed parameters give; a number out of range warns.

        Args:
            params: by name; a choice that is neither a number nor a text as it is, or as its text.

        Raises:
            ValueError: one is missing, or no choice of its parameter.
        """
        import optuna

        return self(optuna.trial.FixedTrial(self.named(params)))

    def named(self, params: Mapping[str, Any]) -> dict[str, ParamValue]:
        """Return parameters as Optuna knows them: choices that are neither numbers nor texts by their text."""
        names = {name: {repr(value): label for label, value in known.items()} for name, known in self._choices.items()}
        return {name: names.get(name, {}).get(repr(value), value) for name, value in params.items()}

    def values(self, params: Mapping[str, ParamValue]) -> dict[str, Any]:
        """Return parameters as ``suggest`` has them, where Optuna knows them by their text: what ``named`` was given.

        Those that cannot be stored, such as functions, stay text.
        """
        return {name: self._choices.get(name, {}).get(value, value) for name, value in params.items()}

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return every parameter that random draws meet, by name: the whole space, conditional branches included.

        A range that depends on another parameter is given as wide as it was met.

        Raises:
            TypeError: ``suggest`` returns no dict, or values that cannot be stored. What else it raises passes through.
            ValueError: a parameter whose kind or choices depend on another one.
        """
        return dict(self._met[0])

    @property
    def _choices(self) -> dict[str, dict[ParamValue, Any]]:
        """Choices that can be stored and that Optuna knows by their text, by parameter and text."""
        return self._met[1]

    @cached_property
    def _met(self) -> Met:
        """What random draws meet: once a space, since they take a tenth of a second."""
        return _met_by_shipped(self.suggest) if _is_shipped(self.suggest) else _met_by(self)

    def unstable(self) -> str | None:
        """Return the name of a value that differs between two draws of the same parameters; None if none does."""
        import optuna

        with quiet_optuna():
            trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1)).ask()
        first = self(trial)
        again = self(optuna.trial.FixedTrial(trial.params))
        names = [name for name in {**first, **again} if repr(first.get(name)) != repr(again.get(name))]
        return names[0] if names else None

    def branches(self) -> list[ParamValue]:
        """Return the choices of ``branch``; none when the space has no branch."""
        from optuna.distributions import CategoricalDistribution

        domain = None if self.branch is None else self.distributions()[self.branch]
        choices = domain.choices if isinstance(domain, CategoricalDistribution) else ()
        return [choice for choice in choices if choice is not None]

    def describe(self) -> dict[str, object]:
        """Return the space as plain values, so that two spaces can be compared and a record can hold one.

        Each parameter is Optuna's JSON of its distribution; ``values`` beside it holds the choices themselves, where
        Optuna knows any by its text.
        """
        from optuna.distributions import CategoricalDistribution, distribution_to_json

        found: dict[str, object] = {}
        for name, domain in self.distributions().items():
            found[name] = description = json.loads(distribution_to_json(domain))
            if isinstance(domain, CategoricalDistribution) and self._choices.get(name):
                description["values"] = [self._choices[name].get(choice, choice) for choice in domain.choices]
        return found


def _met_by(space: SearchSpace) -> Met:
    """Draw at random, and return what is met."""
    import optuna

    found: dict[str, BaseDistribution] = {}
    choices: dict[str, dict[ParamValue, Any]] = {}
    sampler = optuna.samplers.RandomSampler(seed=0)
    with quiet_optuna(), warnings.catch_warnings():
        warnings.filterwarnings("error", r"Inconsistent\s")  # one name with two ranges
        for _ in range(PROBES):
            trial = optuna.create_study(sampler=sampler).ask()  # one study would allow no range that depends
            drawing = PlainTrial(trial)
            space._draw(drawing)
            choices |= drawing.choices
            for name, distribution in trial.distributions.items():
                found[name] = widened(name, found[name], distribution) if name in found else distribution
    return dict(sorted(found.items())), {name: _storable(known) for name, known in choices.items()}


def _is_shipped(suggest: Callable[[optuna.trial.BaseTrial], Config]) -> bool:
    """Return whether this is a function of this package that has no variables but its argument."""
    is_plain = isinstance(suggest, FunctionType) and suggest.__closure__ is None
    return is_plain and suggest.__module__.startswith(f"{__package__}.")


@cache
def _met_by_shipped(suggest: Callable[[optuna.trial.BaseTrial], Config]) -> Met:
    """Return what is met by a function of this package, which is the same at any time; others may read variables."""
    return _met_by(SearchSpace("", suggest))


def _storable(choices: Mapping[ParamValue, Any]) -> dict[ParamValue, Any]:
    kept = {}
    for label, value in choices.items():
        with suppress(TypeError):
            kept[label] = keepable(value, "")
    return kept
