"""Drawings of how a classifier does by class, from its tables alone; scikit-learn is not loaded."""

from __future__ import annotations

import numpy as np

from trainables.base.kinds.metrics import BINS
from tunelab.figures.charts import Bars, Chart, Drawing, Heatmap, Line
from tunelab.records.evaluation import ClassificationTables

MAX_CLASSES = 60  # of a confusion matrix


def confusion(tables: ClassificationTables) -> Drawing | None:
    """Draw the counts of true by predicted class."""
    if not tables.confusion:
        return None
    classes, counts = [c.name for c in tables.classes], np.asarray(tables.confusion, dtype=np.float64)
    chart = Chart([Heatmap(counts, classes, classes, span=(0.0, float(counts.max())))], "predicted", "true")
    size = "normal" if len(classes) <= 6 else "tall" if len(classes) <= 12 else "large"
    return Drawing("confusion", "Confusion matrix, test split (rows)", [chart], 1, "", size)  # type: ignore[arg-type]


def by_class(tables: ClassificationTables) -> Drawing | None:
    """Draw precision, recall and F1 of each class."""
    if len(tables.classes) > MAX_CLASSES:
        return None
    classes = [c.name for c in tables.classes]
    scores = {
        "precision": [c.precision for c in tables.classes],
        "recall": [c.recall for c in tables.classes],
        "F1": [c.f1 for c in tables.classes],
    }
    marks = [Bars(classes, np.asarray(values), name=name) for name, values in scores.items()]
    return Drawing("by_class", "Scores by class, test split", [Chart(marks, "class", "score", y_range=(0.0, 1.03))])


def reliability(tables: ClassificationTables) -> Drawing | None:
    """Draw accuracy against confidence, and how many rows each bin holds; None with one bin."""
    bins = tables.reliability
    if len(bins) < 2:
        return None
    confidence = np.array([b.confidence for b in bins])
    ends = np.array([float(confidence.min()), 1.0])
    labels = [f"{100 * (int(b.confidence * BINS) + 0.5) / BINS:.0f} %" for b in bins]
    charts = [
        Chart(
            [
                Line(confidence, np.array([b.accuracy for b in bins]), "model"),
                Line(ends, ends, "perfect", quiet=True),
            ],
            "confidence (probability of the predicted class)",
            "accuracy",
            f"Expected calibration error {tables.calibration_error:.3f}",
            y_range=(0.0, 1.03),
        ),
        Chart([Bars(labels, np.array([b.rows for b in bins], dtype=np.float64))], "confidence", "test rows"),
    ]
    note = "Below the dashed line the model is more confident than it is right. Bins with few rows are noisy."
    return Drawing("reliability", "Calibration, test split", charts, 2, note)
