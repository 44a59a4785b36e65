"""The size of a causal language model, as its ``config.json`` or the head of its GGUF file says (no torch here)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.errors import UserError

# of a GPT-2 whose config.json does not say, as transformers assumes them
GPT2_DEFAULTS = {"n_positions": 1024, "n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 50257}
UNLIMITED = 2048  # tokens of context where a model has no limit of its own (state spaces, ALiBi)

# names that architectures give to the same number, the commonest first
NAMES: Mapping[str, tuple[str, ...]] = {
    "vocabulary": ("vocab_size",),
    "context": ("n_positions", "max_position_embeddings", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length"),
    "layers": ("n_layer", "num_hidden_layers", "num_layers", "n_layers"),
    "width": ("n_embd", "hidden_size", "d_model", "n_embed", "dim"),
    "heads": ("n_head", "num_attention_heads", "n_heads", "num_heads"),
    "key_heads": ("num_key_value_heads", "num_kv_heads"),
    "head_size": ("head_dim",),
}
OPTIONAL = ("context", "heads")
DERIVED = ("key_heads", "head_size")  # from the others, where a configuration has no such name


@dataclass(frozen=True)
class ModelShape:
    """The numbers of an architecture that memory and limits follow from.

    Attributes:
        kind: transformers' name of the architecture, e.g. ``"llama"``.
        vocabulary: Rows of the embedding.
        context: The longest token sequence, prompt included.
        layers: Blocks of the network.
        width: Channels between them.
        heads: Attention heads of a block; 1 where there is no attention.
        key_width: Channels of a token's keys, and as many of its values, in one block.
    """

    kind: str
    vocabulary: int
    context: int
    layers: int
    width: int
    heads: int
    key_width: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str = "a model") -> ModelShape:
        """Read the numbers of a configuration.

        Args:
            config: Of transformers, with every value that has a default; the text part of one for several kinds of
                input counts.
            where: Whose configuration, for messages.

        Raises:
            UserError: A number is missing or not above 0.
        """
        kind = str(config.get("model_type"))
        inner = config.get("text_config")
        config = inner if isinstance(inner, Mapping) else config
        found: dict[str, int] = {}
        for entry, names in NAMES.items():
            stated = [name for name in names if config.get(name) is not None]
            if not stated and (entry in DERIVED or (entry in OPTIONAL and kind != "gpt2")):
                continue
            name = stated[0] if stated else next((n for n in names if n in config), names[0])
            found[entry] = _positive(config.get(name), name, where)
        heads = found.get("heads", 1)
        head_size = found.get("head_size", found["width"] // heads)
        return cls(
            kind=kind,
            vocabulary=found["vocabulary"],
            context=found.get("context", UNLIMITED),
            layers=found["layers"],
            width=found["width"],
            heads=heads,
            key_width=found.get("key_heads", heads) * max(1, head_size),
        )

    def described(self) -> str:
        """Return the limits as a user reads them: ``vocabulary 1,024 tokens, context 256 tokens``."""
        return f"{self.kind}, vocabulary {self.vocabulary:,} tokens, context {self.context:,} tokens"


def _positive(value: Any, name: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"The config.json of '{where}': '{name}' must be a whole number above 0, got {value!r}.")
    return value
