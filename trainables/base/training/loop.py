"""Training of small models: data as tensors on the device, own batches, one report an epoch.

``fit_tensors`` trains any ``nn.Module`` through autograd; ``fit_mlp`` (in ``mlp.py``) trains perceptrons by hand.
Both are a ``Trainer`` (one model, one epoch at a time) driven by ``run_epochs`` (schedule, early stopping, reports).

A curve depends on config, seed, data, device, thread count and library versions, and on nothing else: each trial has
its own random streams, and the process's global generator is left as it was found.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainables.base.contract.task import Config, EpochReport, TrainingData
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind
from trainables.base.training.compute import compiled

Augment: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]  # (batch, generator on the batch's device) -> batch

PATIENCE = 20  # epochs without improvement until a trial ends, where an epoch has 50 steps or more
PATIENCE_STEPS, MAX_PATIENCE = (
    1_000,
    100,
)  # steps of the optimizer that it lasts where an epoch has fewer, and its limit
_BLOCK_BYTES = 8 << 20  # rows gathered at once: shuffled batches are slices of it, and memory stays bounded


class Trainer(Protocol):
    """One model in training: what ``run_epochs`` drives."""

    def train_epoch(self, lr: float) -> float:
        """Pass over the training split once; return the mean loss of its batches."""

    def validate(self) -> Tensor:
        """Return the model's outputs on the validation split, (n, n_outputs), float32 on the CPU."""

    def weights(self) -> Mapping[str, Tensor]:
        """Return the live weights."""


@dataclass
class Plateau:
    """Learning rate schedule and early stopping by validation loss, ``ReduceLROnPlateau``'s rule (relative 1e-4)."""

    lr: float
    patience: int = PATIENCE
    lr_patience: int = 5
    factor: float = 0.5
    best: float = math.inf
    waited: int = 0  # epochs since the best loss
    lr_best: float = math.inf
    lr_waited: int = 0

    def step(self, loss: float) -> bool:
        """Take an epoch's validation loss, set ``lr`` for the next; return True when training should end."""
        self.waited = 0 if loss < self.best else self.waited + 1
        self.best = min(self.best, loss)
        if loss < self.lr_best * (1 - 1e-4):
            self.lr_best, self.lr_waited = loss, 0
        else:
            self.lr_waited += 1
        if self.lr_waited > self.lr_patience:
            self.lr, self.lr_waited = self.lr * self.factor, 0
        return self.waited >= self.patience


class Validation:
    """The validation targets, ready to judge a model's outputs once an epoch."""

    def __init__(self, kind: Kind, data: TrainingData) -> None:
        self._kind, self._facts = row_kind(kind), data.facts
        self.target = tensor_view(data.arrays["y_val"]).reshape(-1)

    def loss(self, outputs: Tensor) -> float:
        """Return the loss of outputs (n, n_outputs)."""
        return float(self._kind.loss(outputs.double(), self.target))

    def judge(self, outputs: Tensor) -> tuple[float, dict[str, float]]:
        """Return the loss of outputs (n, n_outputs) and the metrics; none when the loss is not finite."""
        loss = self.loss(outputs)
        if not math.isfinite(loss):
            return loss, {}
        scores = self._kind.metrics(outputs.numpy(), self.target.numpy(), self._facts)
        return loss, {f"val_{name}": value for name, value in scores.items()}


def patience_epochs(rows: int, batch_size: int, steps: int = PATIENCE_STEPS, at_least: int = PATIENCE) -> int:
    """Return the epochs without improvement after which a trial ends: more where an epoch is only a few steps.

    Args:
        rows: of the training split.
        batch_size: of the trial.
        steps: of the optimizer that they should be, up to ``MAX_PATIENCE`` epochs.
        at_least: epochs, however many steps they are.
    """
    steps_per_epoch = math.ceil(rows / min(batch_size, rows))
    return min(MAX_PATIENCE, max(at_least, math.ceil(steps / steps_per_epoch)))


