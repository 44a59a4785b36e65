"""The scale on which a regression is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainables.base.kinds.kind import TargetTransform


@dataclass(frozen=True)
class TargetScale:
    """How a regression target is scaled for training: ``z = (f(y) - mean) / std``.

    ``f`` is the identity, the natural logarithm of a positive target, or ``asinh((y - centre) / width)``, which is
    linear near the centre and logarithmic far from it, so that no single value decides the fit.

    Attributes:
        mean, std: of ``f(y)`` over the training rows.
        transform: ``"none"``, ``"log"`` or ``"robust"``.
        centre, width: median and interquartile range of the training target; of ``"robust"`` alone.
    """

    mean: float = 0.0
    std: float = 1.0
    transform: TargetTransform = "none"
    centre: float = 0.0
    width: float = 1.0

    @classmethod
    def fit(cls, target: np.ndarray, transform: TargetTransform) -> TargetScale:
        """Fit the scale on the training target alone, (n,) in its unit."""
        if transform == "robust":
            low, centre, high = (float(value) for value in np.quantile(target, [0.25, 0.5, 0.75]))
            scale = cls(transform=transform, centre=centre, width=high - low or float(target.std()) or 1.0)
        else:
            scale = cls(transform=transform)
        values = scale._bend(target)
        return replace(scale, mean=float(values.mean()), std=float(values.std()) or 1.0)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> TargetScale:
        """Return the scale that a regression's facts hold; identity where they hold none."""
        return cls(
            float(facts.get("target_mean", 0.0)),
            float(facts.get("target_std", 1.0)),
            facts.get("target_transform", "none"),
            float(facts.get("target_centre", 0.0)),
            float(facts.get("target_width", 1.0)),
        )

    def to_facts(self) -> dict[str, Any]:
        """Return the scale as JSON values that ``from_facts`` reads."""
        facts = {"target_mean": self.mean, "target_std": self.std, "target_transform": self.transform}
        return facts | (
            {"target_centre": self.centre, "target_width": self.width} if self.transform == "robust" else {}
        )

    def to_model(self, target: np.ndarray) -> np.ndarray:
        """Convert (n,) in the target's unit to (n,) float32 standardised."""
        return ((self._bend(target) - self.mean) / self.std).astype(np.float32)

    def to_unit(self, output: np.ndarray) -> np.ndarray:
        """Convert (n,) standardised to (n,) float64 in the target's unit."""
        values = output.astype(np.float64) * self.std + self.mean
        if self.transform == "robust":
            return np.sinh(values) * self.width + self.centre
        return np.exp(values) if self.transform == "log" else values

    def _bend(self, target: np.ndarray) -> np.ndarray:
        if self.transform == "robust":
            bent: np.ndarray = np.arcsinh((target - self.centre) / self.width)
            return bent
        return np.log(target) if self.transform == "log" else target
