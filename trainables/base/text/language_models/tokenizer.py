"""The tokenizer of a model's folder or GGUF file, and proof that it reads Korean."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from search_spaces.errors import UserError, describe_error
from trainables.base.text.language_models.model_folder import ModelFolder

# KoGPT2's own (SKT-AI/KoGPT2, README and PR 51): documents begin and end with the same token. A tokenizer file does not
# always carry them, so they are set by name, never guessed.
KOGPT2_TOKENS: Mapping[str, str] = {
    "bos_token": "</s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
PROBES = (
    "대한민국의 주권은 국민에게 있고, 모든 권력은 국민으로부터 나온다.",
    "모든 국민은 법률이 정하는 바에 의하여 교육을 받을 권리를 가진다.",
)


def load_tokenizer(folder: ModelFolder) -> PreTrainedTokenizerFast:
    """Load the tokenizer with its special tokens set by name, checked on Korean.

    ``AutoTokenizer`` is not used for folders: of KoGPT2's kind it builds a byte-level GPT-2 tokenizer that reads Korean
    as nothing, without an exception.

    Raises:
        UserError: no tokenizer, one of another model, one without an end token, or one that loses Korean.
    """
    backend, stated = _from_gguf(folder) if folder.gguf else _from_folder(folder)
    where = str(folder.path / (folder.gguf or ""))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        padding_side="left",
        model_max_length=folder.shape.context,
        **_special_tokens(stated, backend.get_vocab(), folder.shape.kind, where),
    )
    if len(tokenizer) > folder.shape.vocabulary:
        raise UserError(
            f"The tokenizer of '{where}' has {len(tokenizer)} tokens, its model {folder.shape.vocabulary}. "
            f"Take both from the same model."
        )
    probe_korean(tokenizer, where)
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


def unknown_id(tokenizer: PreTrainedTokenizerFast) -> int | None:
    """Return the id that only unknown characters have; byte-level tokenizers have none."""
    found: int | None = tokenizer.unk_token_id
    return None if found in (tokenizer.eos_token_id, tokenizer.bos_token_id) else found


def _from_folder(folder: ModelFolder) -> tuple[Tokenizer, dict[str, str]]:
    """Return the tokenizer of ``tokenizer.json``, and the special tokens that the folder names."""
    try:
        backend = Tokenizer.from_file(str(folder.path / "tokenizer.json"))
    except Exception as error:
        if type(error) is not Exception:  # tokenizers has no class of its own for a file that it cannot read
            raise
        raise UserError(
            f"The tokenizer.json of '{folder.path}' is not a tokenizer: {describe_error(error)}."
        ) from error
    settings = folder.path / "tokenizer_config.json"
    try:
        own = json.loads(settings.read_text("utf-8")) if settings.is_file() else {}
    except ValueError as error:
        raise UserError(f"The tokenizer_config.json of '{folder.path}' is not JSON ({error}).") from None
    if not isinstance(own, dict):
        raise UserError(f"The tokenizer_config.json of '{folder.path}' must be a mapping of names to values.")
    stated = {}
    for name in KOGPT2_TOKENS:
        token = own.get(name)
        token = token.get("content") if isinstance(token, dict) else token
        stated[name] = token if isinstance(token, str) else _from_config(folder.config, name, backend)
    return backend, {name: token for name, token in stated.items() if token is not None}


def _from_config(config: Mapping[str, Any], name: str, backend: Tokenizer) -> str | None:
    """Return the token whose id ``config.json`` gives, the first of several; a library's default may be any word."""
    number = config.get(f"{name}_id")
    number = number[0] if isinstance(number, list) and number else number
    special = {i: token.content for i, token in backend.get_added_tokens_decoder().items() if token.special}
    return special.get(number) if isinstance(number, int) else None


def _from_gguf(folder: ModelFolder) -> tuple[Tokenizer, dict[str, str]]:
    """Return the tokenizer that transformers builds from a GGUF file, and the special tokens that the file names."""
    try:
        built = AutoTokenizer.from_pretrained(folder.path, gguf_file=folder.gguf, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
        where = folder.path / str(folder.gguf)
        raise UserError(f"The tokenizer of the GGUF file '{where}' cannot be read: {describe_error(error)}.") from error
    named = {name: getattr(built, name) for name in KOGPT2_TOKENS}
    return built.backend_tokenizer, {name: str(token) for name, token in named.items() if token is not None}


def _special_tokens(stated: Mapping[str, str], vocabulary: Collection[str], kind: str, where: str) -> dict[str, str]:
    """Return KoGPT2's special tokens for a GPT-2 whose vocabulary has them, else the ones that the model names.

    Documents of a model without a begin token begin with its end token.
    """
    own = KOGPT2_TOKENS if kind == "gpt2" and "</s>" in vocabulary else {}
    chosen: dict[str, str] = {}
    for name in KOGPT2_TOKENS:
        known = [token for token in (own.get(name), stated.get(name)) if token is not None and token in vocabulary]
        if known:
            chosen[name] = known[0]
    if "eos_token" not in chosen:
        raise UserError(
            f"The tokenizer of '{where}' has no eos_token: neither '</s>' nor one named in its tokenizer_config.json "
            f"is in the vocabulary."
        )
    return {"bos_token": chosen["eos_token"], **chosen}
