"""The global random generators, for libraries that draw from them whatever seed they are given."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


class Generators:
    """Global generators of Python, NumPy and torch inside a block: each block continues where the last one ended.

    Args:
        seed: where the first block starts.
    """

    def __init__(self, seed: int) -> None:
        outside = self._get()
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed % 2**63)
        self._inside = self._get()
        self._set(outside)

    def __enter__(self) -> None:
        self._outside = self._get()
        self._set(self._inside)

    def __exit__(self, *error: object) -> None:
        self._inside = self._get()
        self._set(self._outside)

    @staticmethod
    def _get() -> tuple[Any, ...]:
        return random.getstate(), np.random.get_state(), torch.get_rng_state()

    @staticmethod
    def _set(states: tuple[Any, ...]) -> None:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
