"""A pretrained encoder with a new last layer, through transformers' ``AutoModelForSequenceClassification``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification

DROPOUTS = (
    *("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "dropout", "attention_dropout"),
    *("embedding_dropout", "mlp_dropout", "seq_classif_dropout", "pooler_dropout"),
)


class EncoderNetwork(nn.Module):
    """An encoder and a last layer of its architecture's own.

    Args:
        config: ``config.json`` of the encoder.
        n_outputs: Of the target.
        dropout: Everywhere in the network.
    """

    def __init__(self, config: Mapping[str, Any], n_outputs: int, dropout: float) -> None:
        super().__init__()
        known = {name: value for name, value in config.items() if name not in ("model_type", "auto_map", "dtype")}
        known |= {name: dropout for name in DROPOUTS if name in config}
        for name in ("id2label", "label2id", "num_labels", "torch_dtype"):
            known.pop(name, None)
        described = AutoConfig.for_model(config["model_type"], **known, num_labels=n_outputs)
        self.network = AutoModelForSequenceClassification.from_config(described)
        self.padding = int(config.get("pad_token_id") or 0)

    @property
    def prefix(self) -> str:
        """Of the names of the encoder's weights."""
        return str(self.network.base_model_prefix)

    @property
    def backbone(self) -> nn.Module:
        """The encoder."""
        found: nn.Module = self.network.base_model
        return found

    @property
    def head(self) -> nn.Module:
        """What is not the encoder."""
        return nn.ModuleList(child for child in self.network.children() if child is not self.backbone)

    @property
    def layers(self) -> nn.ModuleList:
        """The encoder's blocks, from the input."""
        lists = [module for module in self.backbone.modules() if isinstance(module, nn.ModuleList)]
        return max(lists, key=len, default=nn.ModuleList())

    def freeze(self, share: float) -> None:
        """Keep a share of the blocks, counted from the input, as they are, and the embeddings with them."""
        count = round(share * len(self.layers))
        if not count:
            return
        embeddings = getattr(self.backbone, "embeddings", None)
        for module in (embeddings, *self.layers[:count]):
            if module is not None:
                module.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Map token numbers (rows, length) to outputs (rows, n_outputs)."""
        longest = max(1, int((x != self.padding).any(dim=0).sum()))
        x = x[:, :longest].long()
        outputs: Tensor = self.network(input_ids=x, attention_mask=(x != self.padding).long()).logits
        return outputs
