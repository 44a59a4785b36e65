"""Predicted against actual, and residuals."""

from __future__ import annotations

import numpy as np

from tunelab.figures.charts import Chart, Drawing, Histogram, Line, Points, label
from tunelab.figures.evidence import Evidence
from tunelab.records.assessment.evaluation import RegressionPoints
from tunelab.system.language import tr

MAX_POINTS = 1000  # more hide one another and make the page heavy
BINS = 40


def regression_points(evidence: Evidence) -> RegressionPoints:
    """Return predictions beside targets, at most ``MAX_POINTS`` test rows of them."""
    actual = np.asarray(evidence.test.targets, dtype=np.float64)
    predicted = evidence.predicted()
    shown = _sample(len(actual))
    pairs = [[float(f"{value:.5g}") for value in values[shown]] for values in (actual, predicted)]
    return RegressionPoints(evidence.target, tuple(pairs[0]), tuple(pairs[1]), len(actual))


def regression_drawings(points: RegressionPoints, unit: str) -> list[Drawing]:
    """Draw predictions against targets, and residuals.

    Args:
        points: test rows.
        unit: of the target; empty for none.
    """
    actual, predicted = np.asarray(points.actual), np.asarray(points.predicted)
    residuals = actual - predicted
    note = ""
    if len(actual) < points.rows:
        note = tr("{shown:,} of {rows:,} test rows, drawn at random.", shown=len(actual), rows=points.rows)
    actual_label = label(tr("actual {target}", target=points.target), unit)
    predicted_label = label(tr("predicted {target}", target=points.target), unit)
    residual_label = label(tr("actual − predicted"), unit)
    ends = np.array([min(actual.min(), predicted.min()), max(actual.max(), predicted.max())])
    cloud = Chart([Points(actual, predicted), Line(ends, ends, quiet=True)], actual_label, predicted_label, square=True)
    zero = Line(np.array([predicted.min(), predicted.max()]), np.zeros(2), quiet=True)
    over = Chart([Points(predicted, residuals), zero], predicted_label, residual_label)
    low, high = np.quantile(residuals, [0.005, 0.995])
    counts, edges = np.histogram(residuals, bins=BINS, range=(low, high if high > low else low + 1.0))
    spread = Chart([Histogram(edges, counts.astype(np.float64))], residual_label, tr("test rows"), verticals=[0.0])
    spread_note = f"{note} {tr('The histogram leaves out the outermost half percent on each side.')}".strip()
    return [
        Drawing("predicted_vs_actual", tr("Predicted against actual, test split"), [cloud], 1, note),
        Drawing("residuals", tr("Residuals, test split"), [over, spread], 2, spread_note),
    ]


def _sample(rows: int) -> np.ndarray:
    if rows <= MAX_POINTS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, MAX_POINTS, replace=False))
