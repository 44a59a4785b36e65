"""A small residual network for colour pictures, and the changes that training pictures go through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.base.contract.task import Config


class ResidualBlock(nn.Module):
    """Two convolutions 3x3 with batch norm, and a shortcut round them (He et al. 2016).

    Args:
        before: Channels of the input.
        after: Channels of the output.
        stride: 2 halves the picture.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm_first, self.norm_second = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        changes = stride != 1 or before != after
        self.shortcut = nn.Conv2d(before, after, 1, stride=stride, bias=False) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu(self.norm_first(self.first(x)))
        return F.relu(self.shortcut(x) + self.norm_second(self.second(inside)))


class ResidualNetwork(nn.Module):
    """Stages of residual blocks, each after the first at half the size and twice the channels; their mean decides.

    Args:
        mean, std: Of each of the three colours of the training pictures, from 0 to 1.
        n_outputs: Number of classes.
        channels: Of the first stage.
        stages: Number of stages.
        blocks: Of each stage.
        dropout: Before the last layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        n_outputs: int,
        *,
        channels: int,
        stages: int,
        blocks: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1))
        self.stem = nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        layers, before = [], channels
        for stage in range(stages):
            width = channels * 2**stage
            for block in range(blocks):
                layers.append(ResidualBlock(before, width, 2 if stage and not block else 1))
                before = width
        self.blocks = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(before, n_outputs)
        self.to(memory_format=torch.channels_last)  # faster on the CPU

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (rows, 3, side, side), uint8 or their share of 255, to logits (rows, n_outputs)."""
        x = (as_shares(x) - self.mean) / self.std
        x = F.relu(self.norm(self.stem(x)))
        outputs: Tensor = self.output(self.dropout(self.blocks(x).mean(dim=(2, 3))))
        return outputs


@dataclass(frozen=True)
class PictureChanges:
    """Mirrors, moves, scales and lights each picture of a batch, each by a draw of its own.

    Random numbers come from the trial's generator, on the batch's device. New area at the edges repeats the edge pixel.

    Attributes:
        flip: Whether left and right are swapped in half of the pictures.
        shift: Share of the side, along each axis.
        zoom: Share of the size.
        light: Share of brightness and of contrast.
    """

    flip: bool
    shift: float
    zoom: float
    light: float

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand(6, len(batch), generator=generator, device=batch.device)
        mirror = torch.where(draws[0] < 0.5, -1.0, 1.0) if self.flip else torch.ones_like(draws[0])
        right, down, size, bright, strong = draws[1:] * 2 - 1
        scale = 1 + size * self.zoom
        nothing = torch.zeros_like(scale)
        # the grid spans -1 to 1, so that a share of the side is twice as much there
        rows = [scale * mirror, nothing, 2 * right * self.shift, nothing, scale, 2 * down * self.shift]
        shape = list(batch.shape)
        grid = F.affine_grid(torch.stack(rows, dim=1).reshape(-1, 2, 3), shape, align_corners=False)
        moved = F.grid_sample(as_shares(batch), grid, mode="bilinear", padding_mode="border", align_corners=False)
        middle = moved.mean(dim=(1, 2, 3), keepdim=True)
        contrast = (1 + strong * self.light).reshape(-1, 1, 1, 1)
        changed: Tensor = middle + (moved - middle) * contrast + (bright * self.light / 2).reshape(-1, 1, 1, 1)
        return changed.clamp(0, 1)


def as_shares(pictures: Tensor) -> Tensor:
    """Convert uint8 pixels to their share of 255, float32; leave others as they are."""
    return pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures


def build_residual_model(config: Config, facts: Mapping[str, Any]) -> ResidualNetwork:
    """Build the network that a configuration describes.

    Args:
        config: As ``search_spaces/images.py`` draws it.
        facts: ``n_outputs``, ``mean`` and ``std`` of the data.
    """
    return ResidualNetwork(
        facts["mean"],
        facts["std"],
        int(facts["n_outputs"]),
        channels=int(config["channels"]),
        stages=int(config["stages"]),
        blocks=int(config["blocks"]),
        dropout=float(config["dropout"]),
    )


def picture_changes(config: Config) -> PictureChanges | None:
    """Return the changes that a configuration asks for; None for none."""
    if not config["augment"]:
        return None
    return PictureChanges(bool(config["flip"]), float(config["shift"]), float(config["zoom"]), float(config["light"]))
