"""Random streams of a trial: each has a seed of its own, and the global generators stay as they were found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def stream_seed(seed: int, stream: str) -> int:
    """Return the seed of a random stream of a trial ("init", "order", "noise", ...), independent of the others."""
    key = int.from_bytes(stream.encode(), "big")
    return int(np.random.SeedSequence([seed, key]).generate_state(1, np.uint64)[0])


class RandomState:
    """The global generators' state of one trial: inside ``with`` they are the trial's, outside they are untouched."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(self._devices):
            torch.manual_seed(seed)
            self._keep()

    def __enter__(self) -> None:
        self._fork = torch.random.fork_rng(self._devices)
        self._fork.__enter__()
        torch.set_rng_state(self._cpu)
        for device, state in zip(self._devices, self._cuda, strict=True):
            torch.cuda.set_rng_state(state, device)

    def __exit__(self, *error: Any) -> None:
        self._keep()
        self._fork.__exit__(*error)

    def _keep(self) -> None:
        self._cpu = torch.get_rng_state()
        self._cuda = [torch.cuda.get_rng_state(device) for device in self._devices]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make the trial's "init" stream the CPU's global generator inside the block: build models here, then move them."""
    with RandomState(stream_seed(seed, "init"), torch.device("cpu")):
        yield
