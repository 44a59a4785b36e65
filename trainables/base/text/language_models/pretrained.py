"""A network of a model's folder or GGUF file, whatever causal language model transformers builds from it.

Nothing that comes with a model is run: safetensors or GGUF, no remote code; of a GPT-2's torch file tensors alone.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from search_spaces.errors import UserError, describe_error
from trainables.base.text.language_models.gguf_header import read_gguf_header
from trainables.base.text.language_models.memory import require_memory
from trainables.base.text.language_models.model_folder import ModelFolder
from trainables.base.text.language_models.network_parts import own_weights
from trainables.base.text.language_models.unpacked import find_unpacked, keep_unpacked
from trainables.base.training.restoring import without_weights

LOADING_ERRORS = (
    *(OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError, IndexError),
    *(SafetensorError, StrictDataclassError, pickle.UnpicklingError),
)  # what transformers raises over files that are damaged or say something senseless
MAX_RATIO = 2  # numbers that config.json asks for, over those that the files hold: beyond, nothing is allocated
WEIGHT_BYTES = 4  # float32
QUANTIZATION = "quantization_config"


def load_network(folder: ModelFolder) -> PreTrainedModel:
    """Load the network alone, float32 on CPU, in evaluation mode; a GGUF file is unpacked once, see ``unpacked``.

    Raises:
        UserError: unusable weights, or more than fit into memory; said before memory is taken.
    """
    kept = find_unpacked(folder) if folder.gguf else None
    if kept is not None:
        network = _load_checked(kept)
        network.name_or_path = network.config.name_or_path = str(folder.path)
        return network
    network = _load_checked(folder)
    if folder.gguf:
        keep_unpacked(folder, network)
    return network


def _load_checked(folder: ModelFolder) -> PreTrainedModel:
    """Load what a folder holds; raise ``UserError`` as ``load_network`` does."""
    try:
        with _quiet_transformers():
            config = _read_config(folder)
            numbers = _count_numbers(folder, config)
            require_memory(
                numbers * WEIGHT_BYTES * (2 if folder.gguf else 1),  # a GGUF's are unpacked beside the network
                "cpu",
                f"Loading '{folder.name}' ({numbers / 1e9:.2f} billion numbers)",
                "Take a smaller model, or a machine with more memory.",
            )
            network, info = _load(folder, config)
    except LOADING_ERRORS as error:
        advice = (
            "Download the file again." if folder.gguf else
            "Save the model again with save_pretrained(..., safe_serialization=True)."
        )  # fmt: skip
        raise UserError(
            f"The weights of '{folder.path / (folder.gguf or '')}' cannot be loaded: {describe_error(error)}. {advice}"
        ) from error
    _check_fit(folder, network, info)
    return _unpacked(network) if folder.gguf else network


def _read_config(folder: ModelFolder) -> PreTrainedConfig:
    """Return transformers' configuration; the folder's own settings of generation are not read."""
    source = {"gguf_file": folder.gguf} if folder.gguf else {}
    return AutoConfig.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False, **source)


def _count_numbers(folder: ModelFolder, config: PreTrainedConfig) -> int:
    """Return how many numbers the network that ``config.json`` describes has, without allocating them.

    Raises:
        ValueError: the files are too small for it; transformers would take memory first, whatever the size.
    """
    stored, tensors = _stored_numbers(folder)
    if folder.shape.vocabulary * folder.shape.width > stored * MAX_RATIO or folder.shape.layers > tensors:
        raise ValueError(f"its {stored:,} numbers are too few for its config.json: {folder.shape}")
    try:
        with without_weights():
            empty = AutoModelForCausalLM.from_config(config)
    except RuntimeError as error:
        if "overflow" not in str(error):  # of the bytes of a layer, counted in 64 bits
            raise
        raise ValueError(f"its {stored:,} numbers are too few for its config.json: {folder.shape}") from error
    wanted: int = sum(parameter.numel() for parameter in empty.parameters())
    if wanted > stored * MAX_RATIO:
        raise ValueError(f"its {stored:,} numbers are too few for the {wanted:,} of its config.json")
    return wanted


def _stored_numbers(folder: ModelFolder) -> tuple[int, int]:
    """Return how many numbers and tensors the weight files hold, at most: a torch file is not opened for it."""
    if folder.gguf:
        header = read_gguf_header(folder.path / folder.gguf)
        return header.numbers, header.numbers
    if not folder.has_safetensors:
        size = sum(file.stat().st_size for file in folder.weight_files)
        return size, size
    numbers = tensors = 0
    for file in folder.weight_files:
        with safe_open(file, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118  # not a mapping
                numbers += torch.Size(stored.get_slice(name).get_shape()).numel()
                tensors += 1
    return numbers, tensors


def _load(folder: ModelFolder, config: PreTrainedConfig) -> tuple[PreTrainedModel, dict[str, Any]]:
    if folder.gguf:
        from transformers import GgufConfig

        source: dict[str, Any] = {"gguf_file": folder.gguf, "quantization_config": GgufConfig(dequantize=True)}
    else:
        source = {"use_safetensors": folder.has_safetensors, "weights_only": True}  # tensors and nothing that runs
    network, info = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].from_pretrained(
        folder.path,
        config=config,
        local_files_only=True,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,  # they are refused below, by name
        generation_config=GenerationConfig(),  # the folder's own would change what is generated
        output_loading_info=True,
        **source,
    )
    return network, info


def _check_fit(folder: ModelFolder, network: PreTrainedModel, info: dict[str, Any]) -> None:
    """Raise ``UserError`` unless the weights fill the network, and nothing of them is left."""
    mismatched = sorted(info["mismatched_keys"])
    where = folder.path / (folder.gguf or "")
    if mismatched:
        name, stored, wanted = mismatched[0]
        raise UserError(
            f"The weights of '{where}' do not fit its config.json: '{name}' is {_shape(stored)}, not "
            f"{_shape(wanted)}, and {len(mismatched) - 1} more differ. Take both from the same model."
        )
    unused = sorted(key for key in info["unexpected_keys"] if key.endswith(".weight"))  # old files hold masks as well
    if unused:
        raise UserError(
            f"The weights of '{where}' do not fit its config.json: it has no place for {len(unused)} tensors, "
            f"the first is '{unused[0]}'. Take both from the same model."
        )
    missing = sorted(set(info["missing_keys"]) & set(own_weights(network)))
    if missing:
        raise UserError(
            f"The weights of '{where}' are not a whole language model: {len(missing)} tensors are missing, "
            f"the first is '{missing[0]}'."
        )


def _unpacked(network: PreTrainedModel) -> PreTrainedModel:
    """Remove the marks of packed numbers from a network, so that it is saved like any other."""
    for holder, name in ((network, "hf_quantizer"), (network, "quantization_method"), (network.config, QUANTIZATION)):
        if hasattr(holder, name):
            delattr(holder, name)
    network.is_quantized = False
    return network


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Silence the progress bar and reports of transformers in the block: errors of a model are told in one sentence."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        with redirect_stderr(io.StringIO()):  # a GGUF's bar asks nothing else
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)


def _shape(size: Iterable[int]) -> str:
    return " x ".join(map(str, size))
