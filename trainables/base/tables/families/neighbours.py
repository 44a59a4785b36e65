"""Neighbours: predict the average target of the training rows, weighted by learned distances (ModernNCA).

Ye et al. 2024, "Revisiting Nearest Neighbor for Tabular Data: A Deep Tabular Baseline Two Decades Later"
(https://arxiv.org/abs/2407.03257). Rows are embedded, numbers first and then by a linear layer or a residual block; a
row's output is the softmax over negative distances to training rows, times their targets. While training, a row never
sees its own target, and each batch meets a random share of the training rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind, RowKind
from trainables.base.kinds.registry import kind_from_facts, row_kind
from trainables.base.tables.families.family import Family, NetworkModel, TableModel
from trainables.base.tables.families.numeric_embeddings import Embedded, build_embedded
from trainables.base.tables.families.optimizer import RunningMean, parameter_groups
from trainables.base.tables.families.soft_neighbours import loss_and_gradient, read
from trainables.base.training.loop import Plateau, Validation, patience_epochs, run_epochs
from trainables.base.training.randomness import RandomState, seeded, stream_seed
from trainables.base.training.tensors import on_device
from trainables.base.training.torch_internals import FusedAdamW

MAX_CANDIDATES = 10_000  # training rows that ``candidates`` is a share of: of larger tables, this many
MAX_KEYS = 50_000  # training rows that a model compares with; of more, a random choice
PATIENCE, PATIENCE_STEPS = 12, 300  # as in ``training.loop``, but less: comparing with all rows learns fast


class Encoder(nn.Module):
    """Rows (n, n_inputs) to points (n, dim) whose distances say how alike their targets are.

    Args:
        embedded: of the columns.
        dim: of the points.
        blocks: 0 for a linear layer alone, 1 for a residual block with batch normalisation behind it.
        block_width: hidden units of the block.
        dropout: in the block.
    """

    def __init__(self, embedded: Embedded, dim: int, blocks: int, block_width: int, dropout: float) -> None:
        super().__init__()
        self.embedded, self.linear = embedded, nn.Linear(embedded.width, dim)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm1d(dim),
                nn.Linear(dim, block_width),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(block_width, dim),
            )
            for _ in range(blocks)
        )
        self.norm = nn.BatchNorm1d(dim) if blocks else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        points: Tensor = self.linear(self.embedded(x))
        for block in self.blocks:
            points = points + block(points)
        normed: Tensor = self.norm(points)
        return normed


class NeighbourNetwork(nn.Module):
    """An encoder with the keys of the training rows: rows (n, n_inputs) to raw outputs (n, n_outputs).

    Args:
        encoder: of rows.
        keys: training rows that are kept.
        kind: of the target.
        n_outputs: of the task.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, encoder: Encoder, keys: int, kind: RowKind, n_outputs: int) -> None:
        super().__init__()
        self.encoder, self.kind = encoder, kind
        self.register_buffer("keys", torch.zeros(keys, encoder.linear.out_features))
        self.register_buffer("values", torch.zeros(keys, value_width(kind, n_outputs)))

    def forward(self, x: Tensor) -> Tensor:
        return self.kind.outputs_of_means(read(self.encoder(x), self.keys, self.values))


def value_width(kind: RowKind, n_outputs: int) -> int:
    """Return how many numbers a training row's target is: one for a regression, one a class."""
    return max(2, n_outputs) if kind.classifies else 1


def values_of(targets: Tensor, kind: RowKind, width: int) -> Tensor:
    """Convert encoded targets (n,) to what is averaged, (n, width): the target itself, or one-hot classes."""
    return F.one_hot(targets.long(), width).float() if kind.classifies else targets.float().unsqueeze(1)


