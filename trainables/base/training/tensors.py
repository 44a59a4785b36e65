"""Arrays of the training data as tensors: views on the CPU, one copy for all trials of a process on a GPU."""

from __future__ import annotations

import warnings
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from trainables.base.contract.data import TrainingData


def tensor_view(array: npt.NDArray[Any]) -> Tensor:
    """Return a tensor on the array's own memory, also read-only memory: such tensors are never written to here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ", category=UserWarning)
        return torch.from_numpy(array)


def aligned(tensor: Tensor) -> Tensor:
    """Return the tensor, copied only when it starts off a 64-byte boundary: kernels may round differently there."""
    return tensor if tensor.data_ptr() % 64 == 0 else tensor.clone()


_on_device: dict[tuple[str, str, str], Tensor] = {}


def on_device(data: TrainingData, name: str, device: str) -> Tensor:
    """``data.arrays[name]`` as a tensor: a view on the CPU; on a GPU one copy per process, kept between trials."""
    if torch.device(device).type == "cpu":
        return tensor_view(data.arrays[name])
    key = (data.digest, name, device)
    if key not in _on_device:
        for other in [k for k in _on_device if k[0] != data.digest]:  # one data set at a time on the device
            del _on_device[other]
        _on_device[key] = tensor_view(data.arrays[name]).to(device)
    return _on_device[key]
