"""From a table and its row split to the arrays that trials get and the rows that stay sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from trainables.base.metrics import binary_metrics, multiclass_metrics, regression_metrics
from trainables.base.preprocessing import Columns, NumericTransform, TablePreprocessing, TargetScale, TargetTransform
from trainables.base.splits import RowSplit
from trainables.base.task import Kind, RawSplit, SealedTest, Splits, TrainingData, digest_arrays


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
    if kind == "regression":
        scale = TargetScale.fit(np.asarray(train.targets, dtype=np.float64), target_transform)
        facts |= {
            "n_outputs": 1,
            "target_mean": scale.mean,
            "target_std": scale.std,
            "target_transform": scale.transform,
        }
    else:
        classes = sorted(pd.unique(frame[target]).tolist())
        facts |= {"n_outputs": 1 if kind == "binary" else len(classes), "classes": classes}
    arrays = {}
    for name, part in (("train", train), ("val", validation)):
        arrays[f"x_{name}"] = preprocessing.transform(part.inputs)
        arrays[f"y_{name}"] = encode_target(part.targets, kind, facts)
    facts["n_inputs"] = int(arrays["x_train"].shape[1])
    sealed = {"x_test": preprocessing.transform(test.inputs), "y_test": encode_target(test.targets, kind, facts)}
    return Splits(
        training=TrainingData(arrays, facts, digest_arrays(arrays, sealed)),
        train=train,
        validation=validation,
        test=SealedTest(test),
        preprocessing=preprocessing,
    )


def scale_of(facts: Mapping[str, Any]) -> TargetScale:
    """The target scale that a regression's facts hold."""
    return TargetScale(facts["target_mean"], facts["target_std"], facts["target_transform"])


def score_outputs(kind: Kind, outputs: np.ndarray, targets: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
    """A network's raw outputs (n, n_outputs) against raw targets (n,): the task's metrics, in the target's unit."""
    if kind == "regression":
        truth = np.asarray(targets, dtype=np.float64)
        scale = scale_of(facts)
        scores = regression_metrics(truth, scale.to_unit(outputs[:, 0]))
        if scale.transform == "log":  # what published figures of log-trained models are in
            log_rmse = regression_metrics(np.log(truth), np.log(scale.to_unit(outputs[:, 0])))["rmse"]
            scores = {**scores, "log_rmse": log_rmse}
        return scores
    shares = probabilities(outputs)
    codes = encode_target(targets, kind, facts)
    return binary_metrics(codes, shares[:, 1]) if kind == "binary" else multiclass_metrics(codes, shares)


def probabilities(outputs: np.ndarray) -> np.ndarray:
    """(n, 1) logits of class 1, or (n, classes) logits, to (n, classes) float64 that sum to 1."""
    logits = outputs.astype(np.float64)
    if logits.shape[1] == 1:
        one = expit(logits)
        return np.concatenate([1 - one, one], axis=1)
    shares: np.ndarray = softmax(logits, axis=1)
    return shares


def prediction_frame(
    kind: Kind, outputs: np.ndarray, facts: Mapping[str, Any], index: pd.Index | None = None
) -> pd.DataFrame:
    """Raw outputs (n, n_outputs) as users see them: ``prediction`` and, for classes, ``p_<class>``, probabilities."""
    if kind == "regression":
        return pd.DataFrame({"prediction": scale_of(facts).to_unit(outputs[:, 0])}, index=index)
    classes = facts["classes"]
    shares = probabilities(outputs)
    frame = pd.DataFrame(shares, columns=[f"p_{c}" for c in classes], index=index)
    frame.insert(0, "prediction", [classes[i] for i in shares.argmax(axis=1)])
    return frame


def encode_target(targets: np.ndarray, kind: Kind, facts: Mapping[str, Any]) -> np.ndarray:
    """(n,) raw targets to what the loss takes: standardised float32, 0/1 float32 (binary) or int64 class positions."""
    if kind == "regression":
        return scale_of(facts).to_model(np.asarray(targets, dtype=np.float64))
    position = {value: i for i, value in enumerate(facts["classes"])}
    codes = np.array([position[value] for value in targets.tolist()], dtype=np.int64)
    return codes.astype(np.float32) if kind == "binary" else codes
