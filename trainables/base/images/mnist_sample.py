"""The bundled sample of MNIST: 5,000 digits, 500 of each."""

from __future__ import annotations

import io

import numpy as np

from trainables.base.contract.data import RawSplit
from trainables.base.contract.files.bundled import read_bytes
from trainables.base.contract.splits import split_rows

FILE = "mnist_5k.npz"


def read_sample(split_seed: int) -> tuple[RawSplit, RawSplit, RawSplit]:
    """Return the training, validation and test digits: (n, 28, 28) uint8, light ink on black, with their classes.

    Args:
        split_seed: Fixes the split, 64/16/20 with equal shares of each digit.
    """
    with np.load(io.BytesIO(read_bytes(FILE))) as stored:
        images, labels = stored["images"], stored["labels"].astype(np.int64)
    rows = split_rows(len(labels), split_seed, labels)
    train, validation, test = (
        RawSplit(images[part], labels[part]) for part in (rows.train, rows.validation, rows.test)
    )
    return train, validation, test
