"""Drawings of how a classifier does by class, from its tables alone; scikit-learn is not loaded."""

from __future__ import annotations

import numpy as np

from trainables.base.kinds.metrics import BINS
from tunelab.figures.charts import Bars, Chart, Drawing, Heatmap, Line
from tunelab.records.assessment.evaluation import ClassificationTables
from tunelab.records.text import format_number
from tunelab.system.language import tr

MAX_CLASSES = 60  # of a confusion matrix


def confusion(tables: ClassificationTables) -> Drawing | None:
    """Draw the counts of true by predicted class."""
    if not tables.confusion:
        return None
    classes, counts = [c.name for c in tables.classes], np.asarray(tables.confusion, dtype=np.float64)
    chart = Chart([Heatmap(counts, classes, classes, span=(0.0, float(counts.max())))], tr("predicted"), tr("true"))
    size = "normal" if len(classes) <= 6 else "tall" if len(classes) <= 12 else "large"
    title = tr("Confusion matrix, test split (rows)")
    return Drawing("confusion", title, [chart], 1, "", size)  # type: ignore[arg-type]


def by_class(tables: ClassificationTables) -> Drawing | None:
    """Draw precision, recall and F1 of each class."""
    if len(tables.classes) > MAX_CLASSES:
        return None
    classes = [c.name for c in tables.classes]
    scores = {
        tr("precision"): [c.precision for c in tables.classes],
        tr("recall"): [c.recall for c in tables.classes],
        "F1": [c.f1 for c in tables.classes],
    }
    marks = [Bars(classes, np.asarray(values), name=name) for name, values in scores.items()]
    chart = Chart(marks, tr("class"), tr("score"), y_range=(0.0, 1.03))
    return Drawing("by_class", tr("Scores by class, test split"), [chart])


def reliability(tables: ClassificationTables) -> Drawing | None:
    """Draw accuracy against confidence, and how many rows each bin holds; None with one bin."""
    bins = tables.reliability
    if len(bins) < 2:
        return None
    confidence = np.array([b.confidence for b in bins])
    ends = np.array([float(confidence.min()), 1.0])
    labels = [f"{(int(b.confidence * BINS) + 0.5) / BINS:.2f}" for b in bins]
    predicted = tr("probability of the predicted class")
    charts = [
        Chart(
            [
                Line(confidence, np.array([b.accuracy for b in bins]), tr("model")),
                Line(ends, ends, tr("perfect"), quiet=True),
            ],
            predicted,
            tr("accuracy"),
            tr("Expected calibration error {error}", error=format_number(tables.calibration_error, 3)),
            y_range=(0.0, 1.03),
        ),
        Chart([Bars(labels, np.array([b.rows for b in bins], dtype=np.float64))], predicted, tr("test rows")),
    ]
    note = tr("Below the dashed line the model is more confident than it is right. Bins with few rows are noisy.")
    return Drawing("reliability", tr("Calibration, test split"), charts, 2, note)
