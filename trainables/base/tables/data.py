"""From a table and its row split to the arrays that trials get and the rows that stay sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.splits import RowSplit
from trainables.base.kinds.kind import Kind, TargetTransform
from trainables.base.kinds.registry import row_kind
from trainables.base.tables.columns.categories import CategoryEncoding, target_signals
from trainables.base.tables.columns.selection import Columns
from trainables.base.tables.inputs import TableInputs, encode_rows
from trainables.base.tables.preprocessing import NumericTransform, TablePreprocessing


def build_splits(
    frame: pd.DataFrame,
    rows: RowSplit,
    *,
    kind: Kind,
    target: str,
    columns: Columns,
    numeric_transform: NumericTransform,
    target_transform: TargetTransform,
    carried: Sequence[str] = (),
) -> Splits:
    """Split a table, fit the preprocessing on the training rows alone and transform both parts that trials see.

    Args:
        frame: (rows, columns) the whole table.
        rows: positions of the three splits.
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"``.
        target: name of the target column; classes may be of any type, numbers for regression.
        columns: the raw columns the model reads.
        numeric_transform: see ``TabularTask``.
        target_transform: see ``TabularTask``.
        carried: see ``TabularTask``.
    """
    kept = [*columns.names, *(name for name in carried if name not in columns.names)]
    parts = (rows.train, rows.validation, rows.test)
    train, validation, test = (_raw_split(frame.iloc[part], kept, target) for part in parts)
    preprocessing = TablePreprocessing.fit(train.inputs, columns, numeric_transform)
    encoding = row_kind(kind)
    facts: dict[str, Any] = encoding.target_facts(train.targets, frame[target].to_numpy(), target_transform)
    signals = target_signals(encoding, encoding.encode_target(train.targets, facts), facts["n_outputs"])
    categories = CategoryEncoding.fit(train.inputs, columns.categorical, signals)
    facts |= {"target": target, **_input_facts(preprocessing, categories)}
    inputs = {
        "train": _training_rows(train.inputs, preprocessing, categories, signals),
        "val": encode_rows(validation.inputs, preprocessing, categories),
        "test": encode_rows(test.inputs, preprocessing, categories),
    }
    facts["n_inputs"] = int(inputs["train"].x.shape[1])
    raw = {"train": train, "val": validation, "test": test}
    targets = {name: encoding.encode_target(part.targets, facts) for name, part in raw.items()}
    return Splits(
        training=_training_data(inputs, targets, facts, with_codes=bool(columns.categorical)),
        train=train,
        validation=validation,
        test=SealedTest(test),
        preprocessing=preprocessing,
    )


def _input_facts(preprocessing: TablePreprocessing, categories: CategoryEncoding) -> dict[str, Any]:
    """Return what is known of the columns of the arrays."""
    names = preprocessing.feature_names
    return {
        "feature_names": [*names, *categories.signal_names],
        "n_numeric": preprocessing.n_numeric,
        "n_ordered": preprocessing.n_ordered,
        "text_columns": [len(names) - preprocessing.n_text, len(names)],  # the first, and the one after the last
        "categories": categories.to_json(),
    }


def _raw_split(rows: pd.DataFrame, kept: list[str], target: str) -> RawSplit:
    return RawSplit(rows[kept].reset_index(drop=True), rows[target].to_numpy())


def _training_data(
    inputs: Mapping[str, TableInputs],
    targets: Mapping[str, np.ndarray],
    facts: Mapping[str, Any],
    *,
    with_codes: bool,
) -> TrainingData:
    """Return what trials get; the digest is of the test rows too."""
    arrays = _arrays(inputs, targets, ("train", "val"), with_codes=with_codes)
    sealed = _arrays(inputs, targets, ("test",), with_codes=True)
    return TrainingData(arrays, facts, digest_arrays(arrays, sealed))


def _arrays(
    inputs: Mapping[str, TableInputs], targets: Mapping[str, np.ndarray], names: Sequence[str], *, with_codes: bool
) -> dict[str, np.ndarray]:
    """Return the arrays of some splits, by kind of array and split."""
    arrays = {}
    for name in names:
        arrays[f"x_{name}"] = inputs[name].x
        if with_codes:
            arrays[f"codes_{name}"] = inputs[name].codes
        arrays[f"y_{name}"] = targets[name]
    return arrays


def _training_rows(
    frame: pd.DataFrame, preprocessing: TablePreprocessing, categories: CategoryEncoding, signals: np.ndarray
) -> TableInputs:
    """Convert the training rows themselves: no row's target statistics know its own target."""
    x, codes = preprocessing.transform(frame), categories.codes(frame)
    if categories.statistics:
        x = np.concatenate([x, categories.out_of_fold(codes, signals)], axis=1)
    return TableInputs(x, codes)
