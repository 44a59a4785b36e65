"""What packing would gain: K perceptrons trained as one batched network, against the same K one after another.

Run ``python -m benchmarks.speed.packing --device cpu`` (or ``cuda``). This is the experiment behind a decision, not an
engine: sweeps do not pack trials. Weights are stacked, narrower networks are padded with units that stay zero, and
each network has its own data order, learning rate, weight decay, dropout and seed. Pack and lone networks alternate
within each round; ratios above 1 mean that packing is faster.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed.loop import LR, WORKLOADS, Workload
from trainables.base.training.loop import seeded, stream_seed, tensor_view
from trainables.base.training.mlp import MLP, MULTIPLIER, MLPTrainer, fused_adamw
from trainables.base.contract.task import TrainingData

SIZES = (8, 16)  # networks of a pack


@dataclass(frozen=True)
class Packed:
    """Milliseconds of one network's epoch, alone and in a pack; medians over rounds, the ratio with its quartiles."""

    networks: int
    alone_ms: float
    packed_ms: float
    ratio: float
    quartiles: tuple[float, float]


@dataclass(frozen=True)
class _Layer:
    """One layer of all networks: (K, inputs, outputs) and (K, 1, outputs), views into the flat buffers."""

    weight: Tensor
    bias: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor


class PackedTrainer:
    """K regression perceptrons of equal depth and batch size as one batched network, trained by hand.

    Args:
        workloads: one for each network; only hidden sizes and dropout may differ.
        data: of all networks.
        seeds: (K,) of initial weights, data order and dropout.
        device: torch's name of it.
    """

    def __init__(
        self, workloads: Sequence[Workload], data: TrainingData, seeds: Sequence[int], *, device: str = "cpu"
    ) -> None:
        first = workloads[0]
        self._x = tensor_view(data.arrays["x_train"]).to(device)
        self._y = tensor_view(data.arrays["y_train"]).to(device)
        self._size = min(first.batch_size, len(self._y))
        self._orders = [torch.Generator().manual_seed(stream_seed(seed, "order")) for seed in seeds]
        models = []
        for workload, seed in zip(workloads, seeds, strict=True):
            with seeded(seed):
                models.append(MLP(workload.n_inputs, workload.hidden_sizes, 1))
        self._stack(models, device)
        rates = torch.tensor([workload.dropout for workload in workloads], device=device)
        self._scale = (1 / (1 - rates)).view(-1, 1, 1)
        self._threshold = torch.round((rates.double() - 0.5) * 2**32).to(torch.int32).view(-1, 1, 1)
        self._dropout = bool((rates > 0).any())
        self._states: list[Tensor] = []
        rng = np.random.default_rng(stream_seed(seeds[0], "noise"))
        for layer in self._layers[:-1]:
            shape = (len(models), self._size, layer.bias.shape[2])
            states = rng.integers(2**32, size=shape, dtype=np.uint32) | 1
            self._states.append(torch.from_numpy(states.view(np.int32)).to(device))

    def _stack(self, models: list[MLP], device: str) -> None:
        """Pads each network to the widest and lays all weights of a network into one row."""
        linears = [[m for m in model.modules() if isinstance(m, nn.Linear)] for model in models]
        widths = [max(layer.out_features for layer in layers) for layers in zip(*linears, strict=True)]
        shapes = list(pairwise([linears[0][0].in_features, *widths]))
        sizes = [n for inputs, outputs in shapes for n in (inputs * outputs, outputs)]
        k = len(models)
        self._flat, self._gradients = torch.zeros(2, k, sum(sizes), device=device)
        self._means, self._squares = torch.zeros(2, k, sum(sizes), device=device)
        self._steps = torch.zeros((), device=device)
        views = list(torch.split(self._flat, sizes, dim=1))
        gradients = list(torch.split(self._gradients, sizes, dim=1))
        self._layers: list[_Layer] = []
        for number, (inputs, outputs) in enumerate(shapes):
            weight, bias = views[2 * number].view(k, inputs, outputs), views[2 * number + 1].view(k, 1, outputs)
            for row, layers in enumerate(linears):
                own = layers[number]
                weight[row, : own.in_features, : own.out_features] = own.weight.detach().t()
            weight_gradient = gradients[2 * number].view(k, inputs, outputs)
            self._layers.append(_Layer(weight, bias, weight_gradient, gradients[2 * number + 1].view(k, 1, outputs)))

    def train_epoch(self, rates: Sequence[float], weight_decay: float = 1e-4) -> Tensor:
        """One pass over the training split; (K,) the mean loss of each network's batches."""
        rows, total = len(self._y), torch.zeros(len(self._orders), device=self._x.device)
        state = (self._flat, self._gradients, self._means, self._squares)
        with torch.inference_mode():
            order = torch.stack([torch.randperm(rows, generator=g) for g in self._orders]).to(self._x.device)
            for batch in torch.split(order, self._size, dim=1):
                k, size = batch.shape
                x = self._x.index_select(0, batch.reshape(-1)).view(k, size, -1)
                y = self._y.index_select(0, batch.reshape(-1)).view(k, size, 1)
                total += self._step(x, y) * size
                self._steps += 1
                for number, rate in enumerate(rates):
                    own, gradients, means, squares = ([part[number]] for part in state)
                    fused_adamw(own, gradients, means, squares, [self._steps], rate, weight_decay)
            return total / rows

    def _step(self, x: Tensor, y: Tensor) -> Tensor:
        """Forward and backward of one batch of every network; (K,) losses."""
        values, masks = [x], []
        for layer, states in zip(self._layers[:-1], self._states, strict=True):
            hidden = torch.baddbmm(layer.bias, values[-1], layer.weight).relu_()
            if self._dropout:
                states.mul_(MULTIPLIER)
                masks.append((states[:, : x.shape[1]] >= self._threshold) * self._scale)
                hidden.mul_(masks[-1])
            values.append(hidden)
        last = self._layers[-1]
        error = torch.baddbmm(last.bias, values[-1], last.weight).sub_(y)
        gradient = error * (2 / x.shape[1])
        for number in range(len(self._layers) - 1, -1, -1):
            layer, below = self._layers[number], values[number]
            torch.bmm(below.mT, gradient, out=layer.weight_gradient)
            torch.sum(gradient, 1, keepdim=True, out=layer.bias_gradient)
            if number:
                gradient = torch.bmm(gradient, layer.weight.mT)
                if self._dropout:
                    gradient.mul_(masks[number - 1])
                gradient.mul_(below > 0)
        return error.square_().mean((1, 2))


