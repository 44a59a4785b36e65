"""Embeddings of numeric columns, in front of one perceptron or of many that share their weights.

Piecewise-linear embeddings: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning".
Many perceptrons in one: Gorishniy et al. 2025, "TabM", its variant "mini": members differ in a scale of each
input and in their output layer.

Written for CPUs: piecewise-linear encodings are computed once, not in every batch, and dropout masks come from integer
arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables.base.contract.task import Config, EpochReport, TrainingData
from trainables.base.kinds.kind import Kind, RowKind
from trainables.base.kinds.registry import kind_from_facts, row_kind
from trainables.base.training.compute import compiled
from trainables.base.training.loop import (
    Batches,
    Validation,
    aligned,
    on_device,
    run_epochs,
    seeded,
    stream_seed,
)
from trainables.base.training.mlp import MULTIPLIER

AVERAGED_EPOCHS = 1.0  # how far back the running mean of the weights reaches, about
_EVAL_ROWS = 1024
_KEPT_BYTES = 1 << 29  # encodings of the training rows above this are computed for each batch


class PiecewiseLinear(nn.Module):
    """Each number as its position on a ladder of bins: 1 for bins below it, 0 above, a fraction in its own.

    Inputs (rows, columns) to (rows, columns x bins), all from 0 to 1: beyond the training range nothing changes.

    Args:
        edges: (columns, bins + 1), ascending; a column with fewer distinct values has bins of no width, which stay 0.
    """

    edges: Tensor

    def __init__(self, edges: Tensor) -> None:
        super().__init__()
        self.register_buffer("edges", edges)

    @property
    def width(self) -> int:
        return self.edges.shape[0] * (self.edges.shape[1] - 1)

    def forward(self, x: Tensor) -> Tensor:
        left, widths = self.edges[:, :-1], self.edges.diff(dim=1)
        share = (x.unsqueeze(2) - left).div_(widths.clamp_min(1e-9)).clamp_(0, 1)
        return share.mul_(widths > 0).flatten(1)


def quantile_edges(x: np.ndarray, bins: int) -> Tensor:
    """Bin edges (columns, bins + 1) at quantiles of the training rows ``x`` (rows, columns)."""
    edges = np.quantile(x.astype(np.float64), np.linspace(0, 1, bins + 1), axis=0).T
    return torch.from_numpy(np.ascontiguousarray(edges, dtype=np.float32))


class Periodic(nn.Module):
    """Each number through sines and cosines of learned frequencies, then a linear layer of its own and ReLU ("PLR").

    Inputs (rows, columns) to (rows, columns x size).

    Args:
        columns: how many numbers a row has.
        frequencies: how many frequencies each number gets.
        scale: standard deviation of the initial frequencies; the parameter that matters most.
        size: of a number's embedding.
    """

    def __init__(self, columns: int, frequencies: int, scale: float, size: int) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(columns, frequencies).clamp_(-3, 3) * scale)
        bound = 1 / math.sqrt(2 * frequencies)
        self.weight = nn.Parameter(torch.empty(columns, 2 * frequencies, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, 1, size).uniform_(-bound, bound))

    @property
    def width(self) -> int:
        return self.weight.shape[0] * self.weight.shape[2]

    def forward(self, x: Tensor) -> Tensor:
        angles = (2 * math.pi) * x.t().unsqueeze(2) * self.frequencies.unsqueeze(1)  # (columns, rows, frequencies)
        waves = torch.cat([angles.cos(), angles.sin()], dim=2)
        return torch.baddbmm(self.bias, waves, self.weight).relu().transpose(0, 1).flatten(1)


class EmbeddedMLP(nn.Module):
    """An embedding of the leading numeric columns, then ``members`` perceptrons that share their hidden layers.

    Inputs (rows, n_inputs) to (rows, n_outputs): what the members say on average, as logits for classes.

    Args:
        embedding: of the first ``n_numeric`` columns; the others pass by it.
        n_numeric, n_inputs, n_outputs: columns.
        hidden_sizes: widths of the hidden layers.
        dropout: after each hidden layer, in ``scores`` only when a mask source is given.
        members: perceptrons; 1 for an ordinary one.
        kind: of the target: how members are averaged, probabilities for classes.
    """

    def __init__(
        self,
        embedding: PiecewiseLinear | Periodic,
        n_numeric: int,
        n_inputs: int,
        n_outputs: int,
        hidden_sizes: Sequence[int],
        dropout: float,
        members: int,
        kind: RowKind,
    ) -> None:
        super().__init__()
        self.embedding, self.n_numeric, self.n_outputs, self.dropout = embedding, n_numeric, n_outputs, dropout
        self.kind = kind
        width = embedding.width + n_inputs - n_numeric
        sizes = [width, *hidden_sizes]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        # members begin apart by random signs of their inputs, or as one when there is one
        signs = torch.randint(0, 2, (members, width)).float() * 2 - 1 if members > 1 else torch.ones(1, width)
        self.scales = nn.Parameter(signs, requires_grad=members > 1)
        bound = 1 / math.sqrt(sizes[-1])
        self.head = nn.Parameter(torch.empty(members, sizes[-1], n_outputs).uniform_(-bound, bound))
        self.head_bias = nn.Parameter(torch.zeros(members, 1, n_outputs))

    def embed(self, x: Tensor) -> Tensor:
        """(rows, n_inputs) to (rows, width)."""
        numbers = self.embedding(x[:, : self.n_numeric])
        return torch.cat([numbers, x[:, self.n_numeric :]], dim=1) if x.shape[1] > self.n_numeric else numbers

    def scores(self, embedded: Tensor, masks: Masks | None = None) -> Tensor:
        """(rows, width) to each member's outputs (members, rows, n_outputs); dropout when ``masks`` are given."""
        members = len(self.scales)
        h = (embedded.unsqueeze(0) * self.scales.unsqueeze(1)).flatten(0, 1) if members > 1 else embedded
        for layer in self.hidden:
            h = layer(h).relu()
            if masks is not None:
                h = h * masks.draw(h)
        return torch.baddbmm(self.head_bias, h.view(members, len(embedded), -1), self.head)

    def forward(self, x: Tensor) -> Tensor:
        return averaged(self.scores(self.embed(x)), self.kind)


