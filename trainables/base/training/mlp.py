"""The multi-layer perceptron of the tables: the module, and its training by hand.

For networks this small autograd, the optimizer's bookkeeping and torch's dropout cost several times the arithmetic.
``FusedMLPTrainer`` writes forward, backward and update as calls into preallocated buffers instead; a test compares it
with the autograd engine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind
from trainables.base.training import compute
from trainables.base.training.batches import Batches
from trainables.base.training.loop import (
    Augment,
    AutogradTrainer,
    Plateau,
    Trainer,
    Validation,
    patience_epochs,
    run_epochs,
)
from trainables.base.training.randomness import seeded, stream_seed
from trainables.base.training.tensors import aligned, on_device
from trainables.base.training.torch_internals import FlatAdamW

_ALIGN = 16  # float32 values in 64 bytes: kernels may round differently on rows that start off a vector boundary
_EVAL_ROWS = 1024  # activations of an evaluation chunk stay in the cache
MULTIPLIER = 0x915F77F5 - (1 << 32)  # 32-bit, Steele & Vigna 2022, "Computationally easy, spectrally good multipliers"


class MLP(nn.Module):
    """Linear, ReLU, dropout for each hidden size, then a linear output layer; He initialisation, biases zero.

    Initial weights come from torch's global generator: build it inside ``seeded(seed)``.
    Inputs (rows, ...) with n_inputs values a row, flattened; outputs (rows, n_outputs).
    """

    def __init__(self, n_inputs: int, hidden_sizes: Sequence[int], n_outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [n_inputs, *hidden_sizes]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], n_outputs))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.layers(x.flatten(1))
        return outputs


def fit_mlp(
    config: Config,
    data: TrainingData,
    seed: int,
    *,
    kind: Kind,
    max_epochs: int,
    device: str = "cpu",
    augment: Augment | None = None,
) -> Iterator[EpochReport]:
    """Train an ``MLP`` on a table or on flattened images; see ``fit_tensors`` for data, augmentation and reports.

    Args:
        config: ``hidden_sizes`` (list of int), ``dropout``, ``weight_decay``, ``lr``, ``batch_size``.
        data: as for ``fit_tensors``; ``facts`` also holds ``n_outputs``.
        seed: as for ``fit_tensors``, and of the initial weights.
        kind: of the target.
        max_epochs: number of epochs at most.
        device: of torch.
        augment: as for ``fit_tensors``.
    """
    if compute.active().plain:
        trainer: Trainer = FusedMLPTrainer(config, data, seed, kind=kind, device=device, augment=augment)
    else:  # only autograd knows other arithmetic
        model = _initial(config, data, seed)
        trainer = AutogradTrainer(model, data, config, seed, kind=kind, device=device, augment=augment)
    patience = patience_epochs(len(data.arrays["y_train"]), int(config["batch_size"]))
    lr = float(config["lr"])
    return run_epochs(trainer, Validation(kind, data), Plateau(lr, patience), max_epochs=max_epochs)


class FusedMLPTrainer:
    """An ``MLP`` with dropout and AdamW, forward and backward written out over preallocated buffers."""

    def __init__(
        self,
        config: Config,
        data: TrainingData,
        seed: int,
        *,
        kind: Kind,
        device: str,
        augment: Augment | None = None,
    ) -> None:
        dropout, model = float(config["dropout"]), _initial(config, data, seed)
        self._kind, self._augment = row_kind(kind), augment
        self._augment_from = torch.Generator(device).manual_seed(stream_seed(seed, "augment"))
        self._weight_decay = float(config["weight_decay"])
        self._batches = Batches(data, int(config["batch_size"]), seed, device)
        self._x_val = aligned(on_device(data, "x_val", device).flatten(1))
        self._parameters = _Parameters(model, device)
        widths = [layer.weight.shape[1] for layer in self._parameters.layers]
        self._activations = _Activations(self._batches.size, widths, dropout, stream_seed(seed, "noise"), device)

    def train_epoch(self, lr: float) -> float:
        total, size = 0.0, self._batches.size
        with torch.inference_mode():
            for x_block, y_block in self._batches.blocks():
                outputs = x_block.new_empty(len(x_block), self._parameters.layers[-1].bias.numel())
                batches = (torch.split(block, size) for block in (x_block, y_block.unsqueeze(1), outputs))
                for x, y, out in zip(*batches, strict=True):
                    if self._augment is not None:
                        x = self._augment(x, self._augment_from)
                    self._step(x.flatten(1), y, out, lr)
                total += float(self._kind.loss(outputs, y_block)) * len(x_block)
        return total / self._batches.rows

    def validate(self) -> Tensor:
        *hidden_layers, last = self._parameters.layers
        with torch.inference_mode():
            outputs = self._x_val.new_empty(len(self._x_val), last.bias.numel())
            for x, out in zip(torch.split(self._x_val, _EVAL_ROWS), torch.split(outputs, _EVAL_ROWS), strict=True):
                for layer in hidden_layers:
                    x = torch.addmm(layer.bias, x, layer.weight).relu_()
                torch.addmm(last.bias, x, last.weight, out=out)
            return outputs.cpu()

    def weights(self) -> Mapping[str, Tensor]:
        return self._parameters.state_dict()

    def _step(self, x: Tensor, y: Tensor, out: Tensor, lr: float) -> None:
        """Train on one batch: forward into ``out``, backward, AdamW."""
        layers, work = self._parameters.layers, self._activations.for_rows(len(x))
        below, alpha = x, 1.0
        for layer, hidden in zip(layers, work.hidden, strict=False):
            torch.addmm(layer.bias, below, layer.weight, alpha=alpha, out=hidden.values)
            torch.relu_(hidden.values)
            if hidden.kept is not None:
                hidden.bits.mul_(hidden.kept)
            below, alpha = hidden.values, work.scale
        torch.addmm(layers[-1].bias, below, layers[-1].weight, alpha=alpha, out=out)

        gradient, gradient_t = self._kind.output_gradient(out, y, work), work.output_gradient_t
        for layer, hidden in zip(reversed(layers), reversed(work.hidden), strict=False):
            layer.weight_gradient.addmm_(hidden.values_t, gradient, beta=0, alpha=work.scale)
            torch.mv(gradient_t, work.ones, out=layer.bias_gradient)
            hidden.gradient.addmm_(gradient, layer.weight_t, beta=0, alpha=work.scale)
            gradient = _relu_backward(hidden.gradient, hidden.values, 0, grad_input=hidden.gradient)
            gradient_t = hidden.gradient_t
        torch.mm(x.t(), gradient, out=layers[0].weight_gradient)
        torch.mv(gradient_t, work.ones, out=layers[0].bias_gradient)
        self._parameters.adamw_step(lr, self._weight_decay)


def _initial(config: Config, data: TrainingData, seed: int) -> MLP:
    n_inputs = math.prod(data.arrays["x_train"].shape[1:])
    with seeded(seed):
        return MLP(n_inputs, config["hidden_sizes"], data.facts["n_outputs"], float(config["dropout"]))


_relu_backward = torch.ops.aten.threshold_backward.grad_input


@dataclass(frozen=True)
class _Layer:
    """One linear layer: views into the flat parameters and gradients; weights are (inputs, outputs)."""

    weight: Tensor
    weight_t: Tensor
    bias: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor


class _Parameters:
    """All weights in one buffer, all gradients in another, so that AdamW is a single kernel."""

    def __init__(self, model: MLP, device: str) -> None:
        linears = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
        sizes = [_padded(n) for _, linear in linears for n in (linear.weight.numel(), linear.bias.numel())]
        flat, gradients = torch.zeros(2, sum(sizes), device=device)
        self.layers: list[_Layer] = []
        self._names = [name for name, _ in linears]
        views, gradient_views = iter(torch.split(flat, sizes)), iter(torch.split(gradients, sizes))
        for _, linear in linears:
            shape = (linear.in_features, linear.out_features)
            weight, bias = _reshaped(next(views), shape), _reshaped(next(views), shape[1:])
            weight.copy_(linear.weight.detach().t())
            bias.copy_(linear.bias.detach())
            self.layers.append(
                _Layer(
                    weight,
                    weight.t(),
                    bias,
                    _reshaped(next(gradient_views), shape),
                    _reshaped(next(gradient_views), shape[1:]),
                )
            )
        self._optimizer = FlatAdamW(flat, gradients)

    def adamw_step(self, lr: float, weight_decay: float) -> None:
        """Update once from the gradients."""
        self._optimizer.step(lr, weight_decay)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights as ``MLP.load_state_dict`` takes them: copies, since they are kept transposed here."""
        state: dict[str, Tensor] = {}
        for name, layer in zip(self._names, self.layers, strict=True):
            state[f"{name}.weight"] = layer.weight_t.clone(memory_format=torch.contiguous_format)
            state[f"{name}.bias"] = layer.bias.clone()
        return state


