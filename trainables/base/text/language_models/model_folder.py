"""Which model is meant, found and checked as files before anything heavy loads (no torch, no transformers here)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError
from trainables.base.contract.files.digests import file_digest
from trainables.base.text.language_models.gguf_header import read_gguf_header
from trainables.base.text.language_models.model_shape import GPT2_DEFAULTS, ModelShape

STANDIN = Path(__file__).parents[3] / "standin"
KOGPT2 = "skt/kogpt2-base-v2"
STANDIN_LICENCE = "Apache-2.0 (trained by this project on public legislative text)"
KOGPT2_LICENCE = "CC BY-NC-SA 4.0"
STANDIN_KEY = "tunelab_standin"  # in config.json, so that whatever is fine-tuned from the stand-in stays named one
LICENCE_KEY = "license"
CORPUS_KEY = "tunelab_training_sha256"  # of the documents that the stand-in was trained on, see ``korean.digest``

GGUF = ".gguf"
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_HUB_FILES = ("*.json", "*.safetensors", "*.txt", "README.md")


@dataclass(frozen=True)
class ModelFolder:
    """A folder that holds a causal language model and its tokenizer, checked by its files.

    Attributes:
        path: the folder.
        name: what reports call the model: ``"stand-in"``, the hub name, or the folder's or GGUF file's name.
        config: its ``config.json``, or what of it the head of the GGUF file says.
        shape: the sizes in it.
        gguf: name of the GGUF file that the model is read from; None for a folder of transformers.
    """

    path: Path
    name: str
    config: Mapping[str, Any]
    shape: ModelShape
    gguf: str | None = None

    @property
    def is_standin(self) -> bool:
        """The bundled stand-in, or a model fine-tuned from it: never to be presented as KoGPT2."""
        return bool(self.config.get(STANDIN_KEY, False))

    @cached_property
    def licence(self) -> str:
        """As the folder states it, in ``config.json`` or in the head of its README."""
        if self.name == KOGPT2:
            return KOGPT2_LICENCE
        stated = self.config.get(LICENCE_KEY)
        readme = self.path / "README.md"
        if not stated and readme.is_file():
            head = re.match(r"---\n(.*?)\n---", readme.read_text("utf-8", errors="replace"), re.DOTALL)
            line = re.search(r"^license:\s*(\S.*)$", head.group(1), re.MULTILINE) if head else None
            stated = line.group(1).strip() if line else None
        return str(stated) if stated else "not stated by the model's folder"

    @cached_property
    def sha256(self) -> dict[str, str]:
        """By file name, of every file that decides what the model computes (``generation_config.json`` is not read)."""
        patterns = () if self.gguf else ("config.json", "*token*.json", "*.index.json")
        names = {file.name for file in self.weight_files} | {p.name for n in patterns for p in self.path.glob(n)}
        return {name: file_digest(self.path / name) for name in sorted(names)}

    @property
    def weights_sha256(self) -> set[str]:
        """Of the weights alone: equal for copies of a model."""
        return {self.sha256[file.name] for file in self.weight_files}

    @property
    def weight_files(self) -> list[Path]:
        """The GGUF file, else the safetensors files, or, where there are none, the torch files."""
        if self.gguf:
            return [self.path / self.gguf]
        return sorted(self.path.glob("*.safetensors")) or sorted(self.path.glob("pytorch_model*.bin"))

    @property
    def has_safetensors(self) -> bool:
        return any(file.suffix == ".safetensors" for file in self.weight_files)


def find_model(model: str | None = None) -> ModelFolder:
    """Find the model that a user means; the network is used only for a hub name that is not on this machine.

    Args:
        model: a folder, a GGUF file, a hub name such as ``"skt/kogpt2-base-v2"``, or None for the bundled stand-in.

    Raises:
        UserError: no such folder, a hub name that cannot be fetched, or files that are not a causal language model.
    """
    if model is None:
        return _checked(STANDIN, "stand-in")
    folder = Path(model).expanduser()
    if folder.is_dir() and folder.samefile(STANDIN):
        return _checked(STANDIN, "stand-in")
    if folder.is_dir():
        found = _checked(folder, folder.resolve().name)
        return replace(found, name=f"{found.name} (from the stand-in)") if found.is_standin else found
    if folder.is_file() and folder.suffix.lower() == GGUF:
        return _checked_gguf(folder.resolve())
    if folder.exists():
        raise UserError(
            f"The model '{model}' is a file. Give the folder that holds it, with its config.json, or a GGUF file."
        )
    if model.startswith((".", "/", "~")) or not _HUB_NAME.fullmatch(model) or model.lower().endswith(GGUF):
        raise UserError(f"There is no model folder '{model}'. Give a folder or a hub name such as '{KOGPT2}'.")
    return _checked(_from_hub(model), model)


def _from_hub(name: str) -> Path:
    """Return the snapshot folder of a hub model, from this machine's cache or fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        folder = Path(snapshot_download(name, allow_patterns=list(_HUB_FILES)))
        if not list(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=[*_HUB_FILES, "pytorch_model*.bin"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(
            f"The model '{name}' is neither a folder here nor a hub model that could be fetched "
            f"({type(error).__name__}). Check the name and the network, give a local folder, or leave the model out "
            f"for the bundled stand-in."
        ) from error
    return folder


def _checked(folder: Path, name: str) -> ModelFolder:
    files = sorted(folder.glob(f"*{GGUF}"))
    if len(files) == 1 and not (folder / "config.json").is_file():
        return _checked_gguf(files[0])
    for file in ("config.json", "tokenizer.json"):
        if not (folder / file).is_file():
            several = f" Of its {len(files)} GGUF files, name the one that you mean." if files else ""
            raise UserError(
                f"The folder '{folder}' is not a model: it has no {file}. "
                f"Give a folder written by transformers' save_pretrained, for the model and its tokenizer.{several}"
            )
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"The config.json of the model '{folder}' is not JSON ({error}).") from None
    if not isinstance(config, dict):
        raise UserError(f"The config.json of the model '{folder}' must be a mapping of names to values.")
    whole = {**default_values(config, folder), **config}
    found = ModelFolder(folder, name, config, ModelShape.from_config(whole, str(folder)))
    if not found.weight_files:
        raise UserError(f"The folder '{folder}' is not a model: it holds no model.safetensors or pytorch_model.bin.")
    if not found.has_safetensors and found.shape.kind != "gpt2":
        raise UserError(
            f"The folder '{folder}' holds its weights as pickled torch files alone, which can run code and are not "
            f"read. Save the model again with save_pretrained(..., safe_serialization=True)."
        )
    return found


def _checked_gguf(file: Path) -> ModelFolder:
    if re.search(r"-\d{5}-of-\d{5}$", file.stem):
        raise UserError(
            f"The GGUF file '{file}' is one of several parts. Merge them with llama.cpp's gguf-split first."
        )
    config = read_gguf_header(file).config
    return ModelFolder(file.parent, file.stem, config, ModelShape.from_config(config, str(file)), file.name)


def default_values(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what transformers takes where a configuration says nothing.

    Raises:
        UserError: its architecture is none of transformers' causal language models.
    """
    kind = config.get("model_type")
    if kind == "gpt2":
        return dict(GPT2_DEFAULTS)  # known without loading transformers, so that tasks are listed at once
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        own = " Code that comes with a model is never run." if "auto_map" in config else ""
        raise UserError(
            f"The model '{folder}' is of type '{kind}', which is none of the causal language models that the installed "
            f"transformers has (gpt2, llama, qwen2, gpt_neox, ...).{own}"
        )
    defaults: dict[str, Any] = CONFIG_MAPPING[kind]().to_dict()
    return defaults
