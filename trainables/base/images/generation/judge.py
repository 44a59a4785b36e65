"""The fixed classifier whose features compare generated digits with real ones; it ships with the data.

It was trained on the training digits of mnist's own split, see ``trainables/mnist_gan_judge.py``.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor, nn

from trainables.base.contract.files.bundled import read_bytes
from trainables.base.images.generation.kernel_distance import kernel_distance
from trainables.base.images.networks import CNN
from trainables.base.training.restoring import without_weights

FILE = "digit_judge.safetensors"
LAYOUT: dict[str, Any] = {"n_blocks": 3, "convolutions": 1, "channels": 8, "hidden": 64, "dropout": 0.2}
FEATURE_LAYERS = 4  # of the classifier's head: up to the hidden layer's activations
AT_ONCE = 512  # pictures of a forward pass


class Judge(nn.Module):
    """A convolutional classifier of digits, and the activations of its last hidden layer as features.

    The features are scaled so that their mean square over the training digits is 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.network = CNN(10, batch_norm=True, **LAYOUT)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures (rows, 1, 28, 28), from -1 (background) to 1 (ink), to features (rows, 64) and logits."""
        scaled = ((pictures + 1) / 2 - self.mean) / self.std
        head = self.network.head
        features = head[:FEATURE_LAYERS](self.network.blocks(scaled))
        return features, head[FEATURE_LAYERS:](features)

    @torch.inference_mode()
    def read(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (rows, 64) and probabilities of the digits (rows, 10), on the CPU."""
        with torch.autocast(pictures.device.type, enabled=False):  # in full precision, whatever a trial computes in
            found = [self(part) for part in torch.split(pictures.float(), AT_ONCE)]
        features, logits = (torch.cat(parts) for parts in zip(*found, strict=True))
        return features.cpu(), logits.softmax(dim=1).cpu()


@cache
def bundled_judge(device: str = "cpu") -> Judge:
    """Return the judge that ships with tunelab; raise ``UserError`` where its file is damaged."""
    with without_weights():
        judge = Judge()
    judge = judge.to_empty(device=device)
    judge.load_state_dict(load(read_bytes(FILE)))
    return judge.eval()


def as_pictures(digits: np.ndarray) -> Tensor:
    """Convert digits (n, 28, 28) uint8, light ink on black, to (n, 1, 28, 28) float32 from -1 to 1."""
    return torch.from_numpy(digits[:, None].astype(np.float32) / 127.5 - 1)


def compare(pictures: Tensor, real_features: Tensor, judge: Judge) -> dict[str, float]:
    """Judge generated pictures.

    Args:
        pictures: (n, 1, 28, 28) from -1 to 1, on the judge's device.
        real_features: (m, 64) of real digits, as ``Judge.read`` gives them.
        judge: The classifier.

    Returns:
        ``kernel_distance`` to the real digits; ``class_entropy``, of the mean of the predicted class probabilities, in
        nats: ln 10 = 2.30 when all digits are equally frequent, 0 when there is one only; ``confidence``, the mean
        probability of the most likely digit.
    """
    features, probabilities = judge.read(pictures)
    return {
        "kernel_distance": kernel_distance(features, real_features),
        "class_entropy": class_entropy(probabilities),
        "confidence": float(probabilities.max(dim=1).values.mean()),
    }


def class_entropy(probabilities: Tensor) -> float:
    """Return the entropy of the mean of class probabilities (rows, classes), in nats; NaN where one is NaN."""
    mean = probabilities.double().mean(dim=0)
    total = float(-(mean * mean.clamp(min=1e-12).log()).sum())
    return math.nan if not bool(torch.isfinite(mean).all()) else total
