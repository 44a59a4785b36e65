"""Which parameters of a network decay, and the running mean of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainables.base.training.torch_internals import ParameterGroup

AVERAGED_EPOCHS = 1.0  # how far back the running mean of the weights reaches, about


def parameter_groups(network: nn.Module, weight_decay: float) -> list[ParameterGroup]:
    """Split parameters into those of linear layers, which decay, and all others (biases, norms, embeddings)."""
    decayed = {id(module.weight) for module in network.modules() if isinstance(module, nn.Linear)}
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        ParameterGroup([p for p in parameters if id(p) in decayed], weight_decay),
        ParameterGroup([p for p in parameters if id(p) not in decayed]),
    ]


class RunningMean:
    """A running mean of weights in training, which is judged and kept: it needs no small learning rate to settle.

    Args:
        network: in training.
        steps: of the optimizer in an epoch.
    """

    def __init__(self, network: nn.Module, steps: float) -> None:
        self._network, self._share = network, min(1.0, 1 / (AVERAGED_EPOCHS * steps))
        self._trained = [p for p in network.parameters() if p.requires_grad]
        self._mean = [parameter.detach().clone() for parameter in self._trained]

    def update(self) -> None:
        """Take in the weights after a step."""
        torch._foreach_lerp_(self._mean, [p.detach() for p in self._trained], self._share)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Give the network the mean weights inside the block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the mean weights, buffers included."""
        with self.active():
            return {name: value.clone() for name, value in self._network.state_dict().items()}

    def _swap(self) -> None:
        for trained, mean in zip(self._trained, self._mean, strict=True):
            trained.data, mean.data = mean.data, trained.data
