"""Plain arrays as the data of a task: split, standardised, encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.splits import split_rows
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind

MEAN, STD = "input_mean", "input_std"  # facts of the training rows


def split_arrays(inputs: Any, targets: Any, kind: Kind, split_seed: int) -> Splits:
    """Split rows 64/16/20, standardise the inputs and encode the target, all fitted on the training rows.

    Args:
        inputs: (n, features) numbers: an array or a DataFrame.
        targets: (n,) numbers, or class labels.
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"``.
        split_seed: fixes the split.

    Returns:
        The splits, with ``x_train``, ``y_train``, ``x_val`` and ``y_val`` as training data.

    Raises:
        UserError: too few rows, or too few of a class.
    """
    table, labels, encoder = np.asarray(inputs, dtype=np.float32), np.asarray(targets), row_kind(kind)
    rows = split_rows(len(labels), split_seed, labels if encoder.classifies else None)
    mean, std = table[rows.train].mean(axis=0), table[rows.train].std(axis=0)
    facts = {
        "n_inputs": int(table.shape[1]),
        MEAN: mean.tolist(),
        STD: np.where(std > 0, std, 1.0).tolist(),
        **encoder.target_facts(labels[rows.train], labels, "none"),
    }
    parts = {"train": rows.train, "val": rows.validation, "test": rows.test}
    raw = {name: RawSplit(_rows(inputs, part), labels[part]) for name, part in parts.items()}
    arrays = {f"x_{name}": standardised(table[part], facts) for name, part in parts.items()}
    arrays |= {f"y_{name}": encoder.encode_target(labels[part], facts) for name, part in parts.items()}
    sealed = {name: arrays.pop(name) for name in ("x_test", "y_test")}
    training = TrainingData(arrays, facts, digest_arrays(arrays, sealed))
    return Splits(training, raw["train"], raw["val"], SealedTest(raw["test"]))


def standardised(inputs: Any, facts: Mapping[str, Any]) -> np.ndarray:
    """Return raw inputs (n, ...) as float32, standardised where the facts have mean and deviation."""
    table: np.ndarray = np.asarray(inputs, dtype=np.float32)
    if MEAN not in facts:
        return table
    scaled: np.ndarray = (table - np.float32(facts[MEAN])) / np.float32(facts[STD])
    return scaled


def _rows(inputs: Any, rows: np.ndarray) -> Any:
    return inputs.iloc[rows].reset_index(drop=True) if hasattr(inputs, "iloc") else np.asarray(inputs)[rows]
