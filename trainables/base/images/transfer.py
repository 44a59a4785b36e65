"""Transfer learning: a pretrained network's features first, then the whole network with a lower rate for its part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.images.backbones import Backbone, build_backbone, colour_scale
from trainables.base.images.residual import as_shares, picture_changes
from trainables.base.kinds.kind import Kind
from trainables.base.training.compute import cpu_threads
from trainables.base.training.loop import AutogradTrainer, HalfCosine, Validation, run_epochs
from trainables.base.training.randomness import seeded
from trainables.base.training.tensors import tensor_view

PART = "backbone/"  # before the names of the pretrained weights among the arrays of the data
INPUTS = "features"  # before _train and _val: what the pretrained network makes of the pictures
AT_ONCE = 64  # pictures of a forward pass
HEAD_STEPS = 50  # of the optimizer in an epoch on the features, at least: they cost almost nothing


class TransferNetwork(nn.Module):
    """A pretrained network with a new last layer.

    Its batch normalisation keeps the statistics of the pretraining: a small batch would spoil them.

    Args:
        architecture: As ``Backbone`` names it.
        n_outputs: Number of classes.
        dropout: Before the last layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: str, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.backbone, width = build_backbone(architecture)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_outputs))
        for name, value in zip(("mean", "std"), colour_scale(architecture), strict=True):
            self.register_buffer(name, torch.tensor(value).reshape(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last)  # faster on the CPU

    def features(self, x: Tensor) -> Tensor:
        """Map pictures (rows, 3, side, side), uint8 or their share of 255, to features (rows, width)."""
        found: Tensor = self.backbone((as_shares(x) - self.mean) / self.std)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures to logits (rows, n_outputs)."""
        outputs: Tensor = self.head(self.features(x))
        return outputs

    def train(self, mode: bool = True) -> TransferNetwork:
        super().train(mode)
        self.backbone.eval()
        return self


class _HeadTrainer(AutogradTrainer):
    """Trains the last layer on features that were computed once; the weights are those of the whole network."""

    def __init__(self, network: TransferNetwork, *args: Any, **options: Any) -> None:
        super().__init__(network.head, *args, inputs=INPUTS, **options)
        self._whole = network
        self._passes = math.ceil(HEAD_STEPS / self.steps)

    def train_epoch(self, lr: float) -> float:
        return [super(_HeadTrainer, self).train_epoch(lr) for _ in range(self._passes)][-1]

    def weights(self) -> Mapping[str, Tensor]:
        return self._whole.state_dict()


def build_transfer_model(config: Config, facts: Mapping[str, Any]) -> TransferNetwork:
    """Build the network of a configuration of the family ``transfer``, its weights not yet those of the pretraining.

    Args:
        config: As ``search_spaces/images_transfer.py`` draws it.
        facts: ``n_outputs`` and ``backbone`` of the data.
    """
    return TransferNetwork(facts["backbone"]["architecture"], int(facts["n_outputs"]), float(config["dropout"]))


def fit_transfer(
    config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
) -> Iterator[EpochReport]:
    """Train the last layer on frozen features for ``frozen_epochs``, then all layers for ``tuned_epochs``.

    The learning rate falls along a half cosine in each of the two phases. An epoch of the first is several passes over
    the features of small data. Both phases are shortened alike where ``max_epochs`` is less than their sum.

    Args:
        config: ``frozen_epochs``, ``tuned_epochs``, ``lr``, ``backbone_share`` (the pretrained layers' share of the
            learning rate), ``dropout``, ``weight_decay``, ``batch_size``, and what ``picture_changes`` reads.
        data: Pictures, their features and the pretrained weights, as ``pretrained_arrays`` gives them.
        seed: Fixes initialisation, batch order, dropout and changes of pictures.
        kind: Of the target.
        max_epochs: Of both phases together, at most.
        device: Where torch computes.

    Yields:
        Reports with the weights of the whole network.
    """
    with seeded(seed):
        network = build_transfer_model(config, data.facts)
    network.backbone.load_state_dict(_pretrained(data))
    network = network.to(device)
    frozen, tuned = _phases(config, max_epochs)
    validation, lr = Validation(kind, data), float(config["lr"])
    head = _HeadTrainer(network, data, config, seed, kind=kind, device=device)
    yield from run_epochs(head, validation, HalfCosine(lr, frozen), max_epochs=frozen)
    if not tuned:
        return
    parts = ((network.head, 1.0), (network.backbone, float(config["backbone_share"])))
    trainer = AutogradTrainer(
        network,
        data,
        config,
        seed,
        kind=kind,
        device=device,
        augment=picture_changes(config),
        rows_at_once=AT_ONCE,
        parts=parts,
    )
    for report in run_epochs(trainer, validation, HalfCosine(lr, tuned), max_epochs=tuned):
        yield replace(report, epoch=frozen + report.epoch)


def pretrained_arrays(backbone: Backbone) -> dict[str, np.ndarray]:
    """Return the pretrained weights as arrays of the training data, so that workers need no file."""
    return {f"{PART}{name}": value.numpy() for name, value in backbone.weights.items()}


def features_of(backbone: Backbone, pixels: np.ndarray) -> np.ndarray:
    """Return what a pretrained network makes of pictures, computed by as many threads as torch has.

    Each batch is computed by one thread, so that the numbers do not depend on how many there are.

    Args:
        backbone: Architecture and weights.
        pixels: (n, 3, side, side) uint8.

    Returns:
        (n, width) float32.
    """
    network = TransferNetwork(backbone.architecture, 1, 0.0)
    network.backbone.load_state_dict(dict(backbone.weights))
    network.eval()
    parts = torch.split(tensor_view(pixels), AT_ONCE)
    workers = torch.get_num_threads()
    with cpu_threads(1), ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(partial(_features, network), parts)))


@torch.inference_mode()
def _features(network: TransferNetwork, part: Tensor) -> np.ndarray:
    found: np.ndarray = network.features(part).numpy()
    return found


def _pretrained(data: TrainingData) -> dict[str, Tensor]:
    arrays = data.arrays
    return {name.removeprefix(PART): tensor_view(arrays[name]) for name in arrays if name.startswith(PART)}


def _phases(config: Config, max_epochs: int) -> tuple[int, int]:
    """Return epochs on frozen features and of the whole network."""
    frozen, tuned = int(config["frozen_epochs"]), int(config["tuned_epochs"])
    if frozen + tuned <= max_epochs:
        return frozen, tuned
    first = max(1, round(frozen * max_epochs / (frozen + tuned)))
    return first, max_epochs - first
