"""Low-rank adapters (LoRA, Hu et al. 2021): a network stays as it is, and small matrices beside its layers train."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from search_spaces.errors import UserError

EXTRA = "Install the extra 'lora': pip install 'tunelab[lora]'."


@dataclass(frozen=True)
class Adapters:
    """What low-rank adapters are like.

    Attributes:
        rank: Columns of the small matrices.
        alpha: What they add is scaled by alpha / rank.
        dropout: Of what goes into them.
    """

    rank: int
    alpha: float
    dropout: float


def require_peft() -> None:
    """Raise ``UserError`` when the package that makes adapters is missing."""
    if importlib.util.find_spec("peft") is None:
        raise UserError(f"Fine-tuning by adapters (LoRA) needs the package 'peft'. {EXTRA}")


def add_adapters(network: PreTrainedModel, adapters: Adapters, seed: int) -> None:
    """Put adapters beside every linear layer but the output, in place; nothing else trains from then on.

    Args:
        network: Of transformers.
        adapters: What they are like.
        seed: Fixes their first values; what they add is zero at first.
    """
    require_peft()
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=adapters.rank,
        lora_alpha=adapters.alpha,
        lora_dropout=adapters.dropout,
        target_modules="all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in network.modules()),  # GPT-2's layers
    )
    with torch.random.fork_rng(devices=[network.device] if network.device.type == "cuda" else []):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, network)


def adapter_weights(network: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return the adapters' tensors by name."""
    from peft import get_peft_model_state_dict

    return dict(get_peft_model_state_dict(network))


def set_adapter_weights(network: PreTrainedModel, weights: Mapping[str, torch.Tensor]) -> None:
    """Give the adapters of a network their values."""
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(network, dict(weights))


def merge_adapters(network: PreTrainedModel) -> None:
    """Add what the adapters add to the layers' own weights, and remove them: an ordinary network again."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(network.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, module.get_base_layer())
    if hasattr(network, "peft_config"):
        del network.peft_config
