"""Forecasts of a trained model: the steps after the last known value of each series, with an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.contract.predictor import Predictor
from trainables.base.tables.index_levels import with_index_levels
from trainables.base.tables.series.grid import Layout, OneSeries, place
from trainables.base.tables.series.intervals import COVERAGE, SERIES, half_widths
from trainables.base.tables.series.rows import MOMENT, at_the_moment, next_rows
from trainables.base.tables.series.times import DAY, Step

SHOWN = 5  # series in a note
MIN_WEEKS = 4  # of a series before a weekday without a value is one on which there is none


def stored_series(predictor: Predictor) -> Mapping[str, Any] | None:
    """Return the fact ``series`` of a model that forecasts, see ``series_fact``; None for another model."""
    facts: Mapping[str, Any] = getattr(predictor, "facts", None) or {}
    return facts.get(SERIES)


def forecast(predictor: Predictor, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Forecast the steps after the last known value of each series.

    Args:
        predictor: A model with the fact ``series``.
        frame: The past, with the columns of the training table; known columns may continue into the future, in rows
            without a target.

    Returns:
        A row a step and series: the time, the group, ``prediction`` in the target's unit, and the ends of the interval
        that is made to hold 90 % of values; and notes, a sentence each.

    Raises:
        UserError: A column is missing, or moments cannot be read.
        TypeError: The model does not forecast.
    """
    frame = with_index_levels(frame)
    stored = stored_series(predictor)
    if stored is None:
        raise TypeError(f"A {type(predictor).__name__} without the fact '{SERIES}' forecasts nothing.")
    layout = Layout.from_json(stored["layout"])
    needed = (layout.time, layout.target, *([layout.group] if layout.group else []), *layout.known, *layout.past)
    lost = [name for name in needed if name not in frame.columns]
    if len(lost) == len(needed):
        raise UserError(
            f"The input has none of the columns that a forecast needs: {', '.join(needed)}. Give the past, in the "
            "table as for training."
        )
    if lost:
        raise UserError(
            f"The input lacks the column(s) {', '.join(map(repr, lost))}. A forecast needs the past: give the table as "
            f"for training, with {', '.join(needed)}."
        )
    found, notes = place(frame.assign(**{layout.target: frame[layout.target].replace("", None)}), layout)
    empty = [series.group for series in found if not np.isfinite(series.values).any()]
    if empty:
        raise UserError(f"The column '{layout.target}' has no value{f' of series {empty[0]!r}' if empty[0] else ''}.")
    rows = pd.concat([next_rows(series, layout) for series in found], ignore_index=True)
    closed = np.concatenate([_closed_days(series, layout) for series in found])
    if closed.any() and not closed.all():
        rows = rows[~closed].reset_index(drop=True)
        notes.append(f"Left out forecasts of weekdays that never have a value ({int(closed.sum()):,}).")
    notes += [*_known_notes(rows, layout), *_unseen_notes(predictor, rows, layout)]
    predicted = predictor.predict(rows)["prediction"].to_numpy(dtype=np.float64)
    width = half_widths(stored, rows)
    shown = pd.DataFrame({layout.time: written_moments(layout, rows[MOMENT].to_numpy())})
    if layout.group:
        shown[layout.group] = rows[layout.group]
    low, high = f"lower_{100 * COVERAGE:.0f}", f"upper_{100 * COVERAGE:.0f}"
    return shown.assign(prediction=predicted, **{low: predicted - width, high: predicted + width}), notes


def _closed_days(series: OneSeries, layout: Layout) -> np.ndarray:
    """Return which of the next steps fall on a weekday without any value in the past, such as a day of rest.

    Args:
        series: One series.
        layout: Of it.

    Returns:
        (horizon,) booleans.
    """
    if layout.step != Step("seconds", DAY) or len(series.values) < MIN_WEEKS * 7:
        return np.zeros(layout.horizon, dtype=bool)
    open_days = np.flatnonzero(np.isfinite(series.values))
    ahead = int(open_days[-1]) + np.arange(1, layout.horizon + 1)
    return ~np.isin(ahead % 7, open_days % 7)


def _known_notes(rows: pd.DataFrame, layout: Layout) -> Iterator[str]:
    """Return which known columns lack some values of the future; raise ``UserError`` when one lacks them all."""
    for name in layout.known:
        missing = rows[at_the_moment(name)].isna()
        if missing.all():
            raise UserError(
                f"The model reads '{name}' of the moments that it forecasts (--known), but the table has none: add a "
                f"row a moment of the future, with '{layout.time}' and '{name}' and an empty '{layout.target}'. Was "
                f"'{name}' not known in advance after all? Then train without --known."
            )
        if missing.any():
            yield f"'{name}' is missing for {int(missing.sum()):,} of {len(rows):,} moments that are forecast."


def _unseen_notes(predictor: Any, rows: pd.DataFrame, layout: Layout) -> Iterator[str]:
    """Return which series are others than those of training."""
    known = predictor.preprocessing.known_categories.get(layout.group, ())
    unseen = [group for group in rows[layout.group].unique() if group not in known] if layout.group else []
    if unseen:
        shown = ", ".join(map(repr, unseen[:SHOWN]))
        more = f" and {len(unseen) - SHOWN:,} more" if len(unseen) > SHOWN else ""
        yield f"Series that training never saw are forecast from their own past alone: {shown}{more}."


def written_moments(layout: Layout, counts: np.ndarray) -> pd.Series:
    """Return moments (n,) as a file holds them: whole numbers, dates, or dates with the time of day.

    Args:
        layout: Of the series.
        counts: (n,) of steps, see ``Step.count``.
    """
    times = layout.step.times(counts)
    if layout.step.unit == "numbers":
        return times
    days = layout.step.unit == "months" or bool((times == times.dt.normalize()).all())
    written: pd.Series = times.dt.strftime("%Y-%m-%d" if days else "%Y-%m-%d %H:%M:%S")
    return written if days else written + layout.zone
