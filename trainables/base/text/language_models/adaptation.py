"""How a network is adapted: the settings of a fine-tuning, what of the network trains, and what a trial keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from search_spaces.errors import UserError
from trainables.base.text.language_models.lora import Adapters, adapter_weights, add_adapters, set_adapter_weights
from trainables.base.text.language_models.network_parts import blocks_of, own_weights

FULL = "full"  # adaptation of the whole network
BETAS = (0.9, 0.99)  # a shorter memory than 0.999: a fine-tuning has hundreds of steps, not hundreds of thousands


@dataclass(frozen=True)
class Settings:
    """One configuration of the search spaces ``kogpt2`` and ``kogpt2_lora``.

    Attributes:
        lr: peak learning rate.
        batch_size: blocks per optimizer step.
        block_length: tokens per block.
        dropout: everywhere in the network.
        warmup: share of all steps in which the learning rate rises linearly; it then falls linearly to zero.
        weight_decay: of matrices; biases and norms have none.
        frozen_blocks: share of the transformer blocks, counted from the input, that stay as they are. The embedding
            always trains: it is tied to the output layer.
        adaptation: ``"full"``, or ``"lora"`` for adapters beside layers that stay as they are.
        lora_rank, lora_alpha, lora_dropout: of the adapters, see ``lora.Adapters``.
    """

    lr: float
    batch_size: int
    block_length: int
    dropout: float
    warmup: float
    weight_decay: float
    frozen_blocks: float
    adaptation: str = FULL
    lora_rank: int = 8
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0

    @property
    def adapters(self) -> Adapters | None:
        """The adapters that train in place of the network; None where the network trains."""
        if self.adaptation == FULL:
            return None
        return Adapters(self.lora_rank, self.lora_alpha, self.lora_dropout)


def prepare(network: PreTrainedModel, settings: Settings, seed: int) -> None:
    """Set dropout, freeze blocks, and add adapters where these train."""
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = settings.dropout
        if isinstance(getattr(module, "attention_dropout", None), float):  # Llama and its relatives keep the rate alone
            module.attention_dropout = settings.dropout
    blocks = blocks_of(network)
    if settings.frozen_blocks and not blocks:
        raise UserError(f"The blocks of a {type(network).__name__} cannot be told apart: fix frozen_blocks at 0.")
    for block in blocks[: int(settings.frozen_blocks * len(blocks))]:
        block.requires_grad_(False)
    if settings.adapters is not None:  # last: their dropout is their own
        add_adapters(network, settings.adapters, seed)


def trained_weights(network: PreTrainedModel, settings: Settings) -> dict[str, Tensor]:
    """Return what a trial keeps: the network's weights, or those of its adapters alone."""
    return own_weights(network) if settings.adapters is None else adapter_weights(network)


def load_trained(network: PreTrainedModel, settings: Settings, weights: Mapping[str, Tensor]) -> None:
    """Give a prepared network what a trial kept."""
    if settings.adapters is None:
        network.load_state_dict(dict(weights), strict=False)  # without tensors that are tied to another
    else:
        set_adapter_weights(network, weights)


def build_optimizer(network: PreTrainedModel, settings: Settings) -> torch.optim.AdamW:
    """Return AdamW over the trained parameters; only matrices get weight decay."""
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=BETAS, fused=True)