def averaged(scores: Tensor, kind: RowKind) -> Tensor:
    """Average the outputs of members (members, rows, n_outputs) to (rows, n_outputs): of classes, probabilities."""
    return scores[0] if len(scores) == 1 else kind.average(scores)


def build_embedded_mlp(config: Config, facts: Mapping[str, Any], x_train: np.ndarray | None = None) -> EmbeddedMLP:
    """The network that a configuration with an ``embedding`` describes.

    Args:
        config: ``embedding`` ("piecewise" with ``n_bins``, or "periodic" with ``n_frequencies``, ``frequency_scale``
            and ``embedding_size``), ``hidden_sizes``, ``dropout``, ``members``.
        facts: ``n_inputs``, ``n_numeric`` (they come first), ``n_outputs``, and ``classes`` of a classification.
        x_train: (rows, n_inputs) training rows, which bins are fitted on; not needed when weights will be loaded.
    """
    n_numeric = int(facts["n_numeric"])
    embedding: PiecewiseLinear | Periodic
    if config["embedding"] == "piecewise":
        bins = int(config["n_bins"])
        numbers = None if x_train is None else x_train[:, :n_numeric]
        edges = torch.zeros(n_numeric, bins + 1) if numbers is None else quantile_edges(numbers, bins)
        embedding = PiecewiseLinear(edges)
    else:
        embedding = Periodic(
            n_numeric, int(config["n_frequencies"]), float(config["frequency_scale"]), int(config["embedding_size"])
        )
    return EmbeddedMLP(
        embedding,
        n_numeric,
        int(facts["n_inputs"]),
        int(facts["n_outputs"]),
        config["hidden_sizes"],
        float(config["dropout"]),
        int(config["members"]),
        kind_from_facts(facts),
    )


def fit_embedded_mlp(
    config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str = "cpu"
) -> Iterator[EpochReport]:
    """Trains an ``EmbeddedMLP`` on a table; data and reports as for ``fit_tensors``, configuration as for
    ``build_embedded_mlp`` with ``lr``, ``batch_size`` and ``weight_decay``."""
    trainer = EmbeddedTrainer(config, data, seed, kind=kind, device=device)
    return run_epochs(trainer, Validation(kind, data), lr=float(config["lr"]), max_epochs=max_epochs)


