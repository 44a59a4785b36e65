"""The random numbers of a fine-tuning, apart from those of the rest of the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Randomness:
    """The random numbers of one run, apart from the rest of the process."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self._order = torch.Generator().manual_seed(seed)
        with self._restored():
            torch.manual_seed(seed)
            self._dropout = self._current()

    @contextmanager
    def own(self) -> Iterator[torch.Generator]:
        """Let dropout in this block draw from this run's numbers; yield the generator of the data order."""
        with self._restored():
            self._set(self._dropout)
            yield self._order
            self._dropout = self._current()

    def state(self) -> dict[str, Tensor]:
        return {"order": self._order.get_state(), "dropout": self._dropout}

    def set_state(self, state: dict[str, Tensor]) -> None:
        self._order.set_state(state["order"])
        self._dropout = state["dropout"]

    def _current(self) -> Tensor:
        return torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else torch.get_rng_state()

    def _set(self, state: Tensor) -> None:
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state, self._device)
        else:
            torch.set_rng_state(state)

    @contextmanager
    def _restored(self) -> Iterator[None]:
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield
