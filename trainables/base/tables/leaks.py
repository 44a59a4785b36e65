"""Columns from which the target can be computed: a sum or product of others, a copy, a code for the class."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from trainables.base.tables.columns.selection import Columns

PROBED = 2_000  # rows that are looked at
MIN_ROWS, ROWS_PER_COLUMN = 20, 3  # fewer rows fit by accident
MAX_COLUMNS = 60
EXACT = 1e-9  # share of the target's variance that may be left
WITHIN = 0.75  # of the units to which cells are rounded; half, and a little for the estimated factors
CLEAR = 0.04  # of the target's deviation: a larger error from the rounding of cells tells nothing
MAX_DECIMALS = 6  # of a rounded cell
MAX_PRODUCTS = 8  # columns of which the products by pairs are looked at
MAX_POWER = 3.0  # of a column in a product: body mass index is weight / height^2
SAME_VALUE = 5  # rows that share a value, on average: fewer decide the target by accident


def find_leak(frame: pd.DataFrame, target: str, columns: Columns, *, regression: bool) -> str:
    """Return a sentence naming the columns that give the target away, or nothing.

    Args:
        frame: the rows to learn from, with a clean target.
        target: name of the target column.
        columns: what a model would read.
        regression: whether the target is a number.
    """
    probe = frame.iloc[:: max(1, len(frame) // PROBED)]
    if len(probe) < MIN_ROWS:
        return ""
    values = {name: columns.categories(probe[name]) for name in columns.categorical}
    formula, names = "", [name for name, column in values.items() if _decides(column, probe[target])]
    if not names and regression:
        numbers = {name: columns.numbers(probe[name]) for name in columns.numeric[:MAX_COLUMNS]}
        names, formula = _formula(pd.DataFrame(numbers), probe[target].astype(np.float64), target)
    elif not names:
        names = [name for name in columns.numeric if _parts(columns.numbers(probe[name]), probe[target])]
    if not names:
        return ""
    listed = " and ".join([", ".join(f"'{name}'" for name in names[:-1]), f"'{names[-1]}'"][len(names) == 1 :])
    shown = f" ({formula})" if formula else ""
    option = " ".join(f"--ignore {shlex.quote(name)}" for name in names)
    return (
        f"The target '{target}' can be computed from {listed}{shown}. Leave out what is not known before it: {option}."
    )


def _decides(values: pd.Series, target: pd.Series) -> bool:
    """Return whether every value of a column has one value of the target, and enough rows to exclude chance."""
    groups = target.groupby(values.to_numpy())
    return len(groups) > 1 and len(values) >= SAME_VALUE * len(groups) and int(groups.nunique().max()) == 1


def _parts(values: pd.Series, target: pd.Series) -> bool:
    """Return whether the classes lie in separate ranges of a column."""
    ranges = values.groupby(target.to_numpy()).agg(["min", "max"]).sort_values("min")
    enough = len(values) >= SAME_VALUE * len(ranges) and bool(values.notna().all())
    return enough and bool((ranges["min"].to_numpy()[1:] > ranges["max"].to_numpy()[:-1]).all())


def _formula(numbers: pd.DataFrame, target: pd.Series, name: str) -> tuple[list[str], str]:
    if numbers.empty:  # no column is a number
        return [], ""
    rows = numbers.notna().all(axis=1) & target.notna()
    x, y = numbers[rows], target[rows]
    x = x[[column for column in x if x[column].nunique() > 1]]
    if len(y) < max(MIN_ROWS, ROWS_PER_COLUMN * (x.shape[1] + 1)) or not x.shape[1] or y.nunique() < 3:
        return [], ""
    steps = pd.Series({column: _step(x[column]) % 1 for column in x})  # whole numbers are exact
    names, factors = _exact(x, y, x * 0 + steps, y * 0 + _step(y))
    if names:
        return names, f"{name} = {_sum(names, factors)}" if all(map(_is_round, factors)) else ""
    positive = x[[column for column in x if bool((x[column] > 0).all())]]
    if positive.shape[1] and bool((y > 0).all()):
        names, powers = _exact(
            positive.apply(np.log), y.apply(np.log), steps[positive.columns] / positive, _step(y) / y
        )
        whole = all(abs(2 * power - round(2 * power)) < 0.02 and 0.25 < abs(power) <= MAX_POWER for power in powers)
        if len(names) > 1 and whole:
            return names, ""
    return _with_products(x, y, steps), ""


def _with_products(x: pd.DataFrame, y: pd.Series, steps: pd.Series) -> list[str]:
    """Return the columns that give ``y`` as a sum of columns and products of two; empty when none do."""
    pairs = list(combinations(map(str, x.columns), 2))
    if x.shape[1] > MAX_PRODUCTS or len(y) < ROWS_PER_COLUMN * (x.shape[1] + len(pairs) + 1):
        return []
    products = pd.DataFrame({str(pair): x[pair[0]] * x[pair[1]] for pair in pairs})
    rounding = pd.DataFrame({str((a, b)): x[a].abs() * steps[b] + x[b].abs() * steps[a] for a, b in pairs})
    terms, of_terms = pd.concat([x, products], axis=1), pd.concat([x * 0 + steps, rounding], axis=1)
    members = {**{str(column): (str(column),) for column in x}, **{str(pair): pair for pair in pairs}}
    names, _ = _exact(terms, y, of_terms, y * 0 + _step(y))
    return list(dict.fromkeys(column for name in names for column in members[name]))


def _step(numbers: pd.Series) -> float:
    """Return the unit to which numbers are rounded, e.g. 0.01; 0 for numbers with more decimals than cells have."""
    for decimals in range(MAX_DECIMALS + 1):
        if np.allclose(numbers, numbers.round(decimals), rtol=1e-12, atol=1e-9):
            return 10.0**-decimals
    return 0.0


def _exact(x: pd.DataFrame, y: pd.Series, x_steps: pd.DataFrame, y_steps: pd.Series) -> tuple[list[str], list[float]]:
    """Return the fewest columns that give ``y`` as a linear function, and their factors; empty when none do.

    Args:
        x: numbers without missing ones.
        y: the target.
        x_steps: unit to which each number is rounded.
        y_steps: the same of the target: the function may be off by half of these together. It may have been made
            from the numbers as they are, or from more exact ones.
    """

    def fits(names: list[str]) -> bool:
        factors = _solution(x[names], y)
        rest = y.to_numpy() - np.column_stack([x[names].to_numpy(), np.ones(len(x))]) @ factors
        spread = float(y.to_numpy().var())
        if spread > 0 and float(rest @ rest) <= EXACT * len(y) * spread:  # 0 where it is too small for a float
            return True
        of_y, of_x = y_steps.to_numpy(), x_steps[names].to_numpy() @ np.abs(factors[:-1])
        return any(
            bool((np.abs(rest) <= WITHIN * steps).all()) and float(np.median(steps)) < CLEAR * float(y.to_numpy().std())
            for steps in (of_y, of_y + of_x)
        )

    names = list(x.columns)
    if not fits(names):
        return [], []
    for column in list(x.columns):
        fewer = [name for name in names if name != column]
        if fewer and fits(fewer):
            names = fewer
    return names, _solution(x[names], y)[:-1].tolist()


def _solution(x: pd.DataFrame, y: pd.Series) -> np.ndarray:
    scale = np.append(x.abs().max().to_numpy(), 1.0)
    matrix = np.column_stack([x.to_numpy(), np.ones(len(x))]) / scale
    found: np.ndarray = np.linalg.lstsq(matrix, y.to_numpy(), rcond=None)[0] / scale
    return found


def _is_round(factor: float) -> bool:
    return abs(factor - round(factor)) < 1e-6 and round(factor) != 0


def _sum(names: Sequence[str], factors: Sequence[float]) -> str:
    terms = []
    for name, factor in zip(names, factors, strict=True):
        times = abs(round(factor))
        terms.append(f"{'-' if factor < 0 else '+'} {'' if times == 1 else f'{times} '}{name}")
    return " ".join(terms).removeprefix("+ ")
