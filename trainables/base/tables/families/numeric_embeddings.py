"""Embeddings of numeric columns: each number becomes a vector before a network reads it.

Piecewise-linear and periodic embeddings: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep
Learning" (https://arxiv.org/abs/2203.05556).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Embedding = nn.Module  # (rows, columns) to (rows, columns, size), with the attribute ``size``


class PiecewiseLinear(nn.Module):
    """Piecewise-linear encoding, then a linear layer for each column.

    A number becomes its position among bins, 1 for bins below it, 0 above, a fraction in its own; a linear layer of
    its column's own maps these positions to the embedding. Beyond the training range nothing changes.

    Args:
        edges: (columns, bins + 1), ascending; a column with few distinct values has bins of no width, which stay 0.
        size: of a number's embedding.
    """

    edges: Tensor

    def __init__(self, edges: Tensor, size: int) -> None:
        super().__init__()
        self.register_buffer("edges", edges)
        columns, bins = edges.shape[0], edges.shape[1] - 1
        self.size = size
        bound = 1 / math.sqrt(bins)
        self.weight = nn.Parameter(torch.empty(columns, bins, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, 1, size).uniform_(-bound, bound))

    def encode(self, x: Tensor) -> Tensor:
        """Encode numbers (rows, columns) as positions (columns, rows, bins) from 0 to 1."""
        left, widths = self.edges[:, :-1], self.edges.diff(dim=1)
        inverse = torch.where(widths > 0, 1 / widths.clamp_min(1e-9), torch.zeros_like(widths))
        return torch.baddbmm((-left * inverse).unsqueeze(1), x.t().unsqueeze(2), inverse.unsqueeze(1)).clamp_(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, self.encode(x), self.weight).transpose(0, 1)


class Periodic(nn.Module):
    """Sines and cosines of learned frequencies, then a linear layer for each column and ReLU ("PLR").

    Args:
        columns: how many numbers a row has.
        frequencies: how many frequencies each number gets.
        scale: standard deviation of the initial frequencies; the parameter that matters most.
        size: of a number's embedding.
    """

    def __init__(self, columns: int, frequencies: int, scale: float, size: int) -> None:
        super().__init__()
        self.size = size
        self.frequencies = nn.Parameter(torch.randn(columns, frequencies).clamp_(-3, 3) * scale)
        bound = 1 / math.sqrt(2 * frequencies)
        self.weight = nn.Parameter(torch.empty(columns, 2 * frequencies, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, 1, size).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        waves: Tensor = Waves.apply(x.t(), self.frequencies)
        return torch.baddbmm(self.bias, waves, self.weight).relu_().transpose(0, 1)


class Waves(torch.autograd.Function):
    """Cosines, then sines, of 2 pi x times frequencies; written out, since autograd's own operations copy a lot."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, frequencies: Tensor) -> Tensor:
        """Return (columns, rows, 2 x frequencies) for x (columns, rows) and frequencies (columns, frequencies)."""
        angles = (2 * math.pi * x).unsqueeze(2) * frequencies.unsqueeze(1)
        count = frequencies.shape[1]
        waves = angles.new_empty(*x.shape, 2 * count)
        torch.cos(angles, out=waves[..., :count])
        torch.sin(angles, out=waves[..., count:])
        ctx.save_for_backward(x, waves)
        return waves

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        """Return the gradient of the frequencies."""
        x, waves = ctx.saved_tensors
        count = waves.shape[2] // 2
        angles = gradient[..., count:] * waves[..., :count]
        angles.addcmul_(gradient[..., :count], waves[..., count:], value=-1)
        return None, torch.bmm((2 * math.pi * x).unsqueeze(1), angles).squeeze(1)


class Embedded(nn.Module):
    """Numeric columns through an embedding, all others as they are, side by side.

    Inputs (rows, n_inputs), numeric columns first, to (rows, width).

    Args:
        embedding: of the leading columns; None when there are none.
        n_numeric, n_inputs: columns.
    """

    def __init__(self, embedding: PiecewiseLinear | Periodic | None, n_numeric: int, n_inputs: int) -> None:
        super().__init__()
        self.embedding, self.n_numeric = embedding, n_numeric
        self.width = n_inputs - n_numeric + (0 if embedding is None else n_numeric * embedding.size)

    @property
    def embedded_columns(self) -> tuple[int, int]:
        """Number of leading columns that are embedded, and numbers that each becomes; further columns are one each."""
        return (0, 1) if self.embedding is None else (self.n_numeric, int(self.embedding.size))

    def forward(self, x: Tensor) -> Tensor:
        if self.embedding is None:
            return x
        numbers: Tensor = self.embedding(x[:, : self.n_numeric]).flatten(1)
        return torch.cat([numbers, x[:, self.n_numeric :]], dim=1) if x.shape[1] > self.n_numeric else numbers


def quantile_edges(x: np.ndarray, bins: int) -> Tensor:
    """Return bin edges (columns, bins + 1) at quantiles of the training rows ``x`` (rows, columns)."""
    edges = np.quantile(x.astype(np.float64), np.linspace(0, 1, bins + 1), axis=0).T
    return torch.from_numpy(np.ascontiguousarray(edges, dtype=np.float32))


def build_embedded(config: Mapping[str, Any], facts: Mapping[str, Any], x_train: np.ndarray | None) -> Embedded:
    """Build the embedding that a configuration describes.

    Args:
        config: ``embedding`` ("piecewise" with ``n_bins``, or "periodic" with ``n_frequencies`` and
            ``frequency_scale``) and ``embedding_size``.
        facts: ``n_inputs`` and ``n_numeric`` of the data; numeric columns come first.
        x_train: (rows, n_inputs) training rows, on which bins are fitted; None when weights will be loaded.
    """
    n_numeric, size = int(facts["n_numeric"]), int(config["embedding_size"])
    embedding: PiecewiseLinear | Periodic | None = None
    if n_numeric and config["embedding"] == "piecewise":
        bins = int(config["n_bins"])
        edges = torch.zeros(n_numeric, bins + 1) if x_train is None else quantile_edges(x_train[:, :n_numeric], bins)
        embedding = PiecewiseLinear(edges, size)
    elif n_numeric:
        embedding = Periodic(n_numeric, int(config["n_frequencies"]), float(config["frequency_scale"]), size)
    return Embedded(embedding, n_numeric, int(facts["n_inputs"]))
