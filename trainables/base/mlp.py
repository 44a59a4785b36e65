"""The multi-layer perceptron of the tables: the module, and its training by hand.

For networks this small autograd, the optimizer's bookkeeping and torch's dropout cost several times the arithmetic.
``MLPTrainer`` writes forward, backward and update down as calls into preallocated buffers instead; a test holds it to
the autograd engine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from trainables.base.loop import (
    Batches,
    FitKind,
    Validation,
    aligned,
    loss_of,
    on_device,
    run_epochs,
    seeded,
    stream_seed,
)
from trainables.base.task import Config, EpochReport, TrainingData

_ALIGN = 16  # float32 values in 64 bytes: kernels may round differently on rows that start off a vector boundary
_EVAL_ROWS = 1024  # activations of an evaluation chunk stay in the cache
_MULTIPLIER = 0x915F77F5 - (1 << 32)  # 32-bit, Steele & Vigna 2022, "Computationally easy, spectrally good multipliers"


class MLP(nn.Module):
    """Linear, ReLU, dropout for each hidden size, then a linear output layer; He initialisation, biases zero.

    Initial weights come from torch's global generator: build it inside ``seeded(seed)``.
    Inputs (rows, n_inputs), outputs (rows, n_outputs).
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
        outputs: Tensor = self.layers(x)
        return outputs


def fit_mlp(
    config: Config, data: TrainingData, seed: int, *, kind: FitKind, max_epochs: int, device: str = "cpu"
) -> Iterator[EpochReport]:
    """Trains an ``MLP`` on a table; see ``fit_tensors`` for data and reports.

    Args:
        config: ``hidden_sizes`` (list of int), ``dropout``, ``weight_decay``, ``lr``, ``batch_size``.
        data: as for ``fit_tensors``; ``facts`` also holds ``n_inputs`` and ``n_outputs``.
    """
    trainer = MLPTrainer(config, data, seed, kind=kind, device=device)
    return run_epochs(trainer, Validation(kind, data), lr=float(config["lr"]), max_epochs=max_epochs)


class MLPTrainer:
    """An ``MLP`` with dropout and AdamW, forward and backward written out over preallocated buffers."""

    def __init__(self, config: Config, data: TrainingData, seed: int, *, kind: FitKind, device: str) -> None:
        dropout = float(config["dropout"])
        with seeded(seed):
            model = MLP(data.facts["n_inputs"], config["hidden_sizes"], data.facts["n_outputs"], dropout)
        self._kind = kind
        self._weight_decay = float(config["weight_decay"])
        self._batches = Batches(data, int(config["batch_size"]), seed, device)
        self._x_val = aligned(on_device(data, "x_val", device))
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
                    self._step(x, y, out, lr)
                total += float(loss_of(self._kind, outputs, y_block)) * len(x_block)
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
        """One batch: forward into ``out``, backward, AdamW."""
        layers = self._parameters.layers
        scale, hidden_layers, gradient = self._activations.for_rows(len(x))
        below, alpha = x, 1.0
        for layer, hidden in zip(layers, hidden_layers, strict=False):
            torch.addmm(layer.bias, below, layer.weight, alpha=alpha, out=hidden.values)
            torch.relu_(hidden.values)
            if hidden.kept is not None:
                hidden.bits.mul_(hidden.kept)
            below, alpha = hidden.values, scale
        torch.addmm(layers[-1].bias, below, layers[-1].weight, alpha=alpha, out=out)

        _output_gradient(self._kind, out, y, gradient)
        for layer, hidden in zip(reversed(layers), reversed(hidden_layers), strict=False):
            layer.weight_gradient.addmm_(hidden.values_t, gradient, beta=0, alpha=scale)
            torch.sum(gradient, 0, out=layer.bias_gradient)
            hidden.gradient.addmm_(gradient, layer.weight_t, beta=0, alpha=scale)
            gradient = _relu_backward(hidden.gradient, hidden.values, 0, grad_input=hidden.gradient)
        torch.mm(x.t(), gradient, out=layers[0].weight_gradient)
        torch.sum(gradient, 0, out=layers[0].bias_gradient)
        self._parameters.adamw_step(lr, self._weight_decay)


