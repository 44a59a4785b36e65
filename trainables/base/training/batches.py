"""The training split in batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from trainables.base.contract.data import TrainingData
from trainables.base.training.randomness import stream_seed
from trainables.base.training.tensors import on_device

_BLOCK_BYTES = 8 << 20  # rows gathered at once: shuffled batches are slices of it, and memory stays bounded


class Batches:
    """The training split in a new order each epoch.

    Rows are gathered in large blocks and batches are slices of them: one gather for many batches, bounded memory.
    """

    def __init__(self, data: TrainingData, batch_size: int, seed: int, device: str, inputs: str = "x") -> None:
        self._x = on_device(data, f"{inputs}_train", device)
        self._y = on_device(data, "y_train", device).reshape(-1)
        self.rows = len(self._y)
        self.size = min(batch_size, self.rows)
        self._order = torch.Generator().manual_seed(stream_seed(seed, "order"))  # on the CPU: same order everywhere
        row_bytes = max(1, self._x[0].numel() * self._x.element_size())
        block = min(self.rows, self.size * max(1, _BLOCK_BYTES // (row_bytes * self.size)))
        self._x_block, self._y_block = self._x.new_empty(block, *self._x.shape[1:]), self._y.new_empty(block)

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch: shuffled (inputs, targets) of many batches at a time, overwritten by the next block."""
        order = torch.randperm(self.rows, generator=self._order).to(self._x.device)
        for rows in torch.split(order, len(self._y_block)):
            x, y = self._x_block[: len(rows)], self._y_block[: len(rows)]
            yield torch.index_select(self._x, 0, rows, out=x), torch.index_select(self._y, 0, rows, out=y)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch: shuffled (inputs, targets) of one batch at a time, on the device."""
        for x, y in self.blocks():
            yield from zip(torch.split(x, self.size), torch.split(y, self.size), strict=True)
