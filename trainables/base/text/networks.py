"""Networks on character numbers: a bag of character sequences, a recurrent network, a Transformer encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from trainables.base.contract.task import Config
from trainables.base.text.characters import PADDING
from trainables.base.training.attention import AttentionBlock

# Sequences are numbered by a polynomial of their characters, spread by the golden ratio (Knuth 1998, volume 3, 6.4).
PRIME, GOLDEN, MASK = 1_000_003, 0x9E3779B97F4A7C15 - (1 << 64), (1 << 62) - 1
MAX_LOG2_BUCKETS = 24
RANK_SHIFT = 20  # bits that are left out of a product before it becomes a row: the lowest are spread least


class Ngrams(nn.Module):
    """A bag of all character sequences up to a length, hashed into a table (Joulin et al. 2017, fastText).

    Args:
        longest: Characters of the longest sequence.
        log2_buckets: Binary logarithm of the rows of the table.
        width: Of a hidden layer; 0 for a linear model.
        dropout: Of the hidden layer, or of the sequences of a linear model.
        n_outputs: Of the target.
    """

    def __init__(self, longest: int, log2_buckets: int, width: int, dropout: float, n_outputs: int) -> None:
        super().__init__()
        if not 0 < log2_buckets <= MAX_LOG2_BUCKETS:
            raise ValueError(f"'log2_buckets' must be from 1 to {MAX_LOG2_BUCKETS}, got {log2_buckets}")
        self.longest, self.buckets, self.dropout = longest, 1 << log2_buckets, dropout
        self.table = nn.Parameter(torch.zeros(self.buckets, width or n_outputs))
        if width:
            nn.init.normal_(self.table, std=0.1)
        self.output = nn.Linear(width, n_outputs, bias=False) if width else None
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map character numbers (rows, length) to outputs (rows, n_outputs)."""
        x = x[:, : _longest(x)]
        rows, present = zip(*(self._sequences(x, size) for size in range(1, self.longest + 1)), strict=True)
        weight = torch.cat(present, dim=1).to(self.table.dtype)
        weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1).sqrt()
        if self.output is None:
            weight = F.dropout(weight, self.dropout, self.training)
        bag = F.embedding_bag(torch.cat(rows, dim=1), self.table, mode="sum", per_sample_weights=weight)
        if self.output is None:
            return bag + self.bias
        hidden = F.dropout(F.relu(bag), self.dropout, self.training)
        outputs: Tensor = self.output(hidden) + self.bias
        return outputs

    def _sequences(self, x: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Return the table's row of each sequence of a size, (rows, length - size + 1), and whether there is one."""
        count = x.shape[1] - size + 1
        if count < 1:
            return x.new_zeros(len(x), 0, dtype=torch.int64), x.new_zeros(len(x), 0, dtype=torch.bool)
        number = torch.full((len(x), count), size, dtype=torch.int64, device=x.device)
        for place in range(size):
            number = number * PRIME + x[:, place : place + count]
        spread = ((number * GOLDEN) & MASK) >> RANK_SHIFT
        return spread % self.buckets, x[:, size - 1 :] != PADDING


class Recurrent(nn.Module):
    """A GRU or LSTM in both directions; the mean and the maximum over a text's characters decide.

    Args:
        characters: Numbers of characters there are.
        cell: ``"gru"`` (Cho et al. 2014) or ``"lstm"`` (Hochreiter and Schmidhuber 1997).
        embedding_size: Of a character.
        width: Of the state in each direction.
        dropout: Of embeddings and of what is decided on.
        n_outputs: Of the target.
    """

    def __init__(
        self, characters: int, cell: str, embedding_size: int, width: int, dropout: float, n_outputs: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, embedding_size, padding_idx=PADDING)
        kind = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self.reader = kind(embedding_size, width, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(4 * width, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map character numbers (rows, length) to outputs (rows, n_outputs)."""
        x = x[:, : _longest(x)]
        present = x != PADDING
        # packed, so that padding, which depends on the other texts of a batch, is never read
        lengths = present.sum(dim=1).cpu()
        packed = pack_padded_sequence(self.dropout(self.embedding(x)), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.reader(packed)[0], batch_first=True, total_length=x.shape[1])
        shown = present[..., None]
        mean = (states * shown).sum(dim=1) / shown.sum(dim=1)
        peak = states.masked_fill(~shown, -math.inf).amax(dim=1)
        outputs: Tensor = self.output(self.dropout(torch.cat([mean, peak], dim=1)))
        return outputs


class Attention(nn.Module):
    """A small Transformer encoder (Vaswani et al. 2017) with learned positions; the mean over characters decides.

    Args:
        characters: Numbers of characters there are.
        length: Of the longest text.
        width: Of a character's vector, a multiple of ``heads``.
        heads: Of attention.
        n_layers: Number of blocks.
        dropout: Of embeddings and blocks.
        n_outputs: Of the target.
    """

    def __init__(
        self, characters: int, length: int, width: int, heads: int, n_layers: int, dropout: float, n_outputs: int
    ) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(characters, width), nn.Embedding(length, width)
        for table in (self.embedding, self.position):
            nn.init.normal_(table.weight, std=0.02)
        self.blocks = nn.ModuleList(AttentionBlock(width, heads, dropout) for _ in range(n_layers))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.output = nn.Linear(width, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map character numbers (rows, length) to outputs (rows, n_outputs)."""
        x = x[:, : _longest(x)]
        present = x != PADDING
        state = self.dropout(self.embedding(x) + self.position.weight[: x.shape[1]])
        for block in self.blocks:
            state = block(state, present)
        shown = present[..., None]
        mean = (self.norm(state) * shown).sum(dim=1) / shown.sum(dim=1)
        outputs: Tensor = self.output(self.dropout(mean))
        return outputs


def build_text_model(config: Config, facts: Mapping[str, Any]) -> nn.Module:
    """Build the network that a configuration describes.

    Args:
        config: As ``search_spaces/text.py`` draws it.
        facts: ``n_outputs``, ``n_characters`` and ``length`` of the data.
    """
    n_outputs, characters = int(facts["n_outputs"]), int(facts["n_characters"])
    family, dropout = config["family"], float(config["dropout"])
    if family == "ngrams":
        return Ngrams(int(config["longest"]), int(config["log2_buckets"]), int(config["width"]), dropout, n_outputs)
    if family == "recurrent":
        return Recurrent(
            characters, config["cell"], int(config["embedding_size"]), int(config["width"]), dropout, n_outputs
        )
    return Attention(
        characters,
        int(facts["length"]),
        int(config["width"]),
        int(config["heads"]),
        int(config["n_layers"]),
        dropout,
        n_outputs,
    )


def _longest(x: Tensor) -> int:
    """Return the length of the longest text of a batch (rows, length), at least 1."""
    return max(1, int((x != PADDING).any(dim=0).sum()))
