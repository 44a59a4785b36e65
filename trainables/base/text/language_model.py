"""A GPT-2 language model with its tokenizer, through the real transformers classes, and proof that it reads Korean.

Interface:
    ``load_model(model)``         ``(model, tokenizer, facts)`` of a folder, a hub name, or (None) the bundled stand-in.
    ``probe_korean(tokenizer)``   raises ``UserError`` when Korean sentences do not survive encoding and decoding.
    ``encode_document(...)``      token ids of one document with its boundary tokens.

``model_folder.find_model(model)`` makes the same checks on the files alone, before torch is imported.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from transformers import GenerationConfig, GPT2LMHeadModel, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from search_spaces.errors import UserError, describe_error
from trainables.base.text.document_loss import Tokens
from trainables.base.text.korean import Document
from trainables.base.text.model_folder import ModelFolder, find_model

# KoGPT2's own (SKT-AI/KoGPT2, README and PR 51): documents begin and end with the same token. A tokenizer file does not
# always carry them, so they are set by name, never guessed.
SPECIAL_TOKENS: Mapping[str, str] = {
    "bos_token": "</s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
REQUIRED_TOKENS = ("bos_token", "eos_token", "unk_token")
PROBES = (
    "대한민국의 주권은 국민에게 있고, 모든 권력은 국민으로부터 나온다.",
    "모든 국민은 법률이 정하는 바에 의하여 교육을 받을 권리를 가진다.",
)
LOADING_ERRORS = (
    *(OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError),
    *(SafetensorError, StrictDataclassError, pickle.UnpicklingError),
)  # what transformers raises over files that are damaged or say something senseless


@dataclass(frozen=True)
class ModelFacts:
    """What fixes a loaded model; everything here goes into reports.

    Attributes:
        name: ``"stand-in"``, a hub name, or a folder's name.
        is_standin: the bundled stand-in or a descendant: its results are never to be called KoGPT2's.
        licence: of the weights, as stated.
        sha256: by file name.
        n_positions: longest token sequence, prompt included.
        vocab_size: rows of the embedding.
        parameters: trainable numbers, tied ones once.
        bos_id, eos_id, unk_id, pad_id: special token ids (``pad_id`` is ``eos_id`` when the tokenizer has no pad).
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
    unk_id: int
    pad_id: int
    folder: Path


def load_model(
    model: str | ModelFolder | None = None, *, device: str = "cpu"
) -> tuple[GPT2LMHeadModel, PreTrainedTokenizerFast, ModelFacts]:
    """Load a model in evaluation mode in float32 (half precision is slower on CPU), its tokenizer and its facts.

    Args:
        model: a folder, a hub name such as ``"skt/kogpt2-base-v2"``, None for the bundled stand-in, or what
            ``find_model`` made of one of these.
        device: where the weights go.

    Raises:
        UserError: see ``find_model``; also unreadable weights, weights of another shape than ``config.json`` says, and
            a tokenizer that loses Korean.
    """
    folder = model if isinstance(model, ModelFolder) else find_model(model)
    tokenizer = load_tokenizer(folder)
    network = load_network(folder)
    facts = ModelFacts(
        name=folder.name,
        is_standin=folder.is_standin,
        licence=folder.licence,
        sha256=folder.sha256,
        n_positions=network.config.n_positions,
        vocab_size=network.config.vocab_size,
        parameters=sum(p.numel() for p in network.parameters()),
        bos_id=tokenizer.bos_token_id,
        eos_id=tokenizer.eos_token_id,
        unk_id=tokenizer.unk_token_id,
        pad_id=tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        folder=folder.path,
    )
    special = {"bos_token_id": facts.bos_id, "eos_token_id": facts.eos_id, "pad_token_id": facts.pad_id}
    network.config.update(special)
    network.generation_config = GenerationConfig(**special)
    return network.to(device).eval(), tokenizer, facts


def load_tokenizer(folder: ModelFolder) -> PreTrainedTokenizerFast:
    """Load the tokenizer of ``tokenizer.json`` with its special tokens set by name, checked on Korean.

    ``AutoTokenizer`` is not used: for such folders it builds a byte-level GPT-2 tokenizer that reads Korean as nothing,
    without an exception.
    """
    file = folder.path / "tokenizer.json"
    try:
        backend = Tokenizer.from_file(str(file))
    except Exception as error:
        if type(error) is not Exception:  # tokenizers has no class of its own for a file that it cannot read
            raise
        raise UserError(f"The tokenizer.json of '{folder.path}' is no tokenizer: {describe_error(error)}.") from error
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        padding_side="left",
        model_max_length=folder.n_positions,
        **_special_tokens(folder, backend.get_vocab()),
    )
    if len(tokenizer) > folder.config["vocab_size"]:
        raise UserError(
            f"The tokenizer of '{folder.path}' has {len(tokenizer)} tokens, its model {folder.config['vocab_size']}. "
            f"Take both from the same model."
        )
    probe_korean(tokenizer, str(folder.path))
    return tokenizer


