"""Which parameters of a network decay."""

from __future__ import annotations

from typing import Any

from torch import nn


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split parameters into those of linear layers, which decay, and all others (biases, norms, embeddings)."""
    decayed = {id(module.weight) for module in network.modules() if isinstance(module, nn.Linear)}
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if id(p) in decayed], "weight_decay": weight_decay},
        {"params": [p for p in parameters if id(p) not in decayed], "weight_decay": 0.0},
    ]
