"""Weights of an epoch that later epochs do not change."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class LastingWeights(Mapping[str, "torch.Tensor"], ABC):
    """Weights of a report that can be read at any later time, and cost nothing until then.

    Those of most epochs are never read: a better one comes before a file is written.
    """