def probe_korean(tokenizer: PreTrainedTokenizerFast, where: str = "the model") -> None:
    """Raise ``UserError`` unless Korean sentences come back from the tokenizer as they went in."""
    for probe in PROBES:
        ids = tokenizer(probe, add_special_tokens=False).input_ids
        back = tokenizer.decode(ids, clean_up_tokenization_spaces=False).strip()
        if back != probe or tokenizer.unk_token_id in ids:
            raise UserError(
                f"The tokenizer of '{where}' loses Korean: '{probe}' came back as '{back}' from {len(ids)} tokens. "
                f"Use the tokenizer.json that the model was trained with (KoGPT2's is a character BPE, not byte-level)."
            )


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


def _special_tokens(folder: ModelFolder, vocabulary: Collection[str]) -> dict[str, str]:
    """Return KoGPT2's special tokens where the vocabulary has them, else the ones the folder's own settings name."""
    settings = folder.path / "tokenizer_config.json"
    try:
        own = json.loads(settings.read_text("utf-8")) if settings.is_file() else {}
    except ValueError as error:
        raise UserError(f"The tokenizer_config.json of '{folder.path}' is not JSON ({error}).") from None
    if not isinstance(own, dict):
        raise UserError(f"The tokenizer_config.json of '{folder.path}' must be a mapping of names to values.")
    chosen: dict[str, str] = {}
    for name, token in SPECIAL_TOKENS.items():
        stated = own.get(name)
        named = stated.get("content") if isinstance(stated, dict) else stated
        known = [c for c in (token, named) if isinstance(c, str) and c in vocabulary]
        if known:
            chosen[name] = known[0]
        elif name in REQUIRED_TOKENS:
            raise UserError(
                f"The tokenizer of '{folder.path}' has no {name}: neither '{token}' nor one named in its "
                f"tokenizer_config.json is in the vocabulary."
            )
    return chosen


def load_network(folder: ModelFolder) -> GPT2LMHeadModel:
    """Load the network alone, float32 on CPU, in evaluation mode; raise ``UserError`` for unusable weights."""
    try:
        _check_size(folder)
        with _quiet_transformers():
            network, info = GPT2LMHeadModel.from_pretrained(
                folder.path,
                local_files_only=True,
                use_safetensors=folder.has_safetensors,
                weights_only=True,  # a torch file may hold tensors and nothing that runs
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # they are refused below, by name
                generation_config=GenerationConfig(),  # the folder's own would change what is generated
                output_loading_info=True,
            )
    except LOADING_ERRORS as error:
        raise UserError(
            f"The weights of '{folder.path}' cannot be loaded: {describe_error(error)}. "
            f"Save the model again with save_pretrained(..., safe_serialization=True)."
        ) from error
    mismatched = sorted(info["mismatched_keys"])
    if mismatched:
        name, stored, wanted = mismatched[0]
        raise UserError(
            f"The weights of '{folder.path}' do not fit its config.json: '{name}' is {_shape(stored)}, not "
            f"{_shape(wanted)}, and {len(mismatched) - 1} more differ. Take both from the same model."
        )
    unused = sorted(key for key in info["unexpected_keys"] if key.endswith(".weight"))  # old files hold masks as well
    if unused:
        raise UserError(
            f"The weights of '{folder.path}' do not fit its config.json: it has no place for {len(unused)} tensors, "
            f"the first is '{unused[0]}'. Take both from the same model."
        )
    missing = sorted(set(info["missing_keys"]) - {"lm_head.weight"})  # tied to the embedding
    if missing:
        raise UserError(
            f"The weights of '{folder.path}' are not a whole GPT-2 language model: {len(missing)} tensors are missing, "
            f"the first is '{missing[0]}'."
        )
    return network


def _check_size(folder: ModelFolder) -> None:
    """Raise ``ValueError`` when the weight files are too small for the network that ``config.json`` describes.

    transformers would take memory for it first, whatever its size.
    """
    config, layers = folder.config, int(folder.config["n_layer"])
    width, size = int(config["n_embd"]), sum(file.stat().st_size for file in folder.weight_files)
    numbers = (int(config["vocab_size"]) + int(config["n_positions"])) * width + layers * 12 * width**2
    tensors = size
    if folder.has_safetensors:
        tensors = 0
        for file in folder.weight_files:
            with safe_open(file, "pt") as stored:
                tensors += len(stored.keys())
    if numbers > size or layers > tensors:
        raise ValueError(f"{size:,} bytes are too few for the {numbers:,} numbers of its config.json")


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Without progress bar and reports on loading: what is wrong with a model is said in one sentence."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)


def _shape(size: Iterable[int]) -> str:
    return " x ".join(map(str, size))
