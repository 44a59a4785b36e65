"""Files of pretrained weights: safetensors, or torch files of which nothing but tensors is read."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from search_spaces.errors import UserError, describe_error

NESTED = ("state_dict", "model", "model_state_dict")  # where training scripts keep the weights among other things
PREFIX = "module."  # of names that torch's DataParallel saved


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the weights in a file.

    Args:
        path: A safetensors file by its name, else a torch file.

    Returns:
        Tensors by name on the CPU, floats as float32.

    Raises:
        UserError: There is no such file, or it holds no weights or more than tensors.
    """
    try:
        stored = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"--weights '{path}' cannot be read: {error.strerror or describe_error(error)}.") from error
    except SafetensorError as error:
        raise UserError(f"--weights '{path}' is not a safetensors file, or damaged ({error}).") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UserError(
            f"--weights '{path}' is not a file of weights, or holds more than tensors, which may run code and is not "
            "read. Save the weights alone: torch.save(model.state_dict(), FILE), or as safetensors."
        ) from error
    tensors = _tensors(stored)
    if not tensors:
        raise UserError(f"--weights '{path}' holds no weights by name. Save them with torch.save(model.state_dict()).")
    return tensors


def _tensors(stored: Any) -> dict[str, Tensor]:
    """Return the tensors of what a file holds; none where it holds no weights by name."""
    if not isinstance(stored, Mapping):
        return {}
    inner = next((stored[name] for name in NESTED if isinstance(stored.get(name), Mapping)), stored)
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in inner.items()):
        return {}
    return {
        name.removeprefix(PREFIX): value.float() if value.is_floating_point() else value
        for name, value in inner.items()
    }
