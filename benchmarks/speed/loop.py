"""One epoch of training, three ways: ``DataLoader``, autograd over tensors, and the hand-written perceptron.

Run ``python -m benchmarks.speed.loop``. The ways alternate within each round, so that a busy machine slows all alike;
each has its median over the rounds, and its ratio to the first way with the quartiles of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from trainables.base.contract.data import TrainingData
from trainables.base.training.compute import cpu_threads
from trainables.base.training.loop import AutogradTrainer, Validation
from trainables.base.training.mlp import MLP, FusedMLPTrainer
from trainables.base.training.randomness import seeded

LR = 1e-3


@dataclass(frozen=True)
class Workload:
    """A table's shape and a network: rows, inputs, hidden sizes, batch size, dropout."""

    name: str
    rows: int
    n_inputs: int
    hidden_sizes: tuple[int, ...]
    batch_size: int
    dropout: float = 0.0

    def data(self) -> TrainingData:
        """Return normal inputs and a target that depends on them; a fifth as many validation rows."""
        rng = np.random.default_rng(0)
        total = self.rows + self.rows // 5
        x = rng.normal(size=(total, self.n_inputs)).astype(np.float32)
        y = (np.abs(x[:, 0]) + 0.3 * rng.normal(size=total)).astype(np.float32)
        arrays = {
            "x_train": x[: self.rows],
            "y_train": y[: self.rows],
            "x_val": x[self.rows :],
            "y_val": y[self.rows :],
        }
        return TrainingData(arrays, {"n_inputs": self.n_inputs, "n_outputs": 1}, digest=self.name)

    def config(self) -> dict[str, object]:
        """Return the configuration as ``fit_mlp`` reads it."""
        return {
            "hidden_sizes": list(self.hidden_sizes),
            "dropout": self.dropout,
            "weight_decay": 1e-4,
            "lr": LR,
            "batch_size": self.batch_size,
        }


WORKLOADS = (
    Workload("16,512 x 8, 128-64", 16_512, 8, (128, 64), 256),
    Workload("california_housing, 128-64-32", 13_209, 8, (128, 64, 32), 256, dropout=0.1),
    Workload("auto_mpg, 64-32-32", 250, 6, (64, 32, 32), 32, dropout=0.1),
    Workload("wine-sized, 32-16", 114, 13, (32, 16), 32, dropout=0.1),
    Workload("MNIST-sized, 128-64", 3_200, 784, (128, 64), 64, dropout=0.1),
)


@dataclass(frozen=True)
class Timing:
    """Milliseconds an epoch, and how they compare with the first way's."""

    way: str
    median_ms: float
    ratio: float
    quartiles: tuple[float, float]


def with_data_loader(workload: Workload, data: TrainingData, device: str) -> Callable[[], object]:
    """Train as the documentation's examples do: ``TensorDataset``, ``DataLoader`` and ``AdamW`` with its defaults."""
    model = _model(workload).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-4)
    loss_function = torch.nn.MSELoss()
    dataset = TensorDataset(torch.tensor(data.arrays["x_train"]), torch.tensor(data.arrays["y_train"])[:, None])
    loader = DataLoader(dataset, batch_size=workload.batch_size, shuffle=True)

    def epoch() -> float:
        total = 0.0
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_function(model(x.to(device)), y.to(device))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        return total

    return epoch


def with_autograd(workload: Workload, data: TrainingData, device: str) -> Callable[[], object]:
    """``fit_tensors``'s epoch."""
    trainer = AutogradTrainer(_model(workload), data, workload.config(), 0, kind="regression", device=device)
    return lambda: trainer.train_epoch(LR)


def by_hand(workload: Workload, data: TrainingData, device: str) -> Callable[[], object]:
    """``fit_mlp``'s epoch."""
    trainer = FusedMLPTrainer(workload.config(), data, 0, kind="regression", device=device)
    return lambda: trainer.train_epoch(LR)


def validation_by_hand(workload: Workload, data: TrainingData, device: str) -> Callable[[], object]:
    """Compute what ``fit_mlp`` adds to an epoch: validation outputs, loss, metrics and a copy of the weights."""
    trainer = FusedMLPTrainer(workload.config(), data, 0, kind="regression", device=device)
    validation = Validation("regression", data)
    return lambda: (validation.judge(trainer.validate()), trainer.weights())


WAYS = {
    "DataLoader": with_data_loader,
    "tensors, autograd": with_autograd,
    "by hand": by_hand,
    "by hand: validation": validation_by_hand,
}


def measure(workload: Workload, rounds: int, device: str = "cpu") -> list[Timing]:
    """Time one epoch of each way, alternating, ``rounds`` times after one round that warms up."""
    data = workload.data()
    epochs = {way: make(workload, data, device) for way, make in WAYS.items()}
    times: dict[str, list[float]] = {way: [] for way in epochs}
    repeats = max(1, 2_000 // workload.rows)  # short epochs are timed several at a time
    for _ in range(rounds + 1):
        for way, epoch in epochs.items():
            started = time.perf_counter()
            for _ in range(repeats):
                epoch()
            times[way].append((time.perf_counter() - started) / repeats * 1e3)
    first, *_ = (values[1:] for values in times.values())
    return [_timing(way, values[1:], first) for way, values in times.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each workload."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    with cpu_threads(options.threads):
        _print_tables(options.rounds, options.device)


def _print_tables(rounds: int, device: str) -> None:
    for workload in WORKLOADS:
        lines = [f"{workload.name}, batch {workload.batch_size}, dropout {workload.dropout:g}"]
        for t in measure(workload, rounds, device):
            low, high = t.quartiles
            lines.append(f"  {t.way:<20} {t.median_ms:9.3f} ms   ratio {t.ratio:.3f}  ({low:.3f} to {high:.3f})")
        sys.stdout.write("\n".join(lines) + "\n\n")


def _model(workload: Workload) -> MLP:
    with seeded(0):
        return MLP(workload.n_inputs, workload.hidden_sizes, 1, workload.dropout)


def _timing(way: str, values: list[float], first: list[float]) -> Timing:
    ratios = [value / base for value, base in zip(values, first, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Timing(way, statistics.median(values), middle, (low, high))


if __name__ == "__main__":
    main()
