"""Predicted against actual, and residuals."""

from __future__ import annotations

import numpy as np

from tunelab.figures.charts import Chart, Drawing, Histogram, Line, Points, label
from tunelab.figures.evidence import Evidence

MAX_POINTS = 2000  # more hide one another and make the page heavy
BINS = 40


def regression_drawings(evidence: Evidence) -> list[Drawing]:
    """Two drawings of the test rows."""
    actual = np.asarray(evidence.test.targets, dtype=np.float64)
    predicted = evidence.predicted()
    residuals = actual - predicted
    shown = _sample(len(actual))
    note = "" if len(shown) == len(actual) else f"{len(shown):,} of {len(actual):,} test rows, drawn at random."
    actual_label = label(f"actual {evidence.target}", evidence.unit)
    predicted_label = label(f"predicted {evidence.target}", evidence.unit)
    residual_label = label("actual − predicted", evidence.unit)
    ends = np.array([min(actual.min(), predicted.min()), max(actual.max(), predicted.max())])
    cloud = Chart(
        [Points(actual[shown], predicted[shown]), Line(ends, ends, quiet=True)],
        actual_label,
        predicted_label,
        square=True,
    )
    over = Chart(
        [
            Points(predicted[shown], residuals[shown]),
            Line(np.array([predicted.min(), predicted.max()]), np.zeros(2), quiet=True),
        ],
        predicted_label,
        residual_label,
    )
    low, high = np.quantile(residuals, [0.005, 0.995])
    counts, edges = np.histogram(residuals, bins=BINS, range=(low, high if high > low else low + 1.0))
    spread = Chart([Histogram(edges, counts.astype(np.float64))], residual_label, "test rows", verticals=[0.0])
    spread_note = " ".join([note, "The histogram leaves out the outermost half percent on each side."]).strip()
    return [
        Drawing("predicted_vs_actual", "Predicted against actual, test split", [cloud], 1, note),
        Drawing("residuals", "Residuals, test split", [over, spread], 2, spread_note),
    ]


def _sample(rows: int) -> np.ndarray:
    if rows <= MAX_POINTS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, MAX_POINTS, replace=False))
