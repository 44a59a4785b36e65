"""From the options of the task ``series`` to how a table holds series."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from search_spaces.errors import UserError, unknown
from trainables.base.tables.cells.epochs import EPOCHS
from trainables.base.tables.cells.numbers import PLAIN, read_numbers
from trainables.base.tables.columns.selection import category_text
from trainables.base.tables.reading.file import column_list
from trainables.base.tables.series.grid import Layout
from trainables.base.tables.series.times import infer_step, local_times, read_times
from trainables.base.tables.target import Target, code_numbers, infer_target

MAX_HORIZON, MAX_SEASON = 1_000, 100_000


def read_layout(
    frame: pd.DataFrame,
    time: str | None,
    target: str | None,
    horizon: int | None,
    group: str | None,
    known: Sequence[str],
    season: int | None,
    missing: Sequence[str] | None = None,
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
        missing: Cells of the target that mean "no value"; None to find them.

    Raises:
        UserError: The table holds no series, or not these columns.
    """
    time, target = _given(frame, time, target)
    used = [time, target, *([] if group is None else [group])]
    _check_columns(frame, used, known)
    if group is not None and not frame[group].notna().any():
        raise UserError(f"--group '{group}' has no value. Leave it out.")
    read = infer_target(frame[target], "regression", missing=missing, leaves_out=False)
    notation = read.notation or PLAIN
    local, zone, notes = local_times(frame[time])
    notes += _target_notes(frame[target], read)
    times, order = read_times(local)
    if order in EPOCHS:
        notes.append(f"The numbers of '{time}' are read as {order} (the first is {times.min():%Y-%m-%d %H:%M}).")
    groups = category_text(frame[group]) if group is not None else pd.Series("", index=frame.index)
    step = infer_step(times, groups, time, dates=bool(order))
    season = step.season if season is None else season
    horizon = max(1, season) if horizon is None else horizon
    _check_steps(season, horizon)
    _check_known(frame, known)
    numeric, others = _other_columns(frame, (*used, *known))
    past = [name for name in numeric if frame[name].nunique() > 1]
    if season > 1:
        notes.append(f"The step of '{time}' is {step}, a season {season} steps; --season overrides.")
    else:
        notes.append(f"The step of '{time}' is {step}, without a season; --season gives one.")
    if past:
        notes.append(f"Known up to the moment of a forecast: {', '.join(past)}; --known names what is known after it.")
    if others:
        notes.append(f"Left out, as they hold no numbers: {', '.join(others)}. Write them as numbers to use them.")
    codes = tuple(code_numbers(read.missing))
    layout = Layout(
        time, target, group or "", order, notation, step, season, horizon, tuple(known), tuple(past), zone, codes
    )
    return layout, notes


def _other_columns(frame: pd.DataFrame, used: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the further columns of a table: those with numbers, and those with values that are none."""
    names = [str(name) for name in frame.columns if name not in used and frame[name].notna().any()]
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(frame[name])]
    return numeric, [name for name in names if name not in numeric]


def _target_notes(cells: pd.Series, read: Target) -> list[str]:
    """Return what is said of the column to forecast: rows without a value stay, as moments whose value is missing."""
    present = cells.dropna()
    lost = present[read_numbers(present, read.notation or PLAIN).isna()]
    notes = list(read.notes)
    if len(lost):
        notes.append(
            f"Cells of '{cells.name}' that are not numbers count as missing ({len(lost):,}, e.g. "
            f"{str(lost.iloc[0])[:30]!r})."
        )
    return notes


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


def _check_known(frame: pd.DataFrame, known: Sequence[str]) -> None:
    """Raise ``UserError`` for a known column without numbers."""
    for name in known:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise UserError(f"--known '{name}' is not numeric. Write it as numbers, e.g. 0 and 1.")
        if not frame[name].notna().any():
            raise UserError(f"--known '{name}' has no value. Leave it out.")
