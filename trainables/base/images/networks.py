"""Pictures of digits: the networks that read them, and the augmentation of a batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.errors import UserError
from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.training.loop import fit_annealed
from trainables.base.training.mlp import MLP, fit_mlp
from trainables.base.training.randomness import seeded

SIDE = 28  # pixels


class CNN(nn.Module):
    """Blocks of convolutions 3x3, batch norm (or none), ReLU and 2x2 max pooling, then a hidden layer with dropout.

    Inputs (rows, 1, 28, 28), outputs (rows, n_outputs). Initial weights come from torch's global generator.

    Args:
        n_blocks: each halves the picture and, after the first, doubles the channels.
        convolutions: in each block after the first, which has one.
        channels: of the first block.
        hidden: width of the layer after the blocks.
        dropout: before and after that layer.
        batch_norm: whether each convolution is normalised.
    """

    def __init__(
        self,
        n_outputs: int,
        *,
        n_blocks: int,
        convolutions: int,
        channels: int,
        hidden: int,
        dropout: float,
        batch_norm: bool,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for block in range(n_blocks):
            width = channels * 2**block
            for _ in range(convolutions if block else 1):
                layers += _convolution(before, width, batch_norm)
                before = width
            layers.append(nn.MaxPool2d(2))
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(before * (SIDE // 2**n_blocks) ** 2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, n_outputs),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        self.to(memory_format=torch.channels_last)  # a third faster on the CPU

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.blocks(x))
        return outputs


def build_image_model(config: Config, facts: Mapping[str, Any]) -> nn.Module:
    """Build the network of a configuration; raise ``UserError`` when its ``family`` is neither mlp nor cnn."""
    family, n_outputs = config["family"], int(facts["n_outputs"])
    if family == "mlp":
        return MLP(SIDE * SIDE, config["hidden_sizes"], n_outputs, config["dropout"])
    if family == "cnn":
        names = ("n_blocks", "convolutions", "channels", "hidden", "dropout", "batch_norm")
        return CNN(n_outputs, **{name: config[name] for name in names})
    raise UserError(f"'family' must be 'mlp' or 'cnn', got {family!r}.")


@dataclass(frozen=True)
class Distortion:
    """Moves, turns, stretches and slants each picture of a batch, each by a draw from minus to plus what is given.

    Random numbers come from the trial's generator, on the batch's device. New area at the edges repeats the edge pixel,
    which is background in MNIST.

    Attributes:
        shift: pixels, along each axis.
        rotation: degrees.
        zoom: share of the size, along each axis.
        shear: columns a row.
    """

    shift: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand(6, len(batch), generator=generator, device=batch.device) * 2 - 1
        right, down = draws[:2] * (2 * self.shift / SIDE)  # the grid spans -1 to 1
        angle = draws[2] * math.radians(self.rotation)
        wide, high = 1 + draws[3:5] * self.zoom
        slant = draws[5] * self.shear
        cosine, sine = angle.cos(), angle.sin()
        rows = [cosine * wide, slant * cosine - sine * high, right, sine * wide, slant * sine + cosine * high, down]
        grid = F.affine_grid(torch.stack(rows, dim=1).reshape(-1, 2, 3), list(batch.shape), align_corners=False)
        return F.grid_sample(batch, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _convolution(before: int, after: int, batch_norm: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, kernel_size=3, padding=1, bias=not batch_norm)
    return [convolution, *([nn.BatchNorm2d(after)] if batch_norm else []), nn.ReLU()]


def fit_images(
    config: Config, data: TrainingData, seed: int, *, max_epochs: int, device: str = "cpu"
) -> Iterator[EpochReport]:
    """Train the network that ``config`` describes on pictures; see ``fit_tensors`` for data and reports.

    A perceptron's learning rate falls when the validation loss no longer improves; a convolutional network's falls
    along a half cosine over ``max_epochs``, which took its validation loss from 0.05 to 0.03 on the bundled sample.

    Args:
        config: what ``build_image_model`` reads, ``lr``, ``batch_size``, ``weight_decay``, ``augment`` and, when that
            is true, the amounts of a ``Distortion``.
        data: pictures and classes.
        seed: fixes initialisation, batch order, dropout and distortions.
        max_epochs: the length of the trial.
        device: where torch computes.
    """
    augment = (
        Distortion(*(config[name] for name in ("shift", "rotation", "zoom", "shear"))) if config["augment"] else None
    )
    if config["family"] == "mlp":
        return fit_mlp(config, data, seed, kind="multiclass", max_epochs=max_epochs, device=device, augment=augment)
    with seeded(seed):
        model = build_image_model(config, data.facts)
    return fit_annealed(
        model, data, config, seed, kind="multiclass", max_epochs=max_epochs, device=device, augment=augment
    )
