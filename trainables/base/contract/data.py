"""The data of a task: its splits, what of them trials see, and the sealed test split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class TrainingData:
    """What a trial may see: the training and the validation split, preprocessed; never a test row.

    Attributes:
        arrays: By name: ``x_train`` (n, features) float32 and ``y_train`` (n,), the standardised target as float32, 0/1
            as float32 or class positions as int64; ``x_val`` and ``y_val`` alike. A task may add others whose names end
            in ``_train`` or ``_val``. Workers share their memory: ``fit`` must not write to them.
        facts: What a model needs to be built, JSON values, e.g. ``n_inputs``, ``n_outputs``, ``target_std``.
        digest: sha256 of all arrays of the three splits, see ``digest_arrays``; equal digests mean equal data and
            split.
    """

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class RawSplit:
    """Rows as the user has them.

    Attributes:
        inputs: n of them: a DataFrame, an array of images (n, height, width), or a list of texts.
        targets: (n,) in their own unit: numbers, or class labels of any type; of a generator the images themselves.
    """

    inputs: Any
    targets: Any


class SealedTest:
    """The test split, which is opened by name only, so that every opening can be found and recorded.

    Args:
        split: The test rows.
    """

    def __init__(self, split: RawSplit) -> None:
        self._split = split

    def open(self) -> RawSplit:
        """Return the test rows. Callers record the opening on the sweep (see ``tunelab/evaluation/evaluate.py``)."""
        return self._split

    def __len__(self) -> int:
        return len(self._split.targets)


@dataclass(frozen=True)
class Splits:
    """A task's data, split and preprocessed.

    Attributes:
        training: What trials get.
        train: The raw training rows, for figures, importance and baselines.
        validation: The raw validation rows.
        test: The raw test rows, sealed.
        preprocessing: What a predictor needs to turn raw inputs into a model's inputs, fitted on ``train`` alone; None
            when models read raw inputs.
    """

    training: TrainingData
    train: RawSplit
    validation: RawSplit
    test: SealedTest
    preprocessing: Any = None


def digest_arrays(*groups: Mapping[str, np.ndarray]) -> str:
    """sha256 over names, shapes, types and bytes of arrays, in name order: equal exactly when the data is equal."""
    import numpy as np

    sha = hashlib.sha256()
    for group in groups:
        for name in sorted(group):
            array = np.ascontiguousarray(group[name])
            sha.update(f"{name}{array.shape}{array.dtype.str}".encode())
            sha.update(array.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()
