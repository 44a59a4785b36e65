"""A trained network on colour pictures: squares of pixels in, class and probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from search_spaces.errors import UserError
from trainables.base.contract.files.damage import reading
from trainables.base.contract.predictor import Predictor, Reads
from trainables.base.contract.task import Config
from trainables.base.images.occlusion import covering_effects
from trainables.base.images.photograph import read_photograph
from trainables.base.images.picture_model import build_picture_model, packages_of
from trainables.base.kinds.registry import row_kind
from trainables.base.training.model_files import load_meta, load_weights, save_meta, save_weights
from trainables.base.training.restoring import restore

BATCH = 64  # pictures of a forward pass


class PicturePredictor(Predictor):
    """The network of one trial.

    Args:
        config: The trial's configuration.
        facts: ``TrainingData.facts`` of the data it was trained on, ``side`` among them.
        weights: State dict of the network.
    """

    kind: ClassVar[str] = "pictures"
    reads: Reads = "picture"
    preprocessing = None

    def __init__(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        self.task_kind = "images"
        self.config = config
        self.facts = facts
        self.packages = packages_of(config, facts)
        self.model = restore(lambda: build_picture_model(config, facts), config, weights)

    def read_image(self, content: bytes) -> np.ndarray:
        """Read the bytes of a picture file as (side, side, 3) uint8; raises ``UserError``."""
        return read_photograph(content, int(self.facts["side"]))

    def outputs(self, inputs: Any) -> np.ndarray:
        """Turn pictures (n, side, side, 3), grey values 0 to 255, into logits (n, classes) float32."""
        return self.encoded_outputs(self.encode(inputs))

    def encode(self, inputs: Any) -> Tensor:
        """Prepare pictures for the network, (n, 3, side, side) uint8.

        Raises:
            UserError: Another shape.
        """
        pixels, side = np.asarray(inputs), int(self.facts["side"])
        if pixels.shape[:1] == (0,):
            pixels = pixels.reshape(0, side, side, 3)
        if pixels.ndim != 4 or pixels.shape[1:] != (side, side, 3):
            raise UserError(f"Pictures must have shape (n, {side}, {side}, 3), got {pixels.shape}.")
        return torch.from_numpy(np.ascontiguousarray(pixels.astype(np.uint8).transpose(0, 3, 1, 2)))

    def encoded_outputs(self, encoded: Tensor) -> np.ndarray:
        """Turn what ``encode`` returned into logits (n, classes) float32."""
        with torch.inference_mode():
            return torch.cat([self.model(part) for part in torch.split(encoded, BATCH)]).numpy()

    def predict(self, inputs: Any) -> pd.DataFrame:
        """Return a column ``prediction`` and the probabilities ``p_<class>``."""
        return row_kind(self.task_kind).frame(self.outputs(inputs), self.facts)

    def explain(self, picture: np.ndarray) -> np.ndarray:
        """Return (8, 8) float64: what each part of a picture (side, side, 3) contributes, see ``covering_effects``."""
        return covering_effects(self.outputs, np.asarray(picture))

    def trial_input(self) -> np.ndarray:
        side = int(self.facts["side"])
        return np.zeros((1, side, side, 3), dtype=np.uint8)

    def save(self, folder: Path) -> None:
        save_weights(folder, self.model.state_dict())
        save_meta(folder, self.kind, self.task_kind, self.config, self.facts)

    @classmethod
    def load(cls, folder: Path) -> PicturePredictor:
        meta, weights = load_meta(folder), load_weights(folder)
        with reading(meta.path):
            return cls(meta.config, meta.facts, weights)
