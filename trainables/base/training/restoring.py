"""Networks from saved weights: no memory is taken before it is known that a configuration and its weights fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Network = TypeVar("Network", bound=nn.Module)
LAYER_COUNTS = (
    "n_blocks",
    "convolutions",
    "n_layers",
    "blocks",
    "stages",
)  # of configurations: how many layers are made in a loop


class _Undrawn(TorchFunctionMode):
    """Leaves out normal draws, for which torch would load its compiler on the meta device: more than a second."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return args[0] if func is Tensor.normal_ else func(*args, **(kwargs or {}))


@contextmanager
def without_weights() -> Iterator[None]:
    """Give networks that are built inside the block shapes alone: they take no memory and draw no numbers."""
    with torch.device("meta"), _Undrawn():
        yield


def restore(
    build: Callable[[], Network], config: Mapping[str, Any], weights: Mapping[str, Tensor], *, computed: bool = False
) -> Network:
    """Build a network with weights, in evaluation mode on the CPU.

    It is built on torch's meta device first, which takes no memory: a configuration that is damaged, or made by
    someone else, may describe a network of any size. The network is as large as its weights, or it is refused.

    Args:
        build: makes the network that the configuration describes.
        config: the configuration.
        weights: state dict.
        computed: whether the network computes tensors when it is built that are not among its weights, so that it is
            built once more where they are.

    Raises:
        ValueError: the weights are not those of this network, or one of them is not finite.
    """
    layers = max(len(config.get("hidden_sizes", ())), *(int(config.get(name, 0)) for name in LAYER_COUNTS))
    if layers > len(weights):
        raise ValueError(f"the configuration describes {layers} layers, the weights have {len(weights)} tensors")
    with without_weights():
        network = build()
    _check_fit(network.state_dict(), weights)
    network = build() if computed else network.to_empty(device="cpu")
    network.load_state_dict(dict(weights))
    return network.eval()


def _check_fit(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    for name in sorted({*expected, *weights}):
        if name not in weights or name not in expected:
            where = "weights lack" if name not in weights else "network has no place for"
            raise ValueError(f"the {where} '{name}'")
        wanted, found = expected[name], weights[name]
        if wanted.shape != found.shape:
            raise ValueError(f"'{name}' is {_shape(found)} in the weights, {_shape(wanted)} by the configuration")
        if wanted.is_floating_point() != found.is_floating_point() or not bool(torch.isfinite(found).all()):
            raise ValueError(f"'{name}' holds values that no training gives")


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"
