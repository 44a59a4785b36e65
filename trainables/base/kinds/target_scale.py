"""The scale on which a regression is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainables.base.kinds.kind import TargetTransform


@dataclass(frozen=True)
class TargetScale:
    """How a regression target is scaled for training: ``z = (f(y) - mean) / std`` with ``f`` identity or log.

    Attributes:
        mean, std: of ``f(y)`` over the training rows.
        transform: ``"none"`` or ``"log"`` (natural; for positive targets).
    """

    mean: float = 0.0
    std: float = 1.0
    transform: TargetTransform = "none"

    @classmethod
    def fit(cls, target: np.ndarray, transform: TargetTransform) -> TargetScale:
        """Fit the scale on the training target alone, (n,) in its unit."""
        values = np.log(target) if transform == "log" else target
        return cls(float(values.mean()), float(values.std()) or 1.0, transform)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> TargetScale:
        """Return the scale that a regression's facts hold; identity where they hold none."""
        return cls(
            float(facts.get("target_mean", 0.0)),
            float(facts.get("target_std", 1.0)),
            facts.get("target_transform", "none"),
        )

    def to_facts(self) -> dict[str, Any]:
        """Return the scale as JSON values that ``from_facts`` reads."""
        return {"target_mean": self.mean, "target_std": self.std, "target_transform": self.transform}

    def to_model(self, target: np.ndarray) -> np.ndarray:
        """Convert (n,) in the target's unit to (n,) float32 standardised."""
        values = np.log(target) if self.transform == "log" else target
        return ((values - self.mean) / self.std).astype(np.float32)

    def to_unit(self, output: np.ndarray) -> np.ndarray:
        """Convert (n,) standardised to (n,) float64 in the target's unit."""
        values = output.astype(np.float64) * self.std + self.mean
        return np.exp(values) if self.transform == "log" else values
