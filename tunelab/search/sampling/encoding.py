"""Configurations as points of the unit cube, for models of learning curves over hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces import ParamValue, SearchSpace

ABSENT = 0.5  # where a parameter lies that a configuration does not have
PROBES = 16  # random configurations that show whether a space has branches


class PlacedTrial(optuna.trial.FixedTrial):
    """A trial whose parameters have given values, in whatever branch they lead to.

    Args:
        value: Returns a parameter's value by its name and the distribution that the space asks for.
    """

    def __init__(self, value: Callable[[str, BaseDistribution], ParamValue]) -> None:
        super().__init__({})
        self._value = value
        self._drawn: dict[str, Any] = {}

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that were asked for, by name."""
        return self._drawn

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return float(self._draw(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return int(self._draw(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._draw(name, CategoricalDistribution(choices))

    def _draw(self, name: str, domain: BaseDistribution) -> Any:
        self._drawn[name] = self._value(name, domain)
        return self._drawn[name]


class Encoding:
    """Translates parameters of a search space to a row of places in 0..1 and to the point that a model sees.

    A row has one place for each parameter, logarithmic where its distribution is. A point has one coordinate for each
    number and one for each choice, scaled so that two choices are one apart.

    Args:
        space: the search space, conditional branches included.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._domains = space.distributions()
        self.columns = len(self._domains)
        self._index = {name: column for column, name in enumerate(self._domains)}
        self._choices = np.array([isinstance(d, CategoricalDistribution) for d in self._domains.values()], bool)
        self.size = sum(len(d.choices) if isinstance(d, CategoricalDistribution) else 1 for d in self._domains.values())
        probes = np.random.default_rng(0).random((PROBES, self.columns))
        self._branches = any(len(self.params(row)) < self.columns for row in probes)

    def row(self, params: Mapping[str, ParamValue]) -> np.ndarray:
        """Return the places of parameters, shape (columns,); NaN for one that a configuration does not have."""
        return np.array([_to_unit(d, params[n]) if n in params else math.nan for n, d in self._domains.items()])

    def value(self, name: str, domain: BaseDistribution, row: np.ndarray, unmet: float = ABSENT) -> ParamValue:
        """Return a parameter's value at its place in a row, moved into the distribution that the space asks for.

        Args:
            name: the parameter.
            domain: its distribution in this trial; a range may depend on another parameter.
            row: places, shape (columns,).
            unmet: its place if it is on a branch so rare that the space's random draws never met it.
        """
        column = self._index.get(name)
        value = _from_unit(domain, unmet) if column is None else _from_unit(self._domains[name], float(row[column]))
        return _within(value, domain)

    def params(self, row: np.ndarray) -> dict[str, ParamValue]:
        """Return the parameters at places, those of the branch that they lead to."""
        trial = PlacedTrial(lambda name, domain: self.value(name, domain, row))
        self._space(trial)
        return trial.params

    def visible(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of shape (rows, columns) with NaN at parameters outside the branch of each row."""
        if not self._branches:
            return rows
        names = list(self._domains)
        found = rows.copy()
        for row in found:
            kept = self.params(row)
            row[[name not in kept for name in names]] = math.nan
        return found

    def points(self, rows: np.ndarray) -> np.ndarray:
        """Return the points of visible rows, shape (rows, size)."""
        parts = []
        for domain, places in zip(self._domains.values(), rows.T, strict=True):
            if isinstance(domain, CategoricalDistribution):
                chosen = np.minimum(np.nan_to_num(places) * len(domain.choices), len(domain.choices) - 1).astype(int)
                one_hot = np.eye(len(domain.choices))[chosen]
                one_hot[np.isnan(places)] = ABSENT / len(domain.choices)
                parts.append(one_hot / math.sqrt(2))
            else:
                parts.append(np.nan_to_num(places, nan=ABSENT)[:, None])
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(rows), 0))

    def near(self, rows: np.ndarray, widths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return rows near others: numbers move by a width, a choice changes at times, absent parameters are drawn.

        Args:
            rows: visible rows, shape (rows, columns).
            widths: standard deviation of each row's moves, shape (rows,).
            rng: what draws.
        """
        moved = np.clip(rows + widths[:, None] * rng.standard_normal(rows.shape), 0, 1)
        drawn = rng.random(rows.shape)
        changed = np.where(rng.random(rows.shape) < widths[:, None], drawn, rows)
        return np.where(np.isnan(rows), drawn, np.where(self._choices, changed, moved))


def _within(value: ParamValue, domain: BaseDistribution) -> ParamValue:
    """Return the value of a distribution that is nearest to a number; a choice as it is."""
    if isinstance(domain, CategoricalDistribution):
        return value
    assert isinstance(value, int | float)
    assert isinstance(domain, FloatDistribution | IntDistribution)
    return _stepped(min(max(float(value), domain.low), domain.high), domain)


def _to_unit(domain: BaseDistribution, value: ParamValue) -> float:
    if isinstance(domain, CategoricalDistribution):
        if value not in domain.choices:  # dropped since
            return math.nan
        place: int = domain.choices.index(value)
        return (place + 0.5) / len(domain.choices)
    low, high = _ends(domain)
    if high <= low:
        return ABSENT
    assert isinstance(value, int | float)
    number = min(max(float(value), low), high)  # a trial of a wider range
    if _is_log(domain):
        return (math.log(number) - math.log(low)) / (math.log(high) - math.log(low))
    return (number - low) / (high - low)


def _from_unit(domain: BaseDistribution, place: float) -> ParamValue:
    if isinstance(domain, CategoricalDistribution):
        return domain.choices[min(int(place * len(domain.choices)), len(domain.choices) - 1)]
    assert isinstance(domain, FloatDistribution | IntDistribution)
    low, high = _ends(domain)
    value = math.exp(math.log(low) + place * math.log(high / low)) if domain.log else low + place * (high - low)
    return _stepped(value, domain)


def _stepped(value: float, domain: FloatDistribution | IntDistribution) -> ParamValue:
    """Return a number as its distribution has it: inside, and on a step."""
    if domain.step is not None:
        value = domain.low + round((value - domain.low) / domain.step) * domain.step
    value = min(max(value, domain.low), domain.high)
    return int(value) if isinstance(domain, IntDistribution) else float(value)


def _ends(domain: BaseDistribution) -> tuple[float, float]:
    """Return the ends of the scale: half a step beyond a whole number's range, so that all have equal shares."""
    assert isinstance(domain, FloatDistribution | IntDistribution)
    half = 0.5 * domain.step if isinstance(domain, IntDistribution) else 0.0
    return domain.low - half, domain.high + half


def _is_log(domain: BaseDistribution) -> bool:
    assert isinstance(domain, FloatDistribution | IntDistribution)
    return domain.log
