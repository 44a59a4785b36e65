"""Embedded: many perceptrons in one, on embedded columns (TabM).

Gorishniy et al. 2025, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling"
(https://arxiv.org/abs/2410.24210), its variant "mini": members share all hidden layers and differ in a scale of each
input, drawn from N(0, 1) once a column, and in their output layer. Each member trains on batches of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind, RowKind
from trainables.base.kinds.registry import kind_from_facts, row_kind
from trainables.base.tables.families.family import Family, NetworkModel, TableModel
from trainables.base.tables.families.numeric_embeddings import Embedded, build_embedded
from trainables.base.tables.families.optimizer import RunningMean, parameter_groups
from trainables.base.training.compute import compiled
from trainables.base.training.loop import Plateau, Validation, patience_epochs, run_epochs
from trainables.base.training.mlp import MULTIPLIER
from trainables.base.training.randomness import seeded, stream_seed
from trainables.base.training.tensors import aligned, on_device
from trainables.base.training.torch_internals import FusedAdamW

CLIP = 1.0  # largest norm of a gradient
_EVAL_ROWS = 1024


class EmbeddedMLP(nn.Module):
    """Embedded columns, then ``members`` perceptrons that share their hidden layers.

    Inputs (rows, n_inputs) to (rows, n_outputs): the members' average, of probabilities for classes.

    Args:
        embedded: of the columns.
        hidden_sizes: widths of the hidden layers.
        n_outputs: of the task.
        members: perceptrons; 1 for an ordinary one.
        kind: of the target: how members are averaged.
    """

    def __init__(
        self, embedded: Embedded, hidden_sizes: Sequence[int], n_outputs: int, members: int, kind: RowKind
    ) -> None:
        super().__init__()
        self.kind, self.embedded, self.members = kind, embedded, members
        sizes = [embedded.width, *hidden_sizes]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.scales = nn.Parameter(_scales(members, embedded), requires_grad=members > 1)
        bound = 1 / math.sqrt(sizes[-1])
        self.head = nn.Parameter(torch.empty(members, sizes[-1], n_outputs).uniform_(-bound, bound))
        self.head_bias = nn.Parameter(torch.empty(members, 1, n_outputs).uniform_(-bound, bound))

    def scores(self, x: Tensor, masks: Masks | None = None) -> Tensor:
        """Return each member's outputs (members, rows, n_outputs) for rows of its own; dropout with ``masks``.

        Args:
            x: (members, rows, n_inputs).
            masks: of dropout after each hidden layer.
        """
        embedded = self.embedded(x.flatten(0, 1)).view(self.members, x.shape[1], -1)
        return self._heads(embedded * self.scales.unsqueeze(1), masks)

    def forward(self, x: Tensor) -> Tensor:
        embedded = self.embedded(x)
        return averaged(self._heads(embedded.unsqueeze(0) * self.scales.unsqueeze(1), None), self.kind)

    def _heads(self, scaled: Tensor, masks: Masks | None) -> Tensor:
        hidden = scaled.flatten(0, 1)
        for layer in self.hidden:
            hidden = layer(hidden).relu()
            if masks is not None:
                hidden = hidden * masks.draw(hidden)
        return torch.baddbmm(self.head_bias, hidden.view(self.members, scaled.shape[1], -1), self.head)


def _scales(members: int, embedded: Embedded) -> Tensor:
    """Draw the members' first scales (members, width), one from N(0, 1) for each column; ones for a single member."""
    if members == 1:
        return torch.ones(1, embedded.width)
    columns, size = embedded.embedded_columns
    drawn = torch.randn(members, columns + embedded.width - columns * size)
    return torch.cat([drawn[:, :columns].repeat_interleave(size, dim=1), drawn[:, columns:]], dim=1)


def averaged(scores: Tensor, kind: RowKind) -> Tensor:
    """Average the outputs of members (members, rows, n_outputs) to (rows, n_outputs): of classes, probabilities."""
    return scores[0] if len(scores) == 1 else kind.average(scores)


