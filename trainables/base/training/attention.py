"""A block of a Transformer encoder, for texts and for series."""

from __future__ import annotations

import math

from torch import Tensor, nn


class AttentionBlock(nn.Module):
    """Attention and a two-layer perceptron, each with layer norm before and a shortcut (Xiong et al. 2020).

    Args:
        width: Of a place's vector, a multiple of ``heads``.
        heads: Of attention.
        dropout: Of what each half adds.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_perceptron = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Map (rows, length, width) to the same shape; ``present`` (rows, length) says what is not padding."""
        rows, length, width = x.shape
        parts = self.queries_keys_values(self.before_attention(x)).view(
            rows, length, 3, self.heads, width // self.heads
        )
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (rows, heads, length, width of a head) each
        scores = query @ key.transpose(-2, -1) / math.sqrt(width // self.heads)
        if present is not None:
            scores = scores.masked_fill(~present[:, None, None], -math.inf)
        seen = (scores.softmax(dim=-1) @ value).transpose(1, 2).reshape(rows, length, width)
        x = x + self.dropout(self.joined(seen))
        after: Tensor = x + self.dropout(self.perceptron(self.before_perceptron(x)))
        return after
