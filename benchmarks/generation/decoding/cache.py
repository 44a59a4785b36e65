"""A key-value cache of fixed rows in which sequences of different ages decode together.

All rows write the same column at the same time; a row's own tokens are the columns from its start on. A new sequence
takes a finished one's row at once: its prompt's keys and values are copied to the columns just before the present one.
Positions are part of the embeddings or of the keys, so where a key lies in the cache does not matter (``fast_path.py``
checks it). No step allocates.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache


class _Layer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped
    """One layer's keys and values, shape (rows, heads, columns, head size); the cache tells what part is in use."""

    def __init__(self, shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.is_initialized = True
        self.rows, self.begin, self.end = shape[0], 0, 0

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write one token's states, shape (rows in use, heads, 1, head size), and return all columns in use."""
        self.keys[: self.rows, :, self.end] = key_states[:, :, 0]
        self.values[: self.rows, :, self.end] = value_states[:, :, 0]
        window = slice(self.begin, self.end + 1)
        return self.keys[: self.rows, :, window], self.values[: self.rows, :, window]

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Do nothing: the constructor allocates."""

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.end - self.begin + query_length, 0

    def get_seq_length(self) -> int:
        return self.end - self.begin

    def get_max_length(self) -> int:
        return int(self.keys.shape[2])


class RowCache(Cache):  # type: ignore[misc]  # transformers is untyped
    """The cache of all layers.

    Args:
        like: a cache of the same model with at least one column, for shapes and types.
        rows: sequences decoded together.
        columns: longest sequence; twice as many are allocated, so that the window seldom has to move back.
    """

    def __init__(self, like: DynamicCache, rows: int, columns: int) -> None:
        layers = []
        for layer in like.layers:
            _, heads, _, size = layer.keys.shape
            layers.append(_Layer((rows, heads, 2 * columns, size), layer.keys.dtype, layer.keys.device))
        super().__init__(layers=layers)
        self.columns = columns
        self.starts = torch.zeros(rows, dtype=torch.int64)
        self.rows = rows
        self.now = columns  # the column that the next step writes; space before it for a prompt

    def admit(self, row: int, prefill: DynamicCache, prompt: int, length: int) -> None:
        """Copy ``length`` columns, the last ones of the left-padded row ``prompt`` of ``prefill``, into ``row``."""
        for layer, source in zip(self.layers, prefill.layers, strict=True):
            target = slice(self.now - length, self.now)
            width = source.keys.shape[2]
            layer.keys[row, :, target] = source.keys[prompt, :, width - length :]
            layer.values[row, :, target] = source.values[prompt, :, width - length :]
        self.starts[row] = self.now - length

    def drop(self, row: int) -> None:
        """End the use of a row and move the last row in use into its place."""
        last = self.rows - 1
        if row != last:
            begin = int(self.starts[last])
            for layer in self.layers:
                layer.keys[row, :, begin : self.now] = layer.keys[last, :, begin : self.now]
                layer.values[row, :, begin : self.now] = layer.values[last, :, begin : self.now]
            self.starts[row] = begin
        self.rows = last

    def open_step(self) -> Tensor:
        """Prepare the next column and return the attention mask, shape (rows, 1, 1, columns in use) bool."""
        if self.now == 2 * self.columns:
            self._move_back()
        begin = int(self.starts[: self.rows].min())
        for layer in self.layers:
            layer.rows, layer.begin, layer.end = self.rows, begin, self.now
        columns = torch.arange(begin, self.now + 1)
        return (columns >= self.starts[: self.rows, None])[:, None, None, :]

    def close_step(self) -> None:
        """Finish the written column and move to the next one."""
        self.now += 1

    def _move_back(self) -> None:
        """Move the window, at most ``columns`` wide, from the second half to the first."""
        half = self.columns
        for layer in self.layers:
            for states in (layer.keys, layer.values):
                states[: self.rows, :, :half] = states[: self.rows, :, half:]
        self.starts -= half
        self.now -= half
