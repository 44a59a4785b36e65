"""Every private part of torch that tunelab uses. ``TUNELAB_FUSED=0`` does without it; weights come out the same.

The updates here are those of ``torch.optim.AdamW(fused=True)`` without its bookkeeping in Python. Nor do they load
torch's compiler, as torch's optimizers do when they are made: some 900 modules, more than a second in each process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from trainables.base.contract.private_parts import PrivatePart, is_switched_on

SWITCH = "TUNELAB_FUSED"
SEEN_WITH = "2.14.1"  # the version of torch with which the parts were last tried
_SLOW = "Small networks train more slowly; everything else is as it was."
PARTS = (PrivatePart("torch", "_fused_adamw_", _SLOW),)
BETAS, EPSILON = (0.9, 0.999), 1e-8  # torch's defaults


class FlatAdamW:
    """AdamW on one flat parameter.

    Args:
        parameter: What is trained, (n,).
        gradient: Where its gradient is before each step, (n,).
    """

    def __init__(self, parameter: Tensor, gradient: Tensor) -> None:
        self._trained, self._gradients = Trained.of([parameter]), [gradient]
        self._one = torch.ones((), device=parameter.device)
        self._direct = _is_direct()

    def step(self, lr: float, weight_decay: float) -> None:
        """Update the parameter from its gradient.

        Args:
            lr: Learning rate.
            weight_decay: Decoupled weight decay.
        """
        if self._direct:
            self._trained.steps[0].add_(self._one)  # in a third of the time that it takes for a list of tensors
        self._trained.update(self._gradients, lr, BETAS, weight_decay, direct=self._direct)


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are updated alike.

    Attributes:
        parameters: What is trained.
        weight_decay: Decoupled weight decay.
        share: Of the learning rate.
    """

    parameters: Sequence[Tensor]
    weight_decay: float = 0.0
    share: float = 1.0


class FusedAdamW:
    """AdamW on the parameters of networks, and Adam where nothing decays.

    Args:
        groups: What is trained, each on one device and of one type.
        betas: Of the running means of gradients and of their squares.
    """

    def __init__(self, groups: Sequence[ParameterGroup], betas: tuple[float, float] = BETAS) -> None:
        self._groups = [(Trained.of(group.parameters), group) for group in groups]
        self._betas, self._direct = betas, _is_direct()

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for trained, _ in self._groups:
            for parameter in trained.parameters:
                parameter.grad = None

    def step(self, lr: float) -> None:
        """Update each parameter that has a gradient.

        Args:
            lr: Learning rate.
        """
        with torch.no_grad():
            for every, group in self._groups:
                trained = every.with_gradients()
                gradients = [cast(Tensor, parameter.grad) for parameter in trained.parameters]
                if not gradients:
                    continue
                if self._direct:
                    torch._foreach_add_(trained.steps, 1)
                trained.update(gradients, lr * group.share, self._betas, group.weight_decay, direct=self._direct)


@dataclass(frozen=True)
class Trained:
    """Parameters and what AdamW keeps of each.

    Attributes:
        parameters: What is updated.
        means: Running means of their gradients.
        squares: Running means of the gradients' squares.
        steps: Number of updates.
    """

    parameters: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]

    @classmethod
    def of(cls, parameters: Sequence[Tensor]) -> Trained:
        """Return parameters before their first update."""
        means, squares = ([torch.zeros_like(p, requires_grad=False) for p in parameters] for _ in range(2))
        return cls(list(parameters), means, squares, [torch.zeros((), device=p.device) for p in parameters])

    def with_gradients(self) -> Trained:
        """Return those that have a gradient."""
        there = [parameter.grad is not None for parameter in self.parameters]
        lists = self.parameters, self.means, self.squares, self.steps
        return self if all(there) else Trained(*(list(compress(tensors, there)) for tensors in lists))

    def update(
        self, gradients: list[Tensor], lr: float, betas: tuple[float, float], weight_decay: float, *, direct: bool
    ) -> None:
        """Update all from their gradients.

        Args:
            gradients: Of the parameters.
            lr: Learning rate.
            betas: Of the running means.
            weight_decay: Decoupled weight decay.
            direct: True for the private function, which, unlike the public one, counts no steps.
        """
        lists: Any = self.parameters, gradients, self.means, self.squares, [], self.steps
        function = torch._fused_adamw_ if direct else _public_adamw
        function(
            *lists,
            lr=lr,
            beta1=betas[0],
            beta2=betas[1],
            weight_decay=weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


_public_adamw = partial(adamw, fused=True)


def _is_direct() -> bool:
    return is_switched_on(SWITCH) and PARTS[0].is_there()
