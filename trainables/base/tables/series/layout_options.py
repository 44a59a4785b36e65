"""From the options of the task ``series`` to how a table holds series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from search_spaces.errors import UserError, unknown
from trainables.base.tables.cells.numbers import PLAIN, read_numbers
from trainables.base.tables.reading.file import column_list
from trainables.base.tables.series.grid import Layout, infer_step, local_times, read_times
from trainables.base.tables.target import infer_target

MAX_HORIZON, MAX_SEASON = 1_000, 100_000
COPY = 0.9999  # correlation with the target from which a column is the target in other units


def read_layout(
    frame: pd.DataFrame,
    time: str | None,
    target: str | None,
    horizon: int | None,
    group: str | None,
    known: Sequence[str],
    season: int | None,
) -> tuple[Layout, list[str]]:
    """Return how the table holds series, and notes, a sentence each.

    Args:
        frame: The table.
        time: Column of the moments.
        target: Column to forecast.
        horizon: Steps; a season when None.
        group: Column of the groups; None for one series.
        known: Columns whose future is known.
        season: Steps; from the step of time when None.

    Raises:
        UserError: The table holds no series, or not these columns.
    """
    time, target = _given(frame, time, target)
    used = [time, target, *([] if group is None else [group])]
    _check_columns(frame, used, known)
    notation = infer_target(frame[target], "regression").notation or PLAIN
    local, zone, notes = local_times(frame[time])
    times, order = read_times(local)
    groups = frame[group] if group is not None else pd.Series("", index=frame.index)
    step = infer_step(times, groups, time, dates=bool(order))
    season = step.season if season is None else season
    horizon = max(1, season) if horizon is None else horizon
    _check_steps(season, horizon)
    _check_known(frame, known, read_numbers(frame[target], notation))
    past = [
        str(name)
        for name in frame.columns
        if name not in (*used, *known) and pd.api.types.is_numeric_dtype(frame[name]) and frame[name].nunique() > 1
    ]
    notes.append(f"The step of '{time}' is {step}, a season {season} steps; --season overrides.")
    if past:
        notes.append(f"Known up to the moment of a forecast: {', '.join(past)}; --known names what is known after it.")
    layout = Layout(time, target, group or "", order, notation, step, season, horizon, tuple(known), tuple(past), zone)
    return layout, notes


def _given(frame: pd.DataFrame, time: str | None, target: str | None) -> tuple[str, str]:
    """Return the two columns that a table of series must have; raise ``UserError`` where one is not named."""
    for option, column, holds in (("time", time, "of the moments"), ("target", target, "to forecast")):
        if column is None:
            raise UserError(f"Task 'series' needs --{option}, the column {holds}. It is one of: {column_list(frame)}.")
    assert time is not None
    assert target is not None
    return time, target


def _check_columns(frame: pd.DataFrame, used: Sequence[str], known: Sequence[str]) -> None:
    """Raise ``UserError`` for a column that the table lacks, or one that is named twice."""
    for column in (*used, *known):
        if column not in frame.columns:
            raise unknown("column", column, map(str, frame.columns))
    if len({*used, *known}) < len(used) + len(known):
        raise UserError("--time, --target, --group and --known must be different columns.")


def _check_steps(season: int, horizon: int) -> None:
    """Raise ``UserError`` for a season or a horizon that is not a number of steps."""
    for option, value, most in (("season", season, MAX_SEASON), ("horizon", horizon, MAX_HORIZON)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise UserError(f"--{option} of task 'series' must be from 1 to {most:,} steps, got {value!r}.")


def _check_known(frame: pd.DataFrame, known: Sequence[str], target: pd.Series) -> None:
    """Raise ``UserError`` for a known column without numbers, or one that tells the target of its own moment."""
    for name in known:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise UserError(f"--known '{name}' is not numeric. Write it as numbers, e.g. 0 and 1.")
        both = frame[name].notna() & target.notna()
        if not both.any():
            raise UserError(f"--known '{name}' has no value. Leave it out.")
        values, wanted = frame[name][both].to_numpy(np.float64), target[both].to_numpy(np.float64)
        if values.std() == 0 or wanted.std() == 0:
            continue
        together = abs(float(np.corrcoef(values, wanted)[0, 1]))
        if len(values) > 2 and together >= COPY:
            raise UserError(
                f"--known '{name}' tells the target of the same moment (correlation {together:.4f}), which is not "
                "known when a forecast is made. Leave it out of --known, and out of the table if it is a copy."
            )
