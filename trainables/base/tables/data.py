"""From a table and its row split to the arrays that trials get and the rows that stay sealed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from trainables.base.contract.splits import RowSplit
from trainables.base.contract.task import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.kinds.kind import Kind, TargetTransform
from trainables.base.kinds.registry import row_kind
from trainables.base.tables.columns import Columns
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
) -> Splits:
    """Splits a table, fits the preprocessing on the training rows alone and transforms both parts that trials see.

    Args:
        frame: (rows, columns) the whole table.
        rows: positions of the three splits.
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"``.
        target: name of the target column; classes may be of any type, numbers for regression.
        columns: the raw columns the model reads.
        numeric_transform, target_transform: see ``TabularTask``.
    """
    train, validation, test = (
        RawSplit(frame.iloc[part][list(columns.names)].reset_index(drop=True), frame[target].to_numpy()[part])
        for part in (rows.train, rows.validation, rows.test)
    )
    preprocessing = TablePreprocessing.fit(train.inputs, columns, numeric_transform)
    facts: dict[str, Any] = {
        "target": target,
        "feature_names": preprocessing.feature_names,
        "n_numeric": preprocessing.n_numeric,
    }
    encoding = row_kind(kind)
    facts |= encoding.target_facts(train.targets, frame[target].to_numpy(), target_transform)
    arrays = {}
    for name, part in (("train", train), ("val", validation)):
        arrays[f"x_{name}"] = preprocessing.transform(part.inputs)
        arrays[f"y_{name}"] = encoding.encode_target(part.targets, facts)
    facts["n_inputs"] = int(arrays["x_train"].shape[1])
    sealed = {"x_test": preprocessing.transform(test.inputs), "y_test": encoding.encode_target(test.targets, facts)}
    return Splits(
        training=TrainingData(arrays, facts, digest_arrays(arrays, sealed)),
        train=train,
        validation=validation,
        test=SealedTest(test),
        preprocessing=preprocessing,
    )
