"""A folder with a pretrained encoder of texts (BERT, RoBERTa, ...), found and checked before anything is trained.

Nothing of a folder is run: weights are safetensors, the architecture is one of transformers' own, the tokenizer is
``tokenizer.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError, describe_error
from trainables.base.contract.files.digests import file_digest

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.base.text.encoder_network import EncoderNetwork
    from trainables.base.text.tokens import Tokens

TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
MAX_BYTES = 2 << 30  # of the weights: larger encoders are not fine-tuned in trials


@dataclass(frozen=True)
class EncoderFolder:
    """A pretrained encoder.

    Attributes:
        name: Of its folder.
        config: Its ``config.json``.
        weights: By name, of the encoder alone: a last layer of another task is left out.
        tokenizer: ``tokenizer.json``.
        sha256: Of the weight file.
    """

    name: str
    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    tokenizer: str
    sha256: str

    def tokens(self) -> Tokens:
        """Return its tokenizer."""
        from trainables.base.text.tokens import Tokens

        return Tokens.of_folder(self.tokenizer, self.config)


def check_encoder(folder: Path) -> Mapping[str, Any]:
    """Return the ``config.json`` of a folder that holds an encoder, by its files alone.

    Args:
        folder: Written by ``save_pretrained`` of a model and of its tokenizer.

    Raises:
        UserError: A file is missing, or the architecture is none that transformers classifies with.
    """
    if not folder.is_dir():
        raise UserError(f"--model '{folder}' is not a folder. Give one that transformers' save_pretrained wrote.")
    lost = [name for name in ("config.json", TOKENIZER, WEIGHTS) if not (folder / name).is_file()]
    if lost:
        pickled = " Pickled torch files are not read." if WEIGHTS in lost and list(folder.glob("*.bin")) else ""
        raise UserError(
            f"The folder '{folder}' is not an encoder: it has no {' and no '.join(lost)}.{pickled} Save the model and "
            "its tokenizer into one folder with save_pretrained."
        )
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"The config.json of '{folder}' is not JSON ({error}).") from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    from transformers.models.auto import modeling_auto as architectures

    if kind not in architectures.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        own = " Code that comes with a model is never run." if isinstance(config, dict) and "auto_map" in config else ""
        raise UserError(
            f"The model '{folder}' is of type '{kind}', which the installed transformers does not classify with "
            f"(bert, roberta, electra, ... are known).{own}"
        )
    if kind not in architectures.MODEL_FOR_MASKED_LM_MAPPING_NAMES:  # it reads a text from one side only
        raise UserError(
            f"The model '{folder}' is of type '{kind}', which is not an encoder (bert, roberta, electra, ... are). "
            "Language models that continue a text are fine-tuned by `tunelab sweep kogpt2 --model`."
        )
    size = (folder / WEIGHTS).stat().st_size
    if size > MAX_BYTES:
        raise UserError(
            f"The weights of '{folder}' have {size / 1e9:.1f} GB, more than the {MAX_BYTES / 1e9:.1f} GB that trials "
            "fine-tune. Take a smaller encoder."
        )
    found: Mapping[str, Any] = config
    return found


def load_encoder(folder: Path) -> EncoderFolder:
    """Read an encoder.

    Args:
        folder: As ``check_encoder`` takes it.

    Raises:
        UserError: The files do not fit together, or cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    from trainables.base.text.encoder_network import EncoderNetwork
    from trainables.base.text.tokens import Tokens
    from trainables.base.training.restoring import without_weights

    config = check_encoder(folder)
    try:
        with safe_open(folder / WEIGHTS, "pt") as stored:
            names = list(stored.keys())
            layers = max(int(config.get(key, 0)) for key in ("num_hidden_layers", "n_layers", "num_layers"))
            if layers > len(names):
                raise ValueError(f"config.json describes {layers} layers, the weights have {len(names)} tensors")
            with without_weights():
                expected = EncoderNetwork(config, 1, 0.0)
            weights = _fitting(expected, {name: stored.get_tensor(name) for name in names})
        text = (folder / TOKENIZER).read_text("utf-8")
        Tokens.of_folder(text, config)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
        raise UserError(f"The encoder in '{folder}' cannot be read: {describe_error(error)}.") from error
    return EncoderFolder(folder.resolve().name, config, weights, text, file_digest(folder / WEIGHTS))


def _fitting(network: EncoderNetwork, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of the encoder by their names in the network; raise ``ValueError`` when they are not whole.

    Files of a bare encoder have no prefix before the names; those of a masked language model or a classifier have.
    """
    import torch

    prefix, found = f"{network.prefix}.", {}
    for name, wanted in network.backbone.state_dict().items():
        value = stored.get(prefix + name, stored.get(name))
        if value is None:
            if "pooler" in name:  # a masked language model has none: it is trained with the last layer
                continue
            raise ValueError(f"the weights lack '{name}'")
        if value.shape != wanted.shape:
            raise ValueError(f"'{name}' is {tuple(value.shape)} in the weights, {tuple(wanted.shape)} by config.json")
        found[name] = value.float().contiguous()
        if not bool(torch.isfinite(found[name]).all()):
            raise ValueError(f"'{name}' holds numbers that are not finite")
    return found
