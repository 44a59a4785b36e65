"""A trained network on pictures: 28 x 28 grey values in, class and probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from search_spaces.errors import UserError
from trainables.base.contract.files.damage import reading
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import Config
from trainables.base.images.digit import read_digit
from trainables.base.images.networks import SIDE, build_image_model
from trainables.base.images.scale import ImageScale
from trainables.base.kinds.registry import row_kind
from trainables.base.training.model_files import load_meta, load_weights, save_meta, save_weights
from trainables.base.training.restoring import restore

BATCH = 1024  # images a forward pass


class ImagePredictor(Predictor):
    """Preprocessing and network of one trial.

    Args:
        config: the trial's configuration.
        facts: ``TrainingData.facts`` of the data it was trained on: ``classes``, ``n_outputs``.
        weights: state dict of the network.
        preprocessing: fitted on the training images.
    """

    kind: ClassVar[str] = "images"
    reads = "picture"

    def __init__(
        self,
        config: Config,
        facts: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        preprocessing: ImageScale,
    ) -> None:
        self.task_kind = "images"
        self.config = config
        self.facts = facts
        self.preprocessing = preprocessing
        self.model = restore(partial(build_image_model, config, facts), config, weights)

    @staticmethod
    def read_image(content: bytes) -> np.ndarray:
        """Read the bytes of a picture file as (28, 28) uint8, light ink on black; raises ``UserError``."""
        return read_digit(content)

    def outputs(self, inputs: Any) -> np.ndarray:
        """Turn pictures (see ``as_images``) into logits (n, classes) float32."""
        return self.encoded_outputs(self.encode(inputs))

    def encode(self, inputs: Any) -> torch.Tensor:
        """Prepare pictures (see ``as_images``) for the network, (n, 1, 28, 28) float32."""
        return torch.from_numpy(self.preprocessing.transform(as_images(inputs)))

    def encoded_outputs(self, encoded: torch.Tensor) -> np.ndarray:
        """Turn what ``encode`` returned into logits (n, classes) float32."""
        with torch.inference_mode():
            return torch.cat([self.model(part) for part in torch.split(encoded, BATCH)]).numpy()

    def predict(self, inputs: Any) -> pd.DataFrame:
        """Return a column ``prediction`` and the probabilities ``p_<class>``."""
        return row_kind(self.task_kind).frame(self.outputs(inputs), self.facts)

    def save(self, folder: Path) -> None:
        save_weights(folder, self.model.state_dict())
        self.preprocessing.save(folder)
        save_meta(folder, self.kind, self.task_kind, self.config, self.facts)

    @classmethod
    def load(cls, folder: Path) -> ImagePredictor:
        meta, weights, scale = load_meta(folder), load_weights(folder), ImageScale.load(folder)
        with reading(meta.path):
            return cls(meta.config, meta.facts, weights, scale)

    def trial_input(self) -> np.ndarray:
        return np.zeros((1, SIDE, SIDE))


def as_images(inputs: Any) -> np.ndarray:
    """Reshape grey values 0 to 255, (28, 28), (n, 28, 28), (n, 1, 28, 28) or (n, 784), to (n, 28, 28) uint8.

    Raises:
        UserError: another shape, or values outside 0 to 255.
    """
    try:
        values = np.asarray(inputs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError("Pictures must be numbers: grey values 0 to 255 of shape (n, 28, 28).") from error
    if values.shape[:1] == (0,):
        return np.zeros((0, SIDE, SIDE), np.uint8)
    if values.size == 0 or values.size % SIDE**2 or values.shape[-1] not in (SIDE, SIDE**2):
        raise UserError(f"Pictures must have shape (n, {SIDE}, {SIDE}) or (n, {SIDE**2}), got {values.shape}.")
    if not (values.min() >= 0 and values.max() <= 255):  # NaN fails too
        raise UserError(f"Grey values must be from 0 to 255, got {values.min():g} to {values.max():g}.")
    return np.round(values).astype(np.uint8).reshape(-1, SIDE, SIDE)
