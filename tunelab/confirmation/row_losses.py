"""The loss of each validation row, or block of rows that belong together: what a validation loss is the mean of."""

from __future__ import annotations

import numpy as np

from trainables import Predictor, Splits, Task
from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import kind_of


def row_losses(task: Task, predictor: Predictor | None, splits: Splits) -> np.ndarray | None:
    """Return the training loss of each validation row or block, (n,); None for predictors without raw outputs."""
    found, outputs = kind_of(task.facts.kind), getattr(predictor, "outputs", None)
    if not isinstance(found, RowKind) or outputs is None or "y_val" not in splits.training.arrays:
        return None
    losses = found.row_losses(np.asarray(outputs(splits.validation.inputs)), splits.training.arrays["y_val"])
    return block_losses(losses, task.blocks(splits.validation))


def constant_losses(task: Task, splits: Splits) -> np.ndarray | None:
    """Return the loss of each validation row or block, (n,), of the best constant: a mean, or classes' frequencies."""
    found, arrays = kind_of(task.facts.kind), splits.training.arrays
    if not isinstance(found, RowKind) or "y_train" not in arrays or "y_val" not in arrays:
        return None
    constant = found.constant_outputs(arrays["y_train"], splits.training.facts)
    losses = found.row_losses(np.broadcast_to(constant, (len(arrays["y_val"]), len(constant))), arrays["y_val"])
    return block_losses(losses, task.blocks(splits.validation))


def block_losses(losses: np.ndarray, blocks: np.ndarray | None) -> np.ndarray:
    """Return losses of blocks of rows, which a bootstrap draws as a whole (Carlstein 1986), with the same mean.

    Args:
        losses: (..., rows).
        blocks: (rows,) the block of each row; None where rows are independent, and are returned as they are.

    Returns:
        (..., blocks) the sum over a block, divided by the mean number of rows of a block.
    """
    if blocks is None:
        return losses
    rows, place = losses.shape[-1], np.unique(blocks, return_inverse=True)[1]
    count = int(place.max()) + 1
    sums = [np.bincount(place, weights=one, minlength=count) for one in losses.reshape(-1, rows)]
    return np.asarray(np.stack(sums).reshape(*losses.shape[:-1], count) * count / rows)