_relu_backward = torch.ops.aten.threshold_backward.grad_input


def _output_gradient(kind: FitKind, outputs: Tensor, target: Tensor, gradient: Tensor) -> None:
    """Writes the gradient of the batch's mean loss with respect to the outputs (rows, n_outputs) to ``gradient``."""
    rows = len(outputs)
    if kind == "regression":
        torch.sub(outputs, target, out=gradient).mul_(2.0 / rows)
    elif kind == "binary":
        torch.sigmoid(outputs, out=gradient).sub_(target).mul_(1.0 / rows)
    else:
        torch.softmax(outputs, 1, out=gradient).mul_(1.0 / rows)
        gradient.scatter_add_(1, target, gradient.new_full((1, 1), -1.0 / rows).expand(rows, 1))


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
        self._flat, self._gradients = [flat], [gradients]
        self._means, self._squares = [torch.zeros_like(flat)], [torch.zeros_like(flat)]
        self._steps = [torch.zeros((), device=device)]

    def adamw_step(self, lr: float, weight_decay: float) -> None:
        """What ``torch.optim.AdamW(fused=True)`` does, without its bookkeeping in Python."""
        self._steps[0].add_(1)
        torch._fused_adamw_(
            self._flat,
            self._gradients,
            self._means,
            self._squares,
            [],
            self._steps,
            lr=lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """The weights as ``MLP.load_state_dict`` takes them: copies, since they are kept transposed here."""
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


class _Activations:
    """Buffers of the hidden layers and their dropout masks.

    Masks come from one multiplicative congruential generator per unit and row, seeded independently: three integer
    operations for the whole network, where ``bernoulli_`` takes longer than the matrix products.
    """

    def __init__(self, rows: int, widths: list[int], dropout: float, seed: int, device: str) -> None:
        *hidden, outputs = widths
        sizes = [_padded(rows * width) for width in hidden]
        self._widths, self._sizes, self._n_outputs = hidden, sizes, outputs
        self._scale = 1.0 / (1.0 - dropout)
        self._values, self._gradients = torch.zeros(2, max(1, sum(sizes)), device=device)
        self._outputs = torch.zeros(rows, outputs, device=device)
        self._kept: Tensor | None = None
        if dropout > 0:
            states = (
                np.random.default_rng(seed).integers(2**32, size=sum(sizes), dtype=np.uint32) | 1
            )  # odd: period 2^30
            self._states = torch.from_numpy(states.view(np.int32)).to(device)
            self._kept = torch.zeros_like(self._states)
            self._threshold = round((dropout - 0.5) * 2**32)
        self._views: dict[int, tuple[float, list[_Hidden], Tensor]] = {}

    def for_rows(self, rows: int) -> tuple[float, list[_Hidden], Tensor]:
        """Draws new masks; dropout's scale, the layers' buffers, and the output gradient's buffer for these rows."""
        if self._kept is not None:
            torch.ge(self._states.mul_(_MULTIPLIER), self._threshold, out=self._kept)
        if rows not in self._views:  # a full batch, and the rest at the end of an epoch
            self._views[rows] = (self._scale, self._build(rows), self._outputs[:rows])
        return self._views[rows]

    def _build(self, rows: int) -> list[_Hidden]:
        layers: list[_Hidden] = []
        for number, width in enumerate(self._widths):
            start = sum(self._sizes[:number])

            def part(flat: Tensor, start: int = start, width: int = width) -> Tensor:
                return flat[start : start + rows * width].view(rows, width)

            values = part(self._values)
            kept = None if self._kept is None else part(self._kept)
            layers.append(_Hidden(values, values.t(), values.view(torch.int32), kept, part(self._gradients)))
        return layers


def _padded(elements: int) -> int:
    return -(-elements // _ALIGN) * _ALIGN


def _reshaped(flat: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The leading elements of a padded piece, in this shape."""
    return flat[: math.prod(shape)].view(shape)
