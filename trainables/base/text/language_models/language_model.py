"""A causal language model with its tokenizer, through the real transformers classes, and proof that it reads Korean.

Interface:
    ``load_model(model)``      ``(model, tokenizer, facts)`` of a folder, a GGUF file or a hub name.
    ``encode_document(...)``   token ids of one document with its boundary tokens.

``model_folder.find_model(model)`` makes the same checks on the files alone, before torch is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

from search_spaces.errors import UserError
from trainables.base.text.documents import Document
from trainables.base.text.language_models.document_loss import Tokens
from trainables.base.text.language_models.model_folder import ModelFolder, find_model
from trainables.base.text.language_models.pretrained import load_network
from trainables.base.text.language_models.tokenizer import load_tokenizer, unknown_id

ROUNDING = 1e-3  # between logits of one position, computed among other tokens


@dataclass(frozen=True)
class ModelFacts:
    """What fixes a loaded model; everything here goes into reports.

    Attributes:
        name: ``"stand-in"``, a hub name, or a folder's or GGUF file's name.
        is_standin: the bundled stand-in or a descendant: its results are never to be called KoGPT2's.
        licence: of the weights, as stated.
        sha256: by file name.
        n_positions: longest token sequence, prompt included.
        vocab_size: rows of the embedding.
        parameters: trainable numbers, tied ones once.
        bos_id, eos_id, pad_id: special token ids (``pad_id`` is ``eos_id`` when the tokenizer has no pad).
        unk_id: id of unknown characters; None where the tokenizer knows all of them by their bytes.
        folder: where the files lie.
    """

    name: str
    is_standin: bool
    licence: str
    sha256: Mapping[str, str]
    n_positions: int
    vocab_size: int
    parameters: int
    bos_id: int
    eos_id: int
    unk_id: int | None
    pad_id: int
    folder: Path


def load_model(
    model: str | ModelFolder | None = None, *, device: str = "cpu"
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast, ModelFacts]:
    """Load a model in evaluation mode in float32 (half precision is slower on CPU), its tokenizer and its facts.

    Args:
        model: a folder, a GGUF file, a hub name such as ``"skt/kogpt2-base-v2"``, None for the bundled stand-in, or
            what ``find_model`` made of one of these.
        device: where the weights go.

    Raises:
        UserError: see ``find_model``; also unreadable weights, weights of another shape than ``config.json`` says, a
            tokenizer that loses Korean, and a model that reads ahead.
    """
    folder = model if isinstance(model, ModelFolder) else find_model(model)
    tokenizer = load_tokenizer(folder)
    network = load_network(folder)
    _check_causal(network, folder.name)
    facts = ModelFacts(
        name=folder.name,
        is_standin=folder.is_standin,
        licence=folder.licence,
        sha256=folder.sha256,
        n_positions=folder.shape.context,
        vocab_size=folder.shape.vocabulary,
        parameters=sum(p.numel() for p in network.parameters()),
        bos_id=tokenizer.bos_token_id,
        eos_id=tokenizer.eos_token_id,
        unk_id=unknown_id(tokenizer),
        pad_id=tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        folder=folder.path,
    )
    special = {"bos_token_id": facts.bos_id, "eos_token_id": facts.eos_id, "pad_token_id": facts.pad_id}
    network.config.update(special)
    network.generation_config = GenerationConfig(**special)
    return network.to(device).eval(), tokenizer, facts


def encode_document(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Return the text's ids and the end token. A stream of documents is ``[bos] + encode(a) + encode(b)``.

    In KoGPT2's way begin and end are the same token, so the end of one document is the beginning of the next.
    """
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    return [*ids, tokenizer.eos_token_id]


def tokenize(tokenizer: PreTrainedTokenizerFast, documents: Iterable[Document]) -> Tokens:
    """Return documents as one stream of ids."""
    encoded = [torch.tensor(encode_document(tokenizer, document.text)) for document in documents]
    ends = torch.tensor([len(ids) for ids in encoded]).cumsum(0)
    return Tokens(torch.cat(encoded), ends, tokenizer.bos_token_id)


@torch.inference_mode()
def _check_causal(network: PreTrainedModel, name: str) -> None:
    """Raise ``UserError`` when what a network foresees depends on what comes later, as that of an encoder does."""
    ids = torch.tensor([[0, 1, 2, 0], [0, 1, 2, 1]])
    first, second = network(input_ids=ids, use_cache=False).logits[:, :3].float()
    if not torch.allclose(first, second, atol=ROUNDING, rtol=ROUNDING):
        raise UserError(f"The model '{name}' reads ahead: it is not a causal language model. Give one that is.")
