"""The training rows: histograms of the columns and their correlations; and what the model makes of the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import kind_of
from tunelab.figures.charts import Bars, Chart, Drawing, Heatmap, Histogram, label
from tunelab.figures.evidence import Evidence
from tunelab.records.assessment.importance import Importance
from tunelab.system.language import tr

MAX_COLUMNS = 24  # of histograms and of the heatmap; named in the note when there are more
MAX_VALUES = 12  # of a categorical column
MAX_BARS = 30
BINS = 30
TAIL = 0.01
DAYS_A_YEAR = 365.2425


def feature_drawings(evidence: Evidence) -> list[Drawing]:
    """Return histograms and correlations of the raw training columns that the model reads."""
    frame = evidence.train.inputs
    if not isinstance(frame, pd.DataFrame):
        return []
    numbers, columns = numeric_columns(evidence), _columns(evidence)
    dates: list[str] = []
    if columns is not None:  # as the model reads them; dates as years with a fraction, for a histogram
        frame, dates = frame[list(columns.names)], list(columns.dates)
        read = {name: columns.numbers(frame[name]) for name in (*numbers, *dates)}
        frame = frame.assign(**read | {name: 1970 + read[name] / DAYS_A_YEAR for name in dates})
    drawings = [histograms(frame, numbers, dates), correlations(frame[numbers], evidence)]
    return [drawing for drawing in drawings if drawing is not None]


def _columns(evidence: Evidence) -> Any:
    """Return which raw columns the model reads, by kind; None when it does not say."""
    return getattr(getattr(evidence.predictor, "preprocessing", None), "columns", None)


def numeric_columns(evidence: Evidence) -> list[str]:
    """Return names of the raw columns that the model reads as numbers."""
    columns = _columns(evidence)
    if columns is not None:
        return list(columns.numeric)
    return [str(name) for name in evidence.train.inputs.select_dtypes("number").columns]


def histograms(frame: pd.DataFrame, numbers: list[str], dates: list[str]) -> Drawing | None:
    """Draw a small histogram for each number and date (in years), bars of the commonest values for other columns."""
    charts = []
    for name in map(str, list(frame.columns)[:MAX_COLUMNS]):
        if name in numbers:
            chart = _number(frame[name], name)
        else:
            chart = _number(frame[name], label(name, tr("year"))) if name in dates else _category(frame[name], name)
        if chart is not None:
            charts.append(chart)
    if not charts:
        return None
    note = tr("{rows:,} training rows; missing cells are left out.", rows=len(frame))
    if len(frame.columns) > MAX_COLUMNS:
        more = tr("The first {shown} of {count} columns.", shown=MAX_COLUMNS, count=len(frame.columns))
        note = f"{note} {more}"
    title = tr("Columns of the training split")
    return Drawing("feature_histograms", title, charts, min(4, len(charts)), note, "small")


def _number(column: pd.Series, name: str) -> Chart | None:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) == 0 or values.min() == values.max():
        return None
    low, high = np.quantile(values, [TAIL / 2, 1 - TAIL / 2])
    cut = low < high and np.ptp(values) > 4 * (high - low)  # a few rows far out would press all others into one bar
    counts, edges = np.histogram(values, bins=BINS, range=(low, high) if cut else None)
    shown = tr("{column}, middle 99 %", column=name) if cut else name
    return Chart([Histogram(edges, counts.astype(np.float64))], shown, tr("rows"))


def _category(column: pd.Series, name: str) -> Chart | None:
    counts = column.dropna().astype(str).value_counts()
    if not len(counts) > 1:
        return None
    shown = counts.iloc[:MAX_VALUES]
    heights = np.asarray(shown, dtype=np.float64)
    if len(counts) > MAX_VALUES:
        name = tr("{column} ({shown} of {count:,} values)", column=name, shown=len(shown), count=len(counts))
    return Chart([Bars([str(v) for v in shown.index], heights)], name, tr("rows"))


def correlations(frame: pd.DataFrame, evidence: Evidence) -> Drawing | None:
    """Return Pearson correlations of the numeric columns, and of a regression's target."""
    table = frame.iloc[:, :MAX_COLUMNS].apply(pd.to_numeric, errors="coerce")
    kind = kind_of(evidence.facts.kind)
    if isinstance(kind, RowKind) and not kind.classifies:
        table = table.assign(**{evidence.target: np.asarray(evidence.train.targets, dtype=np.float64)})
    table = table.loc[:, table.nunique() > 1]
    if table.shape[1] < 2:
        return None
    matrix = table.corr().to_numpy(dtype=np.float64)
    names = [str(name) for name in table.columns]
    heatmap = Heatmap(np.nan_to_num(matrix), names, names, digits=2, span=(-1.0, 1.0), diverging=True)
    note = tr("Pearson correlation of the training rows.")
    if len(frame.columns) > MAX_COLUMNS:
        more = tr("The first {shown} of {count} numeric columns.", shown=MAX_COLUMNS, count=len(frame.columns))
        note = f"{note} {more}"
    size: Any = "tall" if len(names) <= 10 else "large"
    return Drawing("correlations", tr("Correlations in the training split"), [Chart([heatmap])], 1, note, size)


def importance_drawing(importance: Importance | None, evidence: Evidence) -> Drawing | None:
    """Draw what shuffling each raw column costs."""
    if importance is None or not importance.columns:
        return None
    shown = sorted(importance.columns, key=lambda column: -column.mean)[:MAX_BARS]
    bars = Bars(
        [column.name for column in shown],
        np.array([column.mean for column in shown]),
        np.array([column.std for column in shown]),
        across=True,
    )
    unit = evidence.unit if importance.score in ("rmse", "mae") else ""
    chart = Chart([bars], label(tr("increase of {loss} when the column is shuffled", loss=importance.loss), unit))
    note = tr(
        "Permutation importance on {rows:,} test rows, {repeats} repeats; bars are means, error bars one standard "
        "deviation. Columns that tell the same share their importance.",
        rows=importance.rows,
        repeats=importance.repeats,
    )
    size: Any = "normal" if len(shown) <= 12 else "large"
    return Drawing("permutation_importance", tr("What the model uses"), [chart], 1, note, size)
