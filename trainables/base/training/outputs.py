"""From a model's raw outputs to what people read: the target's scale, probabilities, scores, tables of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from trainables.base.contract.task import Kind
from trainables.base.training.metrics import binary_metrics, multiclass_metrics, regression_metrics

TargetTransform = Literal["none", "log"]


@dataclass(frozen=True)
class TargetScale:
    """How a regression target is scaled for training: ``z = (f(y) - mean) / std`` with ``f`` identity or log.

    Attributes:
        mean, std: of ``f(y)`` over the training rows.
        transform: ``"none"`` or ``"log"`` (natural; for positive targets).
    """

    mean: float
    std: float
    transform: TargetTransform = "none"

    @classmethod
    def fit(cls, target: np.ndarray, transform: TargetTransform) -> TargetScale:
        """From the training target alone, (n,) in its unit."""
        values = np.log(target) if transform == "log" else target
        return cls(float(values.mean()), float(values.std()) or 1.0, transform)

    def to_model(self, target: np.ndarray) -> np.ndarray:
        """(n,) in the target's unit to (n,) float32 standardised."""
        values = np.log(target) if self.transform == "log" else target
        return ((values - self.mean) / self.std).astype(np.float32)

    def to_unit(self, output: np.ndarray) -> np.ndarray:
        """(n,) standardised to (n,) float64 in the target's unit."""
        values = output.astype(np.float64) * self.std + self.mean
        return np.exp(values) if self.transform == "log" else values


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
