"""The loss of each validation row: what a validation loss is the mean of."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax

from trainables import Predictor, Splits
from trainables.base.contract.task import Kind


def row_losses(kind: Kind, predictor: Predictor | None, splits: Splits) -> np.ndarray | None:
    """(n,) the training loss of each validation row; None for predictors without raw outputs (language models)."""
    outputs: Any = getattr(predictor, "outputs", None)
    if outputs is None or "y_val" not in splits.training.arrays:
        return None
    return losses_of(kind, np.asarray(outputs(splits.validation.inputs)), splits.training.arrays["y_val"])


def constant_losses(kind: Kind, splits: Splits) -> np.ndarray | None:
    """(n,) the loss of each validation row when the training mean, or the classes' shares in training, is predicted."""
    arrays = splits.training.arrays
    if kind == "language_model" or "y_train" not in arrays or "y_val" not in arrays:
        return None
    y = np.asarray(arrays["y_train"], dtype=np.float64).reshape(-1)
    rows = len(arrays["y_val"])
    if kind == "regression":
        constant = np.array([y.mean()])
    elif kind == "binary":
        share = np.clip(y.mean(), 1e-7, 1 - 1e-7)
        constant = np.array([np.log(share / (1 - share))])
    else:
        classes = int(splits.training.facts["n_outputs"])
        shares = np.bincount(y.astype(np.int64), minlength=classes) / len(y)
        constant = np.log(np.clip(shares, 1e-7, 1.0))
    return losses_of(kind, np.broadcast_to(constant, (rows, len(constant))), arrays["y_val"])


def losses_of(kind: Kind, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Raw outputs (n, n_outputs) and encoded targets (n,) or (n, 1) to losses (n,).

    Squared error of the standardised target, binary cross entropy of logits, or cross entropy.
    """
    z = outputs.astype(np.float64)
    y = np.asarray(targets).reshape(-1)
    if kind == "regression":
        squared: np.ndarray = (z[:, 0] - y) ** 2
        return squared
    if kind == "binary":
        binary: np.ndarray = np.logaddexp(0, z[:, 0]) - y * z[:, 0]
        return binary
    cross: np.ndarray = -log_softmax(z, axis=1)[np.arange(len(y)), y.astype(np.int64)]
    return cross
