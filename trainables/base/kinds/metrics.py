"""Scores of predictions: regression, binary and multi-class, vectorised, cheap enough for every epoch.

All return plain floats by name without prefix and agree with scikit-learn's functions of the same name. A score that
is undefined (R² of a constant target, AUC of one class) is left out instead of being invented.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trainables.base.kinds.rounding import without_rounding

Array: TypeAlias = npt.NDArray[Any]

BINS = 15  # of the expected calibration error


def regression_metrics(truth: Array, prediction: Array) -> dict[str, float]:
    """``rmse``, ``mae`` and ``r2`` of ``prediction`` (n,) against ``truth`` (n,), in the target's unit."""
    truth = np.asarray(truth, dtype=np.float64).reshape(-1)
    error = np.asarray(prediction, dtype=np.float64).reshape(-1) - truth
    squares = float(error @ error)
    scores = {"rmse": float(np.sqrt(squares / error.size)), "mae": float(np.abs(error).mean())}
    centred = truth - truth.mean()
    spread = float(centred @ centred)
    if spread > 0:
        scores["r2"] = without_rounding(1.0 - squares / spread, 1.0)
    return scores


def binary_metrics(truth: Array, probability: Array, threshold: float = 0.5) -> dict[str, float]:
    """``accuracy``, ``f1``, ``log_loss``, ``auc`` and ``average_precision`` of P(class 1) (n,) against 0/1 ``truth``.

    Args:
        truth: (n,) 0 or 1.
        probability: (n,) of class 1.
        threshold: probability above which class 1 is predicted, for accuracy and F1.
    """
    positive = np.asarray(truth).reshape(-1) > 0.5
    p = np.asarray(probability, dtype=np.float64).reshape(-1)
    predicted = p > threshold
    hits = float(np.count_nonzero(predicted & positive))
    total = np.count_nonzero(predicted) + np.count_nonzero(positive)
    scores = {
        "accuracy": float(np.count_nonzero(predicted == positive)) / p.size,
        "f1": 2.0 * hits / total if total else 0.0,
        "log_loss": _negative_log(np.where(positive, p, 1.0 - p)),
    }
    area = roc_auc(positive, p)
    if area is not None:
        scores |= {"auc": area, "average_precision": average_precision(positive, p)}
    return scores


def average_precision(positive: Array, score: Array) -> float:
    """Return the precision averaged over the steps of recall, with tied scores in one step, as scikit-learn has it.

    Args:
        positive: (n,) bool, some of them true.
        score: (n,) higher for rows that are more likely positive.
    """
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], np.cumsum(positive[order])
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))  # of each run of ties
    precision = hits[last] / (last + 1)
    return float((np.diff(hits[last], prepend=0) * precision).sum() / hits[-1])


def best_threshold(positive: Array, score: Array) -> float:
    """Return the threshold above which rows are called positive for the best F1, halfway to the next score below it.

    Args:
        positive: (n,) bool, some of them true.
        score: (n,) probabilities of the positive class.
    """
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], np.cumsum(positive[order])
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    f1 = 2 * hits[last] / (last + 1 + hits[-1])
    best = last[int(np.argmax(f1))]
    below = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float((ordered[best] + below) / 2)


def multiclass_metrics(truth: Array, probabilities: Array) -> dict[str, float]:
    """``accuracy``, macro ``f1``, ``log_loss`` and macro one-versus-rest ``auc``.

    Args:
        truth: class indices (n,).
        probabilities: (n, classes), rows sum to 1.

    Macro F1 averages over the classes that occur in truth or prediction; AUC over those with rows inside and outside.
    """
    truth = np.asarray(truth).reshape(-1).astype(np.int64)
    p = np.asarray(probabilities, dtype=np.float64)
    rows, classes = p.shape
    predicted = p.argmax(axis=1)
    counted = np.bincount(truth, minlength=classes) + np.bincount(predicted, minlength=classes)
    hits = np.bincount(truth[truth == predicted], minlength=classes)
    seen = counted > 0
    scores = {
        "accuracy": float(hits.sum()) / rows,
        "f1": float((2.0 * hits[seen] / counted[seen]).mean()),
        "log_loss": _negative_log(p[np.arange(rows), truth]),
    }
    areas = [area for k in range(classes) if (area := roc_auc(truth == k, p[:, k])) is not None]
    if areas:
        scores["auc"] = float(np.mean(areas))
    return scores


def roc_auc(positive: Array, score: Array) -> float | None:
    """Return the area under the ROC curve of ``score`` (n,) for rows where ``positive`` (n,) is true; ties count half.

    None when only one class is present. The Mann-Whitney form: one sort, no curve.
    """
    n_positive = int(np.count_nonzero(positive))
    n_negative = positive.size - n_positive
    if n_positive == 0 or n_negative == 0:
        return None
    ordered = np.sort(score)
    of_positive = score[positive]
    below = np.searchsorted(ordered, of_positive, side="left")
    through = np.searchsorted(ordered, of_positive, side="right")
    ranks = 0.5 * (below + through + 1).sum()  # average rank of each positive row, ties shared
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def calibration_error(truth: Array, probabilities: Array, bins: int = BINS) -> float:
    """Return the expected calibration error (Guo et al. 2017): confidence minus accuracy, over equal-width bins.

    Args:
        truth: class positions (n,).
        probabilities: (n, classes) probabilities.
        bins: number of bins of the largest probability.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(bin_of, weights=confidence - right, minlength=bins)  # rows of the bin times its gap
    return without_rounding(float(np.abs(gap).sum() / len(truth)), 1.0)


def _negative_log(p: Array) -> float:
    """Return the mean of -log(p), with p kept away from 0 by float64's epsilon as scikit-learn does."""
    return float(-np.log(np.clip(p, np.finfo(np.float64).eps, 1.0)).mean())
