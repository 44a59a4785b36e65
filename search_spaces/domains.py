"""A search space as a dict: of Optuna's distributions or of Ray Tune's domains, as searches with those have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError, describe_error
from search_spaces.space import Config, SearchSpace

if TYPE_CHECKING:
    import optuna

GRID = "grid_search"  # the key of what ``ray.tune.grid_search`` gives
FUNCTION = "def space(trial): return {'lr': trial.suggest_float('lr', 1e-4, 1e-1, log=True)}"


@dataclass(frozen=True)
class _Choices:
    values: tuple[Any, ...]


def space_of_dict(values: Mapping[str, Any], where: str) -> SearchSpace:
    """Return the space that a dict describes; a parameter in a dict within it is called ``outer.inner``.

    Args:
        values: Optuna's distributions, Ray Tune's domains, dicts of them, and constants, by name.
        where: how messages name it.

    Raises:
        UserError: nothing varies, or a domain of Ray Tune's is one that Optuna cannot draw.
    """
    tree = {str(name): _domain(str(name), value, where) for name, value in values.items()}
    if not _varies(tree):
        raise UserError(
            f"{where} is a dict in which nothing varies: give a function, {FUNCTION}, or Optuna's distributions, "
            "{'lr': FloatDistribution(1e-4, 1e-1, log=True)}."
        )
    return SearchSpace("space", partial(_draw, tree, ""))


def _domain(name: str, value: Any, where: str) -> Any:
    """Return a value of the dict with Ray Tune's domains as Optuna's distributions."""
    if isinstance(value, Mapping):
        if set(value) == {GRID}:
            return _Choices(tuple(value[GRID]))
        return {str(key): _domain(f"{name}.{key}", inner, where) for key, inner in value.items()}
    if not type(value).__module__.startswith("ray.tune"):
        return value
    if hasattr(value, "categories"):
        return _Choices(tuple(value.categories))
    from ray.tune.search.optuna import OptunaSearch

    try:
        return OptunaSearch.convert_search_space({name: value})[name]
    except ValueError as error:
        problem = describe_error(error)
        raise UserError(f"{where}: '{name}' cannot be drawn: {problem}. Give a function: {FUNCTION}.") from error


def _varies(tree: Mapping[str, Any]) -> bool:
    from optuna.distributions import BaseDistribution

    return any(
        _varies(value) if isinstance(value, Mapping) else isinstance(value, BaseDistribution | _Choices)
        for value in tree.values()
    )


def _draw(tree: Mapping[str, Any], prefix: str, trial: optuna.trial.BaseTrial) -> Config:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    config: Config = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        match value:
            case Mapping():
                config[key] = _draw(value, f"{name}.", trial)
            case FloatDistribution():
                config[key] = trial.suggest_float(name, value.low, value.high, step=value.step, log=value.log)
            case IntDistribution():
                config[key] = trial.suggest_int(name, value.low, value.high, step=value.step, log=value.log)
            case CategoricalDistribution():
                config[key] = trial.suggest_categorical(name, value.choices)
            case _Choices():
                config[key] = trial.suggest_categorical(name, value.values)
            case _:
                config[key] = value
    return config