class EmbeddedTrainer:
    """An ``EmbeddedMLP`` with fused AdamW; the loss is the mean over members, each of which learns by itself."""

    def __init__(self, config: Config, data: TrainingData, seed: int, *, kind: Kind, device: str) -> None:
        with seeded(seed):
            self._model = build_embedded_mlp(config, data.facts, data.arrays["x_train"]).to(device)
        self._scores = compiled(self._model.scores)
        self._kind, self._device = row_kind(kind), torch.device(device)
        size = 4 * len(data.arrays["x_train"]) * self._model.embedding.width
        self._fixed = isinstance(self._model.embedding, PiecewiseLinear) and size <= _KEPT_BYTES
        arrays = {"y_train": data.arrays["y_train"], "x_train": data.arrays["x_train"]}
        self._x_val = aligned(on_device(data, "x_val", device))
        if self._fixed:  # the same in every epoch
            with torch.inference_mode():
                arrays["x_train"] = self._model.embed(on_device(data, "x_train", device)).cpu().numpy()
                self._x_val = self._model.embed(self._x_val)
        digest = f"{data.digest}:{config.get('n_bins')}" if self._fixed else data.digest
        train = TrainingData(arrays, data.facts, digest)
        self._batches = Batches(train, int(config["batch_size"]), seed, device)
        dropout = float(config["dropout"])
        self._masks = Masks(dropout, stream_seed(seed, "noise"), device) if dropout > 0 else None
        parameters = [p for p in self._model.parameters() if p.requires_grad]
        # a running mean of the weights, which is what is judged and kept: it needs no small learning rate to settle
        self._trained = parameters
        self._mean = [parameter.detach().clone() for parameter in parameters]
        self._share = min(1.0, self._batches.size / (AVERAGED_EPOCHS * self._batches.rows))
        self._optimizer = torch.optim.AdamW(
            parameters, lr=float(config["lr"]), weight_decay=float(config["weight_decay"]), fused=True
        )

    def train_epoch(self, lr: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        total = torch.zeros((), device=self._device)
        for x, y in self._batches:
            scores = self._scores(x if self._fixed else self._model.embed(x), self._masks)
            loss = self._kind.loss(scores.flatten(0, 1), y.repeat(len(scores)))
            self._optimizer.zero_grad()
            torch.autograd.backward(loss)
            self._optimizer.step()
            torch._foreach_lerp_(self._mean, [p.detach() for p in self._trained], self._share)
            total += loss.detach() * len(y)
        return float(total) / self._batches.rows

    @torch.inference_mode()
    def validate(self) -> Tensor:
        parts = []
        self._swap()
        for x in torch.split(self._x_val, _EVAL_ROWS):
            parts.append(averaged(self._scores(x if self._fixed else self._model.embed(x)), self._kind))
        self._swap()
        return torch.cat(parts).float().cpu()

    def weights(self) -> Mapping[str, Tensor]:
        self._swap()
        state = {name: value.clone() for name, value in self._model.state_dict().items()}
        self._swap()
        return state

    def _swap(self) -> None:
        """Exchanges the weights in training for their running mean, or back."""
        for trained, mean in zip(self._trained, self._mean, strict=True):
            trained.data, mean.data = mean.data, trained.data


class Masks:
    """Dropout masks, 0 or 1 / (1 - p), from one multiplicative congruential generator per unit (see ``mlp``)."""

    def __init__(self, dropout: float, seed: int, device: str) -> None:
        self._kept = 1.0 / (1.0 - dropout)
        self._threshold = round((dropout - 0.5) * 2**32)
        self._random, self._device = np.random.default_rng(seed), device
        self._states: dict[tuple[int, ...], Tensor] = {}

    def draw(self, like: Tensor) -> Tensor:
        shape = tuple(like.shape)
        if shape not in self._states:
            states = self._random.integers(2**32, size=shape, dtype=np.uint32) | 1
            self._states[shape] = torch.from_numpy(states.view(np.int32)).to(self._device)
        return (self._states[shape].mul_(MULTIPLIER) >= self._threshold).to(like.dtype).mul_(self._kept)
