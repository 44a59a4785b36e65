"""Distributions of parameters: one that holds two, whether one holds a value, and those of a described space."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search_spaces.values import ParamValue, hashable

if TYPE_CHECKING:  # optuna loads when a space is drawn from, not when tasks are listed
    from optuna.distributions import BaseDistribution

GRID_TOLERANCE = 1e-8  # steps, as Optuna allows for rounding


def widened(name: str, one: BaseDistribution, other: BaseDistribution) -> BaseDistribution:
    """Return a range that holds two ranges of one parameter.

    Args:
        name: of the parameter.
        one: its distribution in one trial.
        other: its distribution in another trial.

    Raises:
        ValueError: its kind or its choices differ.
    """
    from optuna.distributions import FloatDistribution, IntDistribution

    if one == other:
        return one
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        low, high, log = min(one.low, other.low), max(one.high, other.high), one.log and other.log
        step = math.gcd(one.step, other.step, abs(one.low - other.low), high - low) or 1
        return IntDistribution(low, high, log=log, step=1 if log else step)
    if isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution):
        return FloatDistribution(min(one.low, other.low), max(one.high, other.high), log=one.log and other.log)
    raise ValueError(
        f"the kind or the choices of '{name}' depend on another parameter; give each case a name of its own, such as "
        f"'{name}_2'"
    )


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


def choices_of(description: Mapping[str, Any]) -> list[Any]:
    """Return the choices of a parameter that ``SearchSpace.describe`` described; empty for a range."""
    return list(description.get("values") or description.get("attributes", {}).get("choices", ()))


def read_domain(description: Mapping[str, Any]) -> BaseDistribution:
    """Return the distribution that ``SearchSpace.describe`` described, its choices as the values that they are."""
    from optuna.distributions import CategoricalDistribution, json_to_distribution

    if "values" not in description:
        return json_to_distribution(json.dumps(description))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that not every storage takes them: this study is in memory
        return CategoricalDistribution(tuple(hashable(value) for value in description["values"]))
