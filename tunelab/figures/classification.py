"""ROC and precision-recall curves, confusion, scores by class, and how far confidence can be trusted."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_curve,
)

from trainables.base.kinds.metrics import BINS, calibration_error, roc_auc
from tunelab.figures.charts import Chart, Drawing, Line, Mark
from tunelab.figures.class_drawings import MAX_CLASSES, by_class, confusion, reliability
from tunelab.figures.evidence import Evidence
from tunelab.records.assessment.evaluation import ClassificationTables, ClassScores, ReliabilityBin
from tunelab.records.text import format_number
from tunelab.system.language import tr

MAX_CURVES = 10  # classes; more lines cannot be told apart
MAX_POINTS = 400  # of a curve


def classification_drawings(evidence: Evidence) -> list[Drawing]:
    """Return drawings of the test rows; curves of classes without rows inside or outside are left out."""
    truth, shares, classes = evidence.truth(), evidence.class_probabilities(), evidence.classes
    tables = classification_tables(evidence)
    drawings = [curves(truth, shares, classes), confusion(tables)]
    if len(classes) > 2:
        drawings.append(by_class(tables))
    drawings.append(reliability(tables))
    return [drawing for drawing in drawings if drawing is not None]


def classification_tables(evidence: Evidence) -> ClassificationTables:
    """Count and score the test rows by class."""
    truth, shares, classes = evidence.truth(), evidence.class_probabilities(), evidence.classes
    predicted, labels = evidence.predicted_classes(), np.arange(len(classes))
    scores = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    counts = confusion_matrix(truth, predicted, labels=labels).tolist() if len(classes) <= MAX_CLASSES else []
    return ClassificationTables(
        classes=tuple(
            ClassScores(name, float(p), float(r), float(f), int(n))
            for name, p, r, f, n in zip(classes, *scores, strict=True)
        ),
        calibration_error=calibration_error(truth, shares),
        confusion=tuple(tuple(row) for row in counts),
        reliability=reliability_bins(truth, shares),
    )


def reliability_bins(truth: np.ndarray, shares: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """Return accuracy against confidence in ``BINS`` bins of equal width, those with rows.

    Args:
        truth: (n,) positions of the true classes.
        shares: (n, classes) probabilities.
    """
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    bin_of = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(bin_of, minlength=BINS)
    means = np.bincount(bin_of, weights=confidence, minlength=BINS)
    hits = np.bincount(bin_of, weights=right, minlength=BINS)
    return tuple(
        ReliabilityBin(float(mean / n), float(hit / n), int(n))
        for mean, hit, n in zip(means, hits, rows, strict=True)
        if n
    )


def curves(truth: np.ndarray, shares: np.ndarray, classes: list[str]) -> Drawing | None:
    """ROC and precision-recall, of the second class, or of each class against the rest."""
    wanted = [1] if len(classes) == 2 else range(len(classes))
    shown = [k for k in wanted if 0 < np.count_nonzero(truth == k) < len(truth)]
    if not shown or len(shown) > MAX_CURVES:
        return None
    ends = np.array([0.0, 1.0])
    roc: list[Mark] = []
    recall: list[Mark] = []
    for k in shown:
        positive = truth == k
        false_rate, true_rate, _ = roc_curve(positive, shares[:, k])
        precision, found, _ = precision_recall_curve(positive, shares[:, k])
        area, mean = roc_auc(positive, shares[:, k]), average_precision_score(positive, shares[:, k])
        assert area is not None  # both classes are among the rows
        roc.append(Line(*_thinned(false_rate, true_rate), f"{classes[k]}: AUC {format_number(area, 3)}"))
        recall.append(Line(*_thinned(found, precision), f"{classes[k]}: AP {format_number(mean, 3)}"))
    charts = [
        Chart([*roc, Line(ends, ends, quiet=True)], tr("false positive rate"), tr("true positive rate"), "ROC"),
        Chart(recall, tr("recall"), tr("precision"), tr("Precision-recall"), y_range=(0.0, 1.03)),
    ]
    note = "" if len(classes) == 2 else tr("Each class against all others.")
    return Drawing("roc_pr", tr("ROC and precision-recall, test split"), charts, 2, note)


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(x) <= MAX_POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, MAX_POINTS).astype(np.int64))
    return x[kept], y[kept]
