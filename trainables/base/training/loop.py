"""Training of small models: one report an epoch.

``fit_tensors`` trains any ``nn.Module`` through autograd; ``fit_mlp`` (in ``mlp.py``) trains perceptrons by hand.
Both are a ``Trainer`` (one model, one epoch at a time) driven by ``run_epochs`` (schedule, early stopping, reports).

A curve depends on config, seed, data, device, thread count and library versions, and on nothing else: each trial has
its own random streams, and the process's global generator is left as it was found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind
from trainables.base.training.batches import Batches
from trainables.base.training.compute import compiled
from trainables.base.training.randomness import RandomState, stream_seed
from trainables.base.training.tensors import aligned, on_device, tensor_view
from trainables.base.training.torch_internals import FusedAdamW, ParameterGroup

Augment: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]  # (batch, generator on the batch's device) -> batch

PATIENCE = 20  # epochs without improvement until a trial ends, where an epoch has 50 steps or more
PATIENCE_STEPS = 1_000  # steps of the optimizer that it lasts where an epoch has fewer
MAX_PATIENCE = 100  # epochs, whatever the steps
CENTRE, SPREAD = "centre_val", "spread_val"  # arrays (n,) of data whose models learn a target relative to each row


class Trainer(Protocol):
    """One model in training: what ``run_epochs`` drives."""

    def train_epoch(self, lr: float) -> float:
        """Pass over the training split once; return the mean loss of its batches."""

    def validate(self) -> Tensor:
        """Return the model's outputs on the validation split, (n, n_outputs), float32 on the CPU."""

    def weights(self) -> Mapping[str, Tensor]:
        """Return the live weights."""


class Schedule(Protocol):
    """A learning rate that changes from epoch to epoch."""

    lr: float  # of the next epoch

    def step(self, loss: float) -> bool:
        """Take an epoch's validation loss, set ``lr`` for the next; return True when training should end."""


@dataclass
class Plateau:
    """Learning rate schedule and early stopping by validation loss, ``ReduceLROnPlateau``'s rule (relative 1e-4).

    Training ends after ``patience`` epochs without a lower loss; after a quarter of them ``lr`` is halved.
    """

    lr: float
    patience: int = PATIENCE
    factor: float = 0.5
    best: float = math.inf
    waited: int = 0  # epochs since the best loss
    lr_best: float = math.inf
    lr_waited: int = 0

    def step(self, loss: float) -> bool:
        self.waited = 0 if loss < self.best else self.waited + 1
        self.best = min(self.best, loss)
        if loss < self.lr_best * (1 - 1e-4):
            self.lr_best, self.lr_waited = loss, 0
        else:
            self.lr_waited += 1
        if self.lr_waited > self.patience // 4:
            self.lr, self.lr_waited = self.lr * self.factor, 0
        return self.waited >= self.patience


class HalfCosine:
    """A learning rate that falls along a half cosine over ``max_epochs``, whatever the loss does."""

    def __init__(self, lr: float, max_epochs: int) -> None:
        self.lr, self._peak, self._max_epochs, self._epochs = lr, lr, max_epochs, 0

    def step(self, loss: float) -> bool:
        self._epochs += 1
        self.lr = self._peak * (1 + math.cos(math.pi * self._epochs / self._max_epochs)) / 2
        return False


class Validation:
    """The validation targets, ready to judge a model's outputs once an epoch.

    Where the data hold ``CENTRE`` and ``SPREAD``, outputs are relative: they are scaled back before they are judged.
    """

    def __init__(self, kind: Kind, data: TrainingData) -> None:
        self._kind, self._facts = row_kind(kind), data.facts
        self.target = tensor_view(data.arrays["y_val"]).reshape(-1)
        self._relative = [tensor_view(data.arrays[name])[:, None] for name in (CENTRE, SPREAD) if name in data.arrays]

    def loss(self, outputs: Tensor) -> float:
        """Return the loss of outputs (n, n_outputs)."""
        return float(self._kind.loss(self._absolute(outputs.double()), self.target))

    def judge(self, outputs: Tensor) -> tuple[float, dict[str, float]]:
        """Return the loss of outputs (n, n_outputs) and the metrics; none when the loss is not finite."""
        loss = self.loss(outputs)
        if not math.isfinite(loss):
            return loss, {}
        scores = self._kind.metrics(self._absolute(outputs).numpy(), self.target.numpy(), self._facts)
        return loss, {f"val_{name}": value for name, value in scores.items()}

    def _absolute(self, outputs: Tensor) -> Tensor:
        if not self._relative:
            return outputs
        centre, spread = self._relative
        return outputs * spread + centre


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
    trainer: Trainer, validation: Validation, schedule: Schedule, *, max_epochs: int
) -> Iterator[EpochReport]:
    """Train and yield a report an epoch until ``max_epochs``, the schedule's end, or a loss that is not finite."""
    for epoch in range(1, max_epochs + 1):
        used = schedule.lr
        train_loss = trainer.train_epoch(used)
        val_loss, metrics = validation.judge(trainer.validate())
        yield EpochReport(epoch, val_loss, {"train_loss": train_loss, "lr": used, **metrics}, weights=trainer.weights())
        if not math.isfinite(val_loss) or schedule.step(val_loss):
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
    schedule = Plateau(float(config["lr"]), patience)
    return run_epochs(trainer, Validation(kind, data), schedule, max_epochs=max_epochs)


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
    schedule = HalfCosine(float(config["lr"]), max_epochs)
    return run_epochs(trainer, Validation(kind, data), schedule, max_epochs=max_epochs)


class AutogradTrainer:
    """Any module with fused AdamW; global random numbers (``nn.Dropout``) come from the trial's own stream.

    Args as of ``fit_tensors``, and:
        inputs: Name of the arrays of inputs before ``_train`` and ``_val``.
        parts: Of the model, each with its share of the learning rate; the whole model with all of it when empty.
    """

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
        inputs: str = "x",
        parts: Sequence[tuple[nn.Module, float]] = (),
    ) -> None:
        self._rows_at_once = rows_at_once
        self._model = model.to(device)
        self._network = compiled(self._model)
        self._kind, self._device, self._augment = row_kind(kind), torch.device(device), augment
        self._train = Batches(data, int(config["batch_size"]), seed, device, inputs)
        self._x_val = aligned(on_device(data, f"{inputs}_val", device))
        self._noise = RandomState(stream_seed(seed, "noise"), self._device)
        self._augment_from = torch.Generator(device).manual_seed(stream_seed(seed, "augment"))
        weight_decay = float(config.get("weight_decay", 0.0))
        trained = [(list(part.parameters()), share) for part, share in parts or [(model, 1.0)]]
        self._optimizer = FusedAdamW([ParameterGroup(those, weight_decay, share) for those, share in trained])

    @property
    def steps(self) -> int:
        """Number of batches of an epoch."""
        return math.ceil(self._train.rows / self._train.size)

    def train_epoch(self, lr: float) -> float:
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
                self._optimizer.step(lr)
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