class NeighboursTrainer:
    """Trains an encoder with fused AdamW; a running mean of its weights, with the keys it gives, is judged and kept."""

    def __init__(self, config: Config, data: TrainingData, seed: int, *, kind: Kind, device: str) -> None:
        self._kind, self._device = row_kind(kind), torch.device(device)
        self._x, self._x_val = on_device(data, "x_train", device), on_device(data, "x_val", device)
        self._y = on_device(data, "y_train", device).reshape(-1)
        self._rows, self._batch = len(self._y), min(int(config["batch_size"]), len(self._y))
        self._share = float(config["candidates"]) * min(1.0, MAX_CANDIDATES / self._rows)
        self._random = torch.Generator().manual_seed(stream_seed(seed, "order"))
        kept = torch.randperm(self._rows, generator=self._random)[:MAX_KEYS].sort().values
        with seeded(seed):
            self._network = build_network(config, data.facts, len(kept), data.arrays["x_train"]).to(device)
        self._kept = kept.to(device)
        self._values = values_of(self._y, self._kind, self._network.values.shape[1])
        self._network.values.copy_(self._values[self._kept])
        self._noise = RandomState(stream_seed(seed, "noise"), self._device)
        self._mean = RunningMean(self._network, self._rows / self._batch)
        self._optimizer = FusedAdamW(parameter_groups(self._network.encoder, float(config["weight_decay"])))

    def train_epoch(self, lr: float) -> float:
        total, seen = torch.zeros((), device=self._device), 0
        self._network.train()
        order = torch.randperm(self._rows, generator=self._random)
        with self._noise:
            for rows in torch.split(order, self._batch):
                if len(rows) == 1 and seen:  # the last batch: a row alone has no batch statistics
                    continue
                total += self._step(rows, lr) * len(rows)
                seen += len(rows)
        return float(total) / seen

    def _step(self, rows: Tensor, lr: float) -> Tensor:
        """Update the encoder once; the batch's rows are candidates too, each for the others."""
        chosen = torch.rand(self._rows, generator=self._random) < self._share
        chosen[rows] = False
        candidates = torch.cat([rows, chosen.nonzero().squeeze(1)]).to(self._device)
        points = self._network.encoder(self._x[candidates])
        target = self._y[candidates[: len(rows)]]

        def mean_loss(averages: Tensor, block: slice) -> Tensor:
            return self._kind.loss(self._kind.outputs_of_means(averages), target[block])

        loss, gradient = loss_and_gradient(points.detach(), self._values[candidates], len(rows), mean_loss)
        self._optimizer.zero_grad()
        torch.autograd.backward((points * gradient).sum())  # given apart, the gradient would make torch load SymPy
        nn.utils.clip_grad_norm_(self._network.encoder.parameters(), 1.0)
        self._optimizer.step(lr)
        self._mean.update()
        return loss

    @torch.inference_mode()
    def validate(self) -> Tensor:
        self._network.eval()
        with self._mean.active():
            parts = [self._network.encoder(part) for part in torch.split(self._x[self._kept], 8192)]
            self._network.keys.copy_(torch.cat(parts))
            return torch.cat([self._network(part) for part in torch.split(self._x_val, 8192)]).float().cpu()

    def weights(self) -> Mapping[str, Tensor]:
        return self._mean.weights()


def build_network(
    config: Config, facts: Mapping[str, Any], keys: int, x_train: np.ndarray | None = None
) -> NeighbourNetwork:
    """Build the network that a configuration describes; initial weights come from torch's global generator."""
    encoder = Encoder(
        build_embedded(config, facts, x_train),
        int(config["dim"]),
        int(config["n_blocks"]),
        int(config.get("block_width", 1)),
        float(config.get("dropout", 0.0)),
    )
    return NeighbourNetwork(encoder, keys, kind_from_facts(facts), int(facts["n_outputs"]))


class Neighbours(Family):
    """ModernNCA.

    Configuration: ``embedding`` and its parameters, ``dim``, ``n_blocks`` (0 or 1, with ``block_width`` and
    ``dropout``), ``candidates`` (share of the training rows, at most ``MAX_CANDIDATES``, that a batch meets), ``lr``,
    ``weight_decay``, ``batch_size``.
    """

    name: ClassVar[str] = "neighbours"

    def fit(
        self, config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
    ) -> Iterator[EpochReport]:
        trainer = NeighboursTrainer(config, data, seed, kind=kind, device=device)
        rows, lr = len(data.arrays["y_train"]), float(config["lr"])
        patience = patience_epochs(rows, int(config["batch_size"]), PATIENCE_STEPS, PATIENCE)
        return run_epochs(trainer, Validation(kind, data), Plateau(lr, patience), max_epochs=max_epochs)

    def model(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TableModel:
        return NetworkModel(partial(build_network, config, facts, len(weights["keys"])), config, weights)
