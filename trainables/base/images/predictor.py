"""A trained network on pictures: 28 x 28 grey values in, class and probabilities out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from search_spaces.errors import UserError
from trainables.base.contract.task import Config, Predictor
from trainables.base.images.digit import read_digit
from trainables.base.images.networks import SIDE, ImageScale, build_image_model
from trainables.base.training.metrics import multiclass_metrics
from trainables.base.training.outputs import probabilities

BATCH = 1024  # images a forward pass
BINS = 15  # of the expected calibration error


class ImagePredictor(Predictor):
    """Preprocessing and network of one trial.

    Args:
        config: the trial's configuration.
        facts: ``TrainingData.facts`` of the data it was trained on: ``classes``, ``n_outputs``.
        weights: state dict of the network.
        preprocessing: fitted on the training images.
    """

    kind: ClassVar[str] = "images"

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
        self.model = build_image_model(config, facts)
        self.model.load_state_dict(dict(weights))
        self.model.eval()

    @staticmethod
    def read_image(content: bytes) -> np.ndarray:
        """The bytes of a PNG or JPEG file to (28, 28) uint8, light ink on black; raises ``UserError``."""
        return read_digit(content)

    def outputs(self, inputs: Any) -> np.ndarray:
        """Pictures (see ``as_images``) to logits (n, classes) float32."""
        x = torch.from_numpy(self.preprocessing.transform(as_images(inputs)))
        with torch.inference_mode():
            return torch.cat([self.model(part) for part in torch.split(x, BATCH)]).numpy()

    def predict(self, inputs: Any) -> pd.DataFrame:
        """A column ``prediction``, and ``p_<class>``, the probabilities."""
        classes = self.facts["classes"]
        shares = probabilities(self.outputs(inputs))
        frame = pd.DataFrame(shares, columns=[f"p_{c}" for c in classes])
        frame.insert(0, "prediction", [classes[i] for i in shares.argmax(axis=1)])
        return frame

    def save(self, folder: Path) -> None:
        save_file({k: v.contiguous() for k, v in self.model.state_dict().items()}, folder / "weights.safetensors")
        self.preprocessing.save(folder)
        meta = {"predictor": self.kind, "kind": self.task_kind, "config": self.config, "facts": self.facts}
        (folder / "predictor.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ImagePredictor:
        meta = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "weights.safetensors")
        return cls(meta["config"], meta["facts"], weights, ImageScale.load(folder))


def as_images(inputs: Any) -> np.ndarray:
    """Grey values 0 to 255, (28, 28), (n, 28, 28), (n, 1, 28, 28) or (n, 784), to (n, 28, 28) uint8.

    Raises:
        UserError: another shape, or values outside 0 to 255.
    """
    try:
        values = np.asarray(inputs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError("Pictures must be numbers: grey values 0 to 255 of shape (n, 28, 28).") from error
    if values.size == 0 or values.size % SIDE**2 or values.shape[-1] not in (SIDE, SIDE**2):
        raise UserError(f"Pictures must have shape (n, {SIDE}, {SIDE}) or (n, {SIDE**2}), got {values.shape}.")
    if not (values.min() >= 0 and values.max() <= 255):  # NaN fails too
        raise UserError(f"Grey values must be from 0 to 255, got {values.min():g} to {values.max():g}.")
    return np.round(values).astype(np.uint8).reshape(-1, SIDE, SIDE)


def score_images(outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Logits (n, classes) against class positions (n,): ``accuracy``, ``f1``, ``log_loss``, ``auc``, ``ece``."""
    shares = probabilities(outputs)
    truth = np.asarray(targets, dtype=np.int64)
    return {**multiclass_metrics(truth, shares), "ece": calibration_error(truth, shares)}


def calibration_error(truth: np.ndarray, shares: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): how far confidence is from accuracy, over equal-width bins.

    Args:
        truth: class positions (n,).
        shares: (n, classes) probabilities.
        bins: number of bins of the largest probability.
    """
    confidence = shares.max(axis=1)
    right = shares.argmax(axis=1) == truth
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(bin_of, weights=confidence - right, minlength=bins)  # rows of the bin times its gap
    return float(np.abs(gap).sum() / len(truth))
