"""Configurations as rows of the unit cube and as features of a model of learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces import ParamValue, SearchSpace
from tunelab.search.sampling.directed_trial import DirectedTrial

ABSENT = 0.5  # where a parameter lies that a configuration does not have
PROBES = 16  # random configurations that show whether a space has branches
Interval: TypeAlias = FloatDistribution | IntDistribution


class Encoding:
    """Translates parameters of a search space to a row of places in 0..1, and a row to the features of a model.

    A row has one place for each parameter, logarithmic where its distribution is. The features are a column for each
    number and one for each choice (one-hot), scaled so that two choices are one apart.

    Args:
        space: The search space, conditional branches included.

    Attributes:
        columns: Number of places of a row.
        size: Number of features.
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
            name: The parameter.
            domain: Its distribution in this trial; a range may depend on another parameter.
            row: Places, shape (columns,).
            unmet: Its place if it is on a branch so rare that the space's random draws never met it.
        """
        column = self._index.get(name)
        value = _from_unit(domain, unmet) if column is None else _from_unit(self._domains[name], float(row[column]))
        return _within(value, domain)

    def params(self, row: np.ndarray) -> dict[str, ParamValue]:
        """Return the parameters at places, those of the branch that they lead to."""
        trial = DirectedTrial(lambda name, domain: self.value(name, domain, row))
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

    def features(self, rows: np.ndarray) -> np.ndarray:
        """Return the features of visible rows, shape (rows, size)."""
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
            rows: Visible rows, shape (rows, columns).
            widths: Standard deviation of each row's moves, shape (rows,).
            rng: Draws the moves.
        """
        moved = np.clip(rows + widths[:, None] * rng.standard_normal(rows.shape), 0, 1)
        drawn = rng.random(rows.shape)
        changed = np.where(rng.random(rows.shape) < widths[:, None], drawn, rows)
        return np.where(np.isnan(rows), drawn, np.where(self._choices, changed, moved))


def _within(value: ParamValue, domain: BaseDistribution) -> ParamValue:
    """Return the value of a distribution that is nearest to a number; a choice as it is."""
    if isinstance(domain, CategoricalDistribution):
        return value
    interval = _interval(domain)
    return _stepped(min(max(_number(value), interval.low), interval.high), interval)


def _to_unit(domain: BaseDistribution, value: ParamValue) -> float:
    if isinstance(domain, CategoricalDistribution):
        if value not in domain.choices:  # dropped since
            return math.nan
        place: int = domain.choices.index(value)
        return (place + 0.5) / len(domain.choices)
    interval = _interval(domain)
    low, high = _ends(interval)
    if high <= low:
        return ABSENT
    number = min(max(_number(value), low), high)  # a trial of a wider range
    if interval.log:
        return (math.log(number) - math.log(low)) / (math.log(high) - math.log(low))
    return (number - low) / (high - low)


def _from_unit(domain: BaseDistribution, place: float) -> ParamValue:
    if isinstance(domain, CategoricalDistribution):
        return domain.choices[min(int(place * len(domain.choices)), len(domain.choices) - 1)]
    interval = _interval(domain)
    low, high = _ends(interval)
    value = math.exp(math.log(low) + place * math.log(high / low)) if interval.log else low + place * (high - low)
    return _stepped(value, interval)


def _stepped(value: float, interval: Interval) -> ParamValue:
    """Return a number as its distribution has it: inside, and on a step."""
    if interval.step is not None:
        value = interval.low + round((value - interval.low) / interval.step) * interval.step
    value = min(max(value, interval.low), interval.high)
    return int(value) if isinstance(interval, IntDistribution) else float(value)


def _ends(interval: Interval) -> tuple[float, float]:
    """Return the ends of the scale: half a step beyond a whole number's range, so that all have equal shares."""
    half = 0.5 * interval.step if isinstance(interval, IntDistribution) else 0.0
    return interval.low - half, interval.high + half


def _interval(domain: BaseDistribution) -> Interval:
    """Return a distribution of numbers as such: Optuna has these two beside choices."""
    assert isinstance(domain, FloatDistribution | IntDistribution)
    return domain


def _number(value: ParamValue) -> float:
    assert isinstance(value, int | float)  # a value of an interval
    return float(value)