def build_embedded_mlp(config: Config, facts: Mapping[str, Any], x_train: np.ndarray | None = None) -> EmbeddedMLP:
    """Build the network that a configuration describes; initial weights come from torch's global generator.

    Args:
        config: ``embedding`` and its parameters (see ``build_embedded``), ``hidden_sizes``, ``members``.
        facts: ``n_inputs``, ``n_numeric``, ``n_outputs``, and ``classes`` of a classification.
        x_train: (rows, n_inputs) training rows, on which bins are fitted; None when weights will be loaded.
    """
    embedded = build_embedded(config, facts, x_train)
    members, n_outputs = int(config["members"]), int(facts["n_outputs"])
    return EmbeddedMLP(embedded, config["hidden_sizes"], n_outputs, members, kind_from_facts(facts))


class EmbeddedTrainer:
    """An ``EmbeddedMLP`` with fused AdamW; the loss is the mean over members, each of which learns by itself."""

    def __init__(self, config: Config, data: TrainingData, seed: int, *, kind: Kind, device: str) -> None:
        with seeded(seed):
            self._model = build_embedded_mlp(config, data.facts, data.arrays["x_train"]).to(device)
        self._scores = compiled(self._model.scores)
        self._kind, self._device = row_kind(kind), torch.device(device)
        self._x, self._x_val = on_device(data, "x_train", device), aligned(on_device(data, "x_val", device))
        self._y = on_device(data, "y_train", device).reshape(-1)
        self._rows, self._batch = len(self._y), min(int(config["batch_size"]), len(self._y))
        self._order = torch.Generator().manual_seed(stream_seed(seed, "order"))
        dropout = float(config["dropout"])
        self._masks = Masks(dropout, stream_seed(seed, "noise"), device) if dropout > 0 else None
        self._trained = [p for p in self._model.parameters() if p.requires_grad]
        self._mean = RunningMean(self._model, self._rows / self._batch)
        self._optimizer = FusedAdamW(parameter_groups(self._model, float(config["weight_decay"])))

    def train_epoch(self, lr: float) -> float:
        total, members = torch.zeros((), device=self._device), self._model.members
        orders = torch.stack([torch.randperm(self._rows, generator=self._order) for _ in range(members)])
        for rows in torch.split(orders.to(self._device), self._batch, dim=1):
            scores = self._scores(self._x[rows.flatten()].view(members, rows.shape[1], -1), self._masks)
            loss = self._kind.loss(scores.flatten(0, 1), self._y[rows.flatten()])
            self._optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(self._trained, CLIP, foreach=True)
            self._optimizer.step(lr)
            self._mean.update()
            total += loss.detach() * rows.shape[1]
        return float(total) / self._rows

    @torch.inference_mode()
    def validate(self) -> Tensor:
        with self._mean.active():
            parts = [self._model(x) for x in torch.split(self._x_val, _EVAL_ROWS)]
        return torch.cat(parts).float().cpu()

    def weights(self) -> Mapping[str, Tensor]:
        return self._mean.weights()


class Masks:
    """Dropout masks, 0 or 1 / (1 - p), from one multiplicative congruential generator per unit (see ``mlp``)."""

    def __init__(self, dropout: float, seed: int, device: str) -> None:
        self._kept = 1.0 / (1.0 - dropout)
        self._threshold = round((dropout - 0.5) * 2**32)
        self._random, self._device = np.random.default_rng(seed), device
        self._states: dict[tuple[int, ...], Tensor] = {}

    def draw(self, like: Tensor) -> Tensor:
        """Draw a mask of this tensor's shape."""
        shape = tuple(like.shape)
        if shape not in self._states:
            states = self._random.integers(2**32, size=shape, dtype=np.uint32) | 1
            self._states[shape] = torch.from_numpy(states.view(np.int32)).to(self._device)
        return (self._states[shape].mul_(MULTIPLIER) >= self._threshold).to(like.dtype).mul_(self._kept)


class EmbeddedColumns(Family):
    """TabM.

    Configuration: ``embedding`` and its parameters, ``hidden_sizes``, ``members``, ``dropout``, ``lr``,
    ``weight_decay``, ``batch_size``.
    """

    name: ClassVar[str] = "embedded"

    def fit(
        self, config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
    ) -> Iterator[EpochReport]:
        trainer = EmbeddedTrainer(config, data, seed, kind=kind, device=device)
        patience = patience_epochs(len(data.arrays["y_train"]), int(config["batch_size"]))
        lr = float(config["lr"])
        return run_epochs(trainer, Validation(kind, data), Plateau(lr, patience), max_epochs=max_epochs)

    def model(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TableModel:
        return NetworkModel(partial(build_embedded_mlp, config, facts), config, weights)
