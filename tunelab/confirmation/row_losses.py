"""The loss of each validation row: what a validation loss is the mean of."""

from __future__ import annotations

import numpy as np

from trainables import Predictor, Splits
from trainables.base.kinds.kind import Kind, RowKind
from trainables.base.kinds.registry import kind_of


def row_losses(kind: Kind, predictor: Predictor | None, splits: Splits) -> np.ndarray | None:
    """Return the training loss of each validation row, (n,); None for predictors without raw outputs."""
    found, outputs = kind_of(kind), getattr(predictor, "outputs", None)
    if not isinstance(found, RowKind) or outputs is None or "y_val" not in splits.training.arrays:
        return None
    return found.row_losses(np.asarray(outputs(splits.validation.inputs)), splits.training.arrays["y_val"])


def constant_losses(kind: Kind, splits: Splits) -> np.ndarray | None:
    """Return the loss of each validation row, (n,), of the best constant: the mean, or the classes' frequencies."""
    found, arrays = kind_of(kind), splits.training.arrays
    if not isinstance(found, RowKind) or "y_train" not in arrays or "y_val" not in arrays:
        return None
    constant = found.constant_outputs(arrays["y_train"], splits.training.facts)
    return found.row_losses(np.broadcast_to(constant, (len(arrays["y_val"]), len(constant))), arrays["y_val"])
