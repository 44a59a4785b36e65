"""Forecasts of a series over its test moments, with their intervals, beside what came."""

from __future__ import annotations

import numpy as np
import pandas as pd

from trainables.base.kinds.percent import as_percent
from trainables.base.tables.series.accuracy import coverage
from trainables.base.tables.series.forecast import stored_series, written_moments
from trainables.base.tables.series.grid import Layout
from trainables.base.tables.series.intervals import half_widths
from trainables.base.tables.series.rows import MOMENT, ORIGIN
from tunelab.figures.charts import Chart, Drawing, Line, label
from tunelab.figures.evidence import Evidence
from tunelab.records.assessment.evaluation import ForecastLine
from tunelab.system.language import tr

MAX_MOMENTS = 300  # the last ones; more make the page heavy and hide one another
MAX_RULES = 16


def forecast_line(evidence: Evidence) -> ForecastLine | None:
    """Return the forecasts of the series with the most test rows; None for a model that does not forecast series."""
    stored, frame = stored_series(evidence.predictor), evidence.test.inputs
    if stored is None:
        return None
    layout = Layout.from_json(stored["layout"])
    group = str(frame[layout.group].mode().iloc[0]) if layout.group else ""
    rows = layout.groups(frame) == group
    size, horizon = layout.step.size, layout.horizon
    origin, moment = (frame[name].to_numpy(np.int64) for name in (ORIGIN, MOMENT))
    last = int(moment[rows].max())
    rows &= ((last - origin) % (horizon * size) == 0) & (moment > last - MAX_MOMENTS * size)
    shown = np.flatnonzero(rows)[np.argsort(moment[rows])]
    if len(shown) < 2:
        return None
    first = int(moment[shown[0]])
    values = np.asarray(evidence.test.targets, np.float64), evidence.predicted(), half_widths(stored, frame)
    actual, predicted, half = (tuple(float(f"{value:.5g}") for value in column[shown]) for column in values)
    return ForecastLine(
        evidence.target,
        group,
        _positions(layout, moment[shown]),
        actual,
        predicted,
        half,
        _positions(layout, np.unique(origin[shown])),
        str(written_moments(layout, np.array([first])).iloc[0]),
        coverage(*values),
        label(layout.time, layout.zone),
        layout.step.unit != "numbers",
    )


def forecast_drawing(line: ForecastLine, unit: str) -> Drawing:
    """Draw forecasts with their intervals beside targets.

    Args:
        line: Of the test moments.
        unit: Of the target; empty for none.
    """
    x, actual, predicted, width = (np.asarray(v) for v in (line.moments, line.actual, line.predicted, line.width))
    marks = [
        Line(x, predicted - width, quiet=True),
        Line(x, predicted + width, quiet=True),
        Line(x, actual, tr("actual")),
        Line(x, predicted, tr("forecast")),
    ]
    rules = line.origins if len(line.origins) <= MAX_RULES else ()
    across = line.time or tr("steps since {moment}", moment=line.begins)
    name = label(f"{line.target}: {line.group}" if line.group else line.target, unit)
    note = tr(
        "Each forecast is made from the last moment before the dotted line on its left, without what came later; the "
        "quiet lines are the ends of the intervals that are made to hold 90 % of values."
    )
    if line.coverage is not None:
        held = tr("Of all test rows {share} are inside, over all origins and steps.", share=as_percent(line.coverage))
        note = f"{note} {held}"
    chart = Chart(marks, across, name, verticals=rules, whole_x=not line.dated, dates=line.dated)
    return Drawing("forecasts", tr("Forecasts, test split"), [chart], 1, note)


def _positions(layout: Layout, counts: np.ndarray) -> tuple[float, ...]:
    """Return where moments lie on an axis: seconds since 1970 for dates, else the numbers themselves."""
    times = layout.step.times(counts)
    seconds = times if layout.step.unit == "numbers" else (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return tuple(seconds.astype(float).tolist())
