"""What each part of a picture contributes to a prediction, by covering it (Zeiler and Fergus 2014)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainables.base.kinds.classification import probabilities

PATCHES = 8  # squares along a side that are covered in turn


def covering_effects(outputs: Callable[[np.ndarray], np.ndarray], picture: np.ndarray) -> np.ndarray:
    """Measure how much the probability of the predicted class falls when a square is covered with the mean colour.

    Args:
        outputs: From pictures (n, side, side) or (n, side, side, 3), uint8, to logits (n, classes).
        picture: One of them.

    Returns:
        (8, 8) float64; below 0 where covering raises the probability.
    """
    rows, columns = (np.linspace(0, size, PATCHES + 1).astype(int) for size in picture.shape[:2])
    covered = np.repeat(picture[None], PATCHES**2 + 1, axis=0).copy()
    mean = picture.mean(axis=(0, 1)).astype(np.uint8)
    for number in range(PATCHES**2):
        row, column = divmod(number, PATCHES)
        covered[number + 1, rows[row] : rows[row + 1], columns[column] : columns[column + 1]] = mean
    shares = probabilities(np.asarray(outputs(covered)))
    chosen = shares[:, int(shares[0].argmax())]
    falls: np.ndarray = (chosen[0] - chosen[1:]).reshape(PATCHES, PATCHES)
    return falls