def measure(workload: Workload, networks: int, rounds: int, *, mixed: bool = False, device: str = "cpu") -> Packed:
    """Times one epoch of ``networks`` networks, alone one after another and as a pack, ``rounds`` times.

    Args:
        mixed: every other network has half the hidden sizes, so that the pack computes padding.
    """
    data = workload.data()
    narrow = replace(workload, hidden_sizes=tuple(width // 2 for width in workload.hidden_sizes))
    workloads = [narrow if mixed and number % 2 else workload for number in range(networks)]
    alone = [MLPTrainer(w.config(), data, seed, kind="regression", device=device) for seed, w in enumerate(workloads)]
    pack = PackedTrainer(workloads, data, range(networks), device=device)
    rates = [LR] * networks
    ratios, alone_ms, packed_ms = [], [], []
    for number in range(rounds + 1):
        started = time.perf_counter()
        for trainer in alone:
            trainer.train_epoch(LR)
        between = time.perf_counter()
        float(pack.train_epoch(rates).sum())  # waits for a GPU
        ended = time.perf_counter()
        if number:  # the first warms up
            alone_ms.append((between - started) / networks * 1e3)
            packed_ms.append((ended - between) / networks * 1e3)
            ratios.append(alone_ms[-1] / packed_ms[-1])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Packed(networks, statistics.median(alone_ms), statistics.median(packed_ms), middle, (low, high))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line for each workload, size of pack, and kind of widths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for workload in WORKLOADS:
        for mixed in (False, True):
            for networks in SIZES:
                p = measure(workload, networks, options.rounds, mixed=mixed, device=options.device)
                widths = "mixed widths" if mixed else "equal widths"
                sys.stdout.write(
                    f"{workload.name:<30} {networks:>3} networks, {widths}: alone {p.alone_ms:8.2f} ms, packed "
                    f"{p.packed_ms:8.2f} ms, {p.ratio:.2f} times ({p.quartiles[0]:.2f} to {p.quartiles[1]:.2f})\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
