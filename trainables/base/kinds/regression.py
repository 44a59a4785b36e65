"""Regression: squared error of the standardised target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from trainables.base.kinds.kind import GradientBuffers, Kind, RowKind, TargetTransform
from trainables.base.kinds.metrics import regression_metrics
from trainables.base.kinds.target_scale import TargetScale

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


@dataclass(frozen=True)
class Regression(RowKind):
    """A number; raw outputs (n, 1) are the standardised target, of its logarithm where the facts say so."""

    name: Kind = "regression"
    loss_text: str = "mean squared error of the standardised target, no unit"
    classifies: ClassVar[bool] = False
    score: ClassVar[str] = "rmse"
    score_direction: ClassVar[Literal["minimize", "maximize"]] = "minimize"

    def target_facts(self, train: np.ndarray, every: np.ndarray, transform: TargetTransform) -> dict[str, Any]:
        return {"n_outputs": 1, **TargetScale.fit(np.asarray(train, dtype=np.float64), transform).to_facts()}

    def encode_target(self, targets: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        return TargetScale.from_facts(facts).to_model(np.asarray(targets, dtype=np.float64))

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        import torch
        from torch.nn import functional as F

        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32)).reshape(-1)
        return F.mse_loss(outputs, target.to(outputs.dtype))

    def output_gradient(self, outputs: Tensor, target: Tensor, work: GradientBuffers) -> Tensor:
        import torch

        # (output - target)² has the gradient 2 (output - target)
        return torch.sub(outputs, target, out=work.output_gradient).mul_(work.per_row).mul_(work.two)

    def row_losses(self, outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
        squared: np.ndarray = (outputs[:, 0].astype(np.float64) - np.asarray(target).reshape(-1)) ** 2
        return squared

    def constant_outputs(self, target: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        return np.array([np.asarray(target, dtype=np.float64).mean()])

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.astype(np.float64)

    def encode_outputs(self, decoded: np.ndarray) -> np.ndarray:
        return decoded

    def decoded_loss(self, decoded: np.ndarray, target: np.ndarray) -> float:
        return float(np.mean((decoded[:, 0] - target) ** 2))

    def average(self, scores: Tensor) -> Tensor:
        return scores.mean(dim=0)

    def metrics(self, outputs: np.ndarray, target: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
        scale = TargetScale.from_facts(facts)
        return regression_metrics(scale.to_unit(target.reshape(-1)), scale.to_unit(outputs.reshape(-1)))

    def scores(self, outputs: np.ndarray, targets: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
        truth = np.asarray(targets, dtype=np.float64)
        scale = TargetScale.from_facts(facts)
        predicted = scale.to_unit(outputs[:, 0])
        found = regression_metrics(truth, predicted)
        if scale.transform == "log":  # the unit of published errors of log-trained models
            found["log_rmse"] = regression_metrics(np.log(truth), np.log(predicted))["rmse"]
        return found

    def frame(self, outputs: np.ndarray, facts: Mapping[str, Any], index: pd.Index | None = None) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({"prediction": TargetScale.from_facts(facts).to_unit(outputs[:, 0])}, index=index)
