"""The grid of a search space: every configuration of one that is finite."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces import ParamValue, SearchSpace, UserError
from search_spaces.space import contains

MAX_POINTS = 20_000  # a larger grid is none that a sweep goes through
Point = dict[str, ParamValue]


def grid_points(
    space: SearchSpace, fixed: Mapping[str, ParamValue], references: Sequence[Mapping[str, ParamValue]], seed: int
) -> tuple[list[Point], int]:
    """Return the parameters of all configurations of a space, each once.

    Conditional parameters and ranges that depend on others are followed as the space draws them.

    Args:
        space: What is searched.
        fixed: Parameters held at a value.
        references: Configurations to begin with, where the grid has them.
        seed: Of the order of the others, so that a search that ends early has seen all regions.

    Returns:
        The points, and how many of them are references.

    Raises:
        UserError: A parameter has no finite number of values, or there are more than ``MAX_POINTS`` configurations.
    """
    points = []
    for point in _walk(space, fixed):
        points.append(point)
        if len(points) > MAX_POINTS:
            raise UserError(
                f"--sampler grid: the space '{space.name}' has more than {MAX_POINTS:,} configurations. Give wider "
                "steps, fix parameters with --set NAME=VALUE, or choose another sampler."
            )
    random.Random(seed).shuffle(points)
    leading: list[Point] = []
    for wanted in references:
        found = next((p for p in points if p not in leading and _agrees(p, wanted)), None)
        leading += [] if found is None else [found]
    return [*leading, *(p for p in points if p not in leading)], len(leading)


def _agrees(point: Point, wanted: Mapping[str, ParamValue]) -> bool:
    shared = point.keys() & wanted.keys()
    return bool(shared) and all(point[name] == wanted[name] for name in shared)


def _walk(space: SearchSpace, fixed: Mapping[str, ParamValue]) -> Iterator[Point]:
    """Go through the tree of a space's draws, depth first."""
    path: list[int] = []  # which value of each parameter, in the order in which they are drawn
    while True:
        trial = GridTrial(path, fixed)
        space(cast("optuna.trial.BaseTrial", trial))
        yield trial.params
        path, sizes = trial.path, trial.sizes
        while path and path[-1] + 1 == sizes[len(path) - 1]:
            path.pop()
        if not path:
            return
        path[-1] += 1


class GridTrial:
    """A trial that takes the values of one path through the tree, and the first value of every further parameter.

    Args:
        path: Positions of the values, in the order of the draws.
        fixed: Parameters held at a value.

    Attributes:
        path: The whole path.
        sizes: Number of values at each of its positions.
        params: The values by parameter.
        distributions: Their distributions.
    """

    number = 0

    def __init__(self, path: Sequence[int], fixed: Mapping[str, ParamValue]) -> None:
        self.path = list(path)
        self.sizes: list[int] = []
        self.params: Point = {}
        self.distributions: dict[str, BaseDistribution] = {}
        self.user_attrs: dict[str, Any] = {}
        self._fixed = fixed

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Take a choice."""
        return self._take(name, CategoricalDistribution(choices))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> Any:
        """Take a whole number."""
        return self._take(name, IntDistribution(low, high, log=log, step=step))

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> Any:
        """Take a number of a range with a step."""
        return self._take(name, FloatDistribution(low, high, log=log, step=step))

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep an attribute, as any trial does."""
        self.user_attrs[key] = value

    def _take(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self.params:
            return self.params[name]
        values = self._values(name, distribution)
        position = len(self.sizes)
        if position == len(self.path):
            self.path.append(0)
        self.sizes.append(len(values))
        self.params[name] = values[self.path[position]]
        self.distributions[name] = distribution
        return self.params[name]

    def _values(self, name: str, distribution: BaseDistribution) -> Sequence[ParamValue]:
        if name in self._fixed and contains(distribution, self._fixed[name]):
            return [self._fixed[name]]
        match distribution:
            case CategoricalDistribution():
                return distribution.choices
            case IntDistribution():
                return range(distribution.low, distribution.high + 1, distribution.step)
            case FloatDistribution() if distribution.low == distribution.high:
                return [distribution.low]
            case FloatDistribution() if distribution.step is not None:
                count = round((distribution.high - distribution.low) / distribution.step) + 1
                return [min(distribution.low + i * distribution.step, distribution.high) for i in range(count)]
        raise UserError(
            f"--sampler grid: the space must be finite, and '{name}' is a range of floats without a step. Give it "
            f"step=, use suggest_categorical, fix it with --set {name}=VALUE, or choose another sampler."
        )
