"""Columns from which the target can be computed: a sum or product of others, a copy, a code for the class."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np
import pandas as pd

from trainables.base.tables.columns import Columns

PROBED = 2_000  # rows that are looked at
MIN_ROWS, ROWS_PER_COLUMN = 20, 3  # fewer rows fit by accident
MAX_COLUMNS = 60
EXACT = 1e-9  # share of the target's variance that may be left, above the rounding of cells
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
    rows = numbers.notna().all(axis=1) & target.notna()
    x, y = numbers[rows], target[rows]
    x = x[[column for column in x if x[column].nunique() > 1]]
    if len(y) < max(MIN_ROWS, ROWS_PER_COLUMN * (x.shape[1] + 1)) or not x.shape[1] or y.nunique() < 3:
        return [], ""
    names, factors = _exact(x, y)
    if names:
        return names, f"{name} = {_sum(names, factors)}" if all(map(_is_round, factors)) else ""
    positive = [column for column in x if bool((x[column] > 0).all())]
    if positive and bool((y > 0).all()):
        names, powers = _exact(x[positive].apply(np.log), y.apply(np.log))
        if len(names) > 1 and all(abs(abs(power) - 1) < 1e-6 for power in powers):
            return names, ""
    return [], ""


def _exact(x: pd.DataFrame, y: pd.Series) -> tuple[list[str], list[float]]:
    """Return the fewest columns that give ``y`` as a linear function, and their factors; empty when none do."""
    names = list(x.columns)
    if _left(x[names], y) > EXACT:
        return [], []
    for column in list(x.columns):
        fewer = [name for name in names if name != column]
        if fewer and _left(x[fewer], y) <= EXACT:
            names = fewer
    return names, _solution(x[names], y)[:-1].tolist()


def _left(x: pd.DataFrame, y: pd.Series) -> float:
    """Return the share of the variance of ``y`` that a linear function of ``x`` leaves."""
    matrix = np.column_stack([x.to_numpy(), np.ones(len(x))])
    rest = y.to_numpy() - matrix @ _solution(x, y)
    return float((rest @ rest) / ((y - y.mean()) @ (y - y.mean())))


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