def run_epochs(
    trainer: Trainer, validation: Validation, *, lr: float, max_epochs: int, patience: int = PATIENCE
) -> Iterator[EpochReport]:
    """Train and yield a report an epoch until ``max_epochs``, early stopping, or a loss that is not finite."""
    plateau = Plateau(lr=lr, patience=patience, lr_patience=patience // 4)
    for epoch in range(1, max_epochs + 1):
        used = plateau.lr
        train_loss = trainer.train_epoch(used)
        val_loss, metrics = validation.judge(trainer.validate())
        yield EpochReport(epoch, val_loss, {"train_loss": train_loss, "lr": used, **metrics}, weights=trainer.weights())
        if not math.isfinite(val_loss) or plateau.step(val_loss):
            return


def fit_tensors(
    model: nn.Module,
    data: TrainingData,
    config: Config,
    seed: int,
    *,
    kind: Kind,
    max_epochs: int,
    device: str = "cpu",
    patience: int = PATIENCE,
    augment: Augment | None = None,
    rows_at_once: int | None = None,
) -> Iterator[EpochReport]:
    """Train any model, one report an epoch.

    Args:
        model: inputs (rows, ...) to outputs (rows, n_outputs); build it inside ``seeded(seed)`` so that its
            initial weights are the trial's own.
        data: ``x_train`` (n, ...), ``y_train`` (n,): standardised target, 0/1 as float32, or class index as int64;
            the same of ``x_val`` and ``y_val``. Never written to. ``facts`` holds ``target_mean``, ``target_std`` and
            ``target_transform`` ("none" or "log") of a regression.
        config: ``lr``, ``batch_size`` and, when wanted, ``weight_decay``.
        seed: fixes data order, dropout and augmentation.
        kind: of the target: its loss and its metrics.
        max_epochs: number of epochs at most.
        device: of torch.
        patience: epochs without a better validation loss until training ends; a quarter of them halves ``lr``.
        augment: changes a training batch, drawing from the generator it is given.
        rows_at_once: validation rows of a forward pass; None for as many as fit vectors or pictures.

    Yields:
        Reports with ``train_loss``, ``lr``, and ``val_rmse``, ``val_mae``, ``val_r2`` in the target's unit or
        ``val_accuracy``, ``val_auc``, ``val_f1``, ``val_log_loss``.
    """
    trainer = AutogradTrainer(
        model, data, config, seed, kind=kind, device=device, augment=augment, rows_at_once=rows_at_once
    )
    return run_epochs(trainer, Validation(kind, data), lr=float(config["lr"]), max_epochs=max_epochs, patience=patience)


def fit_annealed(
    model: nn.Module,
    data: TrainingData,
    config: Config,
    seed: int,
    *,
    kind: Kind,
    max_epochs: int,
    device: str = "cpu",
    augment: Augment | None = None,
    rows_at_once: int | None = None,
) -> Iterator[EpochReport]:
    """Train any model with a learning rate that falls along a half cosine over ``max_epochs``, whatever the loss does.

    Args and reports are those of ``fit_tensors``; training ends early only when the loss is not finite.
    """
    trainer = AutogradTrainer(
        model, data, config, seed, kind=kind, device=device, augment=augment, rows_at_once=rows_at_once
    )
    validation, lr = Validation(kind, data), float(config["lr"])
    for epoch in range(1, max_epochs + 1):
        used = lr * (1 + math.cos(math.pi * (epoch - 1) / max_epochs)) / 2
        train_loss = trainer.train_epoch(used)
        val_loss, metrics = validation.judge(trainer.validate())
        yield EpochReport(epoch, val_loss, {"train_loss": train_loss, "lr": used, **metrics}, weights=trainer.weights())
        if not math.isfinite(val_loss):
            return


class AutogradTrainer:
    """Any module with fused AdamW; global random numbers (``nn.Dropout``) come from the trial's own stream."""

    def __init__(
        self,
        model: nn.Module,
        data: TrainingData,
        config: Config,
        seed: int,
        *,
        kind: Kind,
        device: str,
        augment: Augment | None = None,
        rows_at_once: int | None = None,
    ) -> None:
        self._rows_at_once = rows_at_once
        self._model = model.to(device)
        self._network = compiled(self._model)
        self._kind, self._device, self._augment = row_kind(kind), torch.device(device), augment
        self._train = Batches(data, int(config["batch_size"]), seed, device)
        self._x_val = aligned(on_device(data, "x_val", device))
        self._noise = RandomState(stream_seed(seed, "noise"), self._device)
        self._augment_from = torch.Generator(device).manual_seed(stream_seed(seed, "augment"))
        self._optimizer = torch.optim.AdamW(
            model.parameters(), lr=float(config["lr"]), weight_decay=float(config.get("weight_decay", 0.0)), fused=True
        )

    def train_epoch(self, lr: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        total, rows = torch.zeros((), device=self._device), 0
        self._model.train()
        with self._noise:
            for x, y in self._train:
                if len(y) == 1 and rows:  # the last batch: batch normalisation has no variance of one row
                    continue
                if self._augment is not None:
                    x = self._augment(x, self._augment_from)
                loss = self._kind.loss(self._network(x), y)
                self._optimizer.zero_grad()
                torch.autograd.backward(loss)
                self._optimizer.step()
                total += loss.detach() * len(y)
                rows += len(y)
        return float(total) / rows

    @torch.inference_mode()
    def validate(self) -> Tensor:
        self._model.eval()
        step = self._rows_at_once or (8192 if self._x_val.ndim == 2 else 1024)  # images make large activations
        return torch.cat([self._network(part) for part in torch.split(self._x_val, step)]).float().cpu()

    def weights(self) -> Mapping[str, Tensor]:
        return self._model.state_dict()


class Batches:
    """The training split in a new order each epoch.

    Rows are gathered in large blocks and batches are slices of them: one gather for many batches, bounded memory.
    """

    def __init__(self, data: TrainingData, batch_size: int, seed: int, device: str) -> None:
        self._x = on_device(data, "x_train", device)
        self._y = on_device(data, "y_train", device).reshape(-1)
        self.rows = len(self._y)
        self.size = min(batch_size, self.rows)
        self._order = torch.Generator().manual_seed(stream_seed(seed, "order"))  # on the CPU: same order everywhere
        row_bytes = max(1, self._x[0].numel() * self._x.element_size())
        block = min(self.rows, self.size * max(1, _BLOCK_BYTES // (row_bytes * self.size)))
        self._x_block, self._y_block = self._x.new_empty(block, *self._x.shape[1:]), self._y.new_empty(block)

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch: shuffled (inputs, targets) of many batches at a time, overwritten by the next block."""
        order = torch.randperm(self.rows, generator=self._order).to(self._x.device)
        for rows in torch.split(order, len(self._y_block)):
            x, y = self._x_block[: len(rows)], self._y_block[: len(rows)]
            yield torch.index_select(self._x, 0, rows, out=x), torch.index_select(self._y, 0, rows, out=y)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch: shuffled (inputs, targets) of one batch at a time, on the device."""
        for x, y in self.blocks():
            yield from zip(torch.split(x, self.size), torch.split(y, self.size), strict=True)


def stream_seed(seed: int, stream: str) -> int:
    """Return the seed of a random stream of a trial ("init", "order", "noise", ...), independent of the others."""
    key = int.from_bytes(stream.encode(), "big")
    return int(np.random.SeedSequence([seed, key]).generate_state(1, np.uint64)[0])


class RandomState:
    """The global generators' state of one trial: inside ``with`` they are the trial's, outside they are untouched."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(self._devices):
            torch.manual_seed(seed)
            self._keep()

    def __enter__(self) -> None:
        self._fork = torch.random.fork_rng(self._devices)
        self._fork.__enter__()
        torch.set_rng_state(self._cpu)
        for device, state in zip(self._devices, self._cuda, strict=True):
            torch.cuda.set_rng_state(state, device)

    def __exit__(self, *error: Any) -> None:
        self._keep()
        self._fork.__exit__(*error)

    def _keep(self) -> None:
        self._cpu = torch.get_rng_state()
        self._cuda = [torch.cuda.get_rng_state(device) for device in self._devices]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make the trial's "init" stream the CPU's global generator inside the block: build models here, then move them."""
    with RandomState(stream_seed(seed, "init"), torch.device("cpu")):
        yield


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
