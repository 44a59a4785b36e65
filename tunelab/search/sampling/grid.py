"""The grid of a search space: every configuration of one that is finite."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces import ParamValue, SearchSpace, UserError
from search_spaces.distributions import contains
from tunelab.search.sampling.directed_trial import DirectedTrial

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
    positions: list[int] = []  # which value of each parameter, in the order in which they are drawn
    while True:
        path = GridPath(positions, fixed)
        trial = DirectedTrial(path.take)
        space(trial)
        yield trial.params
        positions, sizes = path.positions, path.sizes
        while positions and positions[-1] + 1 == sizes[len(positions) - 1]:
            positions.pop()
        if not positions:
            return
        positions[-1] += 1


class GridPath:
    """One path through the tree of a space's draws: values at given positions, then the first of every further one.

    Args:
        positions: Positions of the values, in the order of the draws.
        fixed: Parameters held at a value.

    Attributes:
        positions: Those of the whole path.
        sizes: Number of values at each of them.
    """

    def __init__(self, positions: Sequence[int], fixed: Mapping[str, ParamValue]) -> None:
        self.positions = list(positions)
        self.sizes: list[int] = []
        self._fixed = fixed

    def take(self, name: str, distribution: BaseDistribution) -> ParamValue:
        """Return the next value of the path: that of a parameter which the space draws."""
        values = self._values(name, distribution)
        number = len(self.sizes)
        if number == len(self.positions):
            self.positions.append(0)
        self.sizes.append(len(values))
        return values[self.positions[number]]

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
