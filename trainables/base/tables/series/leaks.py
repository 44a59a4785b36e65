"""Columns that tell the future of the target: a shifted copy of it, from which every forecast would seem perfect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search_spaces.errors import UserError
from trainables.base.tables.series.grid import Layout, OneSeries

COPY = 0.9999  # correlation from which a column is the target of another moment, in other units
CLEARLY = 10.0  # times as much of the variance that the best moment a forecast may know leaves unexplained
MAX_SHIFT, MAX_VALUES, MAX_SERIES = 100, 5_000, 10  # steps, values of a series from its end, series that are compared
MIN_VALUES = 20


def check_future(found: Sequence[OneSeries], layout: Layout) -> None:
    """Raise ``UserError`` when a column is a copy of targets that are not known when a forecast is made.

    A column that is known up to the origin must not tell the target of a later moment. One that is known of the moments
    that are forecast must not tell a target within the horizon before its moment, nor of it, nor after it. In a smooth
    series neighbours are alike: a column is refused when no moment that may be known explains it nearly as well.

    Args:
        found: All series.
        layout: Of the series.
    """
    reach = min(layout.horizon, MAX_SHIFT)
    for names, known, told in (
        (layout.past, range(-reach, 1), range(1, reach + 1)),
        (layout.known, range(-2 * reach, 1 - layout.horizon), range(1 - reach, reach + 1)),
    ):
        for name in names:
            left = {shift: _unexplained(found, name, shift) for shift in (*known, *told)}
            shift = min(told, key=lambda step: left[step])
            allowed = min((left[step] for step in known), default=1.0)
            if left[shift] <= 1 - COPY**2 and CLEARLY * left[shift] < allowed:
                raise UserError(_sentence(name, shift, layout))


def _sentence(name: str, shift: int, layout: Layout) -> str:
    when = f"the moment {shift} step(s) after its own" if shift > 0 else f"the moment {-shift} step(s) before its own"
    when = when if shift else "the same moment"
    return (
        f"The column '{name}' tells the target of {when}, which is not known when a forecast of "
        f"{layout.horizon} steps is made. Remove it from the table, or shift it to when it is known."
    )


def _unexplained(found: Sequence[OneSeries], name: str, shift: int) -> float:
    """Return the share of a column's variance that the target ``shift`` steps later leaves, 1 with too few values."""
    columns, targets = [np.empty(0)], [np.empty(0)]
    for series in found[:MAX_SERIES]:
        column, target = series.others[name][-MAX_VALUES:], series.values[-MAX_VALUES:]
        steps = abs(shift)
        if steps >= len(target):
            continue
        early, late = slice(0, len(target) - steps), slice(steps, len(target))
        columns.append(column[early if shift >= 0 else late])
        targets.append(target[late if shift >= 0 else early])
    both = np.stack([np.concatenate(columns), np.concatenate(targets)])
    both = both[:, np.isfinite(both).all(axis=0)]
    if both.shape[1] < MIN_VALUES or not both.std(axis=1).all():
        return 1.0
    return float(1 - np.asarray(np.corrcoef(both))[0, 1] ** 2)
