"""Parts of a loaded network that differ from architecture to architecture: its sizes, its blocks, its own weights."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from trainables.base.text.language_models.model_shape import ModelShape


def shape_of(network: PreTrainedModel) -> ModelShape:
    """Return the sizes of a network."""
    return ModelShape.from_config(network.config.to_dict(), type(network).__name__)


def blocks_of(network: PreTrainedModel) -> list[torch.nn.Module]:
    """Return the transformer's blocks, the one nearest to the input first; none where they are in no list."""
    layers = shape_of(network).layers
    lists = (m for m in network.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == layers)
    return list(next(lists, []))


def own_weights(network: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return the tensors of a network by name, those that are one and the same (tied) once."""
    seen: dict[tuple[int, torch.Size], str] = {}
    state: dict[str, torch.Tensor] = network.state_dict()
    for name, tensor in state.items():
        seen.setdefault((tensor.data_ptr(), tensor.shape), name)
    return {name: state[name] for name in seen.values()}