@dataclass(frozen=True)
class _Hidden:
    """One hidden layer's buffers for a number of rows, all (rows, width)."""

    values: Tensor  # after ReLU and dropout, before dropout's 1 / (1 - p), which goes into the next product
    values_t: Tensor
    bits: Tensor  # ``values`` seen as int32
    kept: Tensor | None  # dropout's mask, int32 0 or 1; None without dropout
    gradient: Tensor
    gradient_t: Tensor


class _Workspace:
    """What a step over some number of rows writes to. Constants are tensors: a Python number costs a conversion."""

    def __init__(self, hidden: list[_Hidden], output_gradient: Tensor, scale: float) -> None:
        rows = len(output_gradient)
        self.hidden, self.scale = hidden, scale
        self.output_gradient, self.output_gradient_t = output_gradient, output_gradient.t()
        self.ones, self.minus_ones = output_gradient.new_ones(rows), output_gradient.new_full((rows, 1), -1.0)
        self.per_row, self.two = output_gradient.new_tensor(1.0 / rows), output_gradient.new_tensor(2.0)


class _Activations:
    """Buffers of the hidden layers and their dropout masks.

    Masks come from one multiplicative congruential generator per unit and row, seeded independently: three integer
    operations for the whole network, where ``bernoulli_`` takes longer than the matrix products.
    """

    def __init__(self, rows: int, widths: list[int], dropout: float, seed: int, device: str) -> None:
        *self._widths, n_outputs = widths
        self._sizes = [_padded(rows * width) for width in self._widths]
        units = max(1, sum(self._sizes))
        self._scale = 1.0 / (1.0 - dropout)
        self._values, self._gradients = torch.zeros(2, units, device=device)
        self._outputs = torch.zeros(rows, n_outputs, device=device)
        self._kept: Tensor | None = None
        if dropout > 0:
            states = np.random.default_rng(seed).integers(2**32, size=units, dtype=np.uint32) | 1  # odd: period 2^30
            self._states = torch.from_numpy(states.view(np.int32)).to(device)
            self._multiplier = self._states.new_tensor(MULTIPLIER)
            self._threshold = self._states.new_tensor(round((dropout - 0.5) * 2**32))
            self._kept = torch.zeros_like(self._states)
        self._workspaces: dict[int, _Workspace] = {}

    def for_rows(self, rows: int) -> _Workspace:
        """Draw new masks; return the buffers for this many rows."""
        if self._kept is not None:
            torch.ge(self._states.mul_(self._multiplier), self._threshold, out=self._kept)
        if rows not in self._workspaces:  # a full batch, and the rest at the end of an epoch
            hidden = [self._layer(number, rows) for number in range(len(self._widths))]
            self._workspaces[rows] = _Workspace(hidden, self._outputs[:rows], self._scale)
        return self._workspaces[rows]

    def _layer(self, number: int, rows: int) -> _Hidden:
        start, width = sum(self._sizes[:number]), self._widths[number]

        def part(flat: Tensor) -> Tensor:
            return flat[start : start + rows * width].view(rows, width)

        values, gradient = part(self._values), part(self._gradients)
        kept = None if self._kept is None else part(self._kept)
        return _Hidden(values, values.t(), values.view(torch.int32), kept, gradient, gradient.t())


def _padded(elements: int) -> int:
    return -(-elements // _ALIGN) * _ALIGN


def _reshaped(flat: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the leading elements of a padded piece, in this shape."""
    return flat[: math.prod(shape)].view(shape)
