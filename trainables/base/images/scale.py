"""The scale of grey values that networks read, fitted on the training images; it loads no torch."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from trainables.base.contract.files.damage import entry, read_object


@dataclass(frozen=True)
class ImageScale:
    """Standardisation of grey values: ``x = (pixel / 255 - mean) / std``, both over the training images' pixels."""

    mean: float
    std: float

    @classmethod
    def fit(cls, images: np.ndarray) -> ImageScale:
        """From the training images alone, (n, 28, 28) uint8; exact integer sums, so that the order does not matter."""
        counts = np.bincount(images.reshape(-1), minlength=256)
        levels = np.arange(256) / 255
        mean = float(counts @ levels / counts.sum())
        variance = float(counts @ (levels - mean) ** 2 / counts.sum())
        return cls(mean, math.sqrt(variance) or 1.0)

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Scale (n, 28, 28) grey values 0 to 255 to (n, 1, 28, 28) float32."""
        levels = (np.arange(256) / 255 - self.mean) / self.std
        return np.ascontiguousarray(levels.astype(np.float32)[images][:, None])

    def save(self, folder: Path) -> None:
        """Write ``preprocessing.json``."""
        (folder / "preprocessing.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ImageScale:
        """Read what ``save`` wrote."""
        path = folder / "preprocessing.json"
        stored = read_object(path)
        return cls(entry(stored, "mean", float, path), entry(stored, "std", float, path))
