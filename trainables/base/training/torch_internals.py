"""Every private part of torch that tunelab uses. ``TUNELAB_FUSED=0`` does without it; weights come out the same."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from trainables.base.contract.private_parts import PrivatePart, is_switched_on

SWITCH = "TUNELAB_FUSED"
SEEN_WITH = "2.14.1"  # the version of torch with which the parts were last tried
PARTS = (PrivatePart("torch", "_fused_adamw_", "Small networks train more slowly; everything else is as it was."),)
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # torch's defaults


class FusedAdamW:
    """The update of ``torch.optim.AdamW(fused=True)`` on one flat parameter, without its bookkeeping in Python.

    Args:
        parameter: What is trained, (n,).
        gradient: Where its gradient is before each step, (n,).
    """

    def __init__(self, parameter: Tensor, gradient: Tensor) -> None:
        self._lists = [parameter], [gradient], [torch.zeros_like(parameter)], [torch.zeros_like(parameter)]
        self._steps = [torch.zeros((), device=parameter.device)]
        self._one = torch.ones((), device=parameter.device)
        self._direct = is_switched_on(SWITCH) and PARTS[0].is_there()

    def step(self, lr: float, weight_decay: float) -> None:
        """Update the parameter from its gradient.

        Args:
            lr: Learning rate.
            weight_decay: Decoupled weight decay.
        """
        if not self._direct:
            self._step_by_public_function(lr, weight_decay)
            return
        self._steps[0].add_(self._one)
        torch._fused_adamw_(
            *self._lists,
            [],
            self._steps,
            lr=lr,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def _step_by_public_function(self, lr: float, weight_decay: float) -> None:
        adamw(
            *self._lists,
            [],
            self._steps,
            fused=True,
            lr=lr,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )
