"""Training of models of sequences, and what they forecast for rows: each window is read once for all its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config
from trainables.base.tables.series.networks import Forecaster, build_forecaster
from trainables.base.tables.series.sequences import SequenceFacts, SeriesInputs, training_inputs
from trainables.base.training.compute import compiled
from trainables.base.training.randomness import RandomState, seeded, stream_seed
from trainables.base.training.tensors import on_device
from trainables.base.training.torch_internals import FusedAdamW, ParameterGroup

CLIP = 1.0  # largest norm of a gradient
AT_ONCE = 1024  # windows of a forward pass without gradients


@dataclass(frozen=True)
class Slots:
    """Rows arranged by window, so that a network reads a window once and forecasts all steps.

    Attributes:
        window: (slots,) position of the window of each slot.
        slot: (n,) slot of each row.
        step: (n,) place of each row's step in the horizon, from 0.
        future: (slots, horizon, n_future) float32 what is known of the moments; 0 where there is no row.
    """

    window: np.ndarray
    slot: np.ndarray
    step: np.ndarray
    future: np.ndarray

    @classmethod
    def from_rows(cls, inputs: SeriesInputs, horizon: int) -> Slots:
        """Arrange n rows; rows with the same window and step, as constant series have them, get slots of their own."""
        step = inputs.ahead.astype(np.int64) - 1
        pair = pd.Series(inputs.window.astype(np.int64) * horizon + step)
        copy = pair.groupby(pair).cumcount().to_numpy()
        key = inputs.window.astype(np.int64) * (int(copy.max(initial=0)) + 1) + copy
        _, first, slot = np.unique(key, return_index=True, return_inverse=True)
        future = np.zeros((len(first), horizon, inputs.future.shape[1]), dtype=np.float32)
        future[slot, step] = inputs.future
        return cls(inputs.window[first].astype(np.int64), slot, step, future)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Return the targets of the rows as (slots, horizon), NaN where there is no row."""
        found = np.full(self.future.shape[:2], np.nan, dtype=np.float32)
        found[self.slot, self.step] = y
        return found


def forecast_rows(network: torch.nn.Module, windows: Tensor, slots: Slots) -> Tensor:
    """Return a network's forecasts for rows, (n, 1) float32 on the CPU.

    Args:
        network: In evaluation mode.
        windows: (windows, channels, length) on the network's device.
        slots: The rows.
    """
    if not len(slots.slot):
        return torch.zeros(0, 1)
    future = torch.from_numpy(slots.future).to(windows.device)
    found = [
        network(windows[position.to(windows.device)], part).float().cpu()
        for position, part in zip(
            torch.split(torch.from_numpy(slots.window), AT_ONCE), torch.split(future, AT_ONCE), strict=True
        )
    ]
    return torch.cat(found)[slots.slot, slots.step][:, None]


class ForecastTrainer:
    """A ``Forecaster`` with fused AdamW on batches of windows; the loss is the mean squared error over their rows.

    Args:
        config: ``lr``, ``weight_decay``, ``batch_size`` (windows) and what ``build_forecaster`` reads.
        data: Of a series, see ``with_sequences``.
        seed: Of initial weights, order and dropout.
        device: Of torch.
    """

    def __init__(self, config: Config, data: TrainingData, seed: int, *, device: str) -> None:
        horizon = SequenceFacts.from_facts(data.facts).horizon
        with seeded(seed):
            self._model: Forecaster = build_forecaster(config, data.facts)
        self._model.to(device)
        self._network, self._device = compiled(self._model), torch.device(device)
        train = Slots.from_rows(training_inputs(data, "train"), horizon)
        self._validation = Slots.from_rows(training_inputs(data, "val"), horizon)
        self._windows = on_device(data, "windows", device)
        targets = train.targets(data.arrays["y_train"].reshape(-1))
        self._position, self._future, self._target = (
            torch.from_numpy(array).to(device) for array in (train.window, train.future, targets)
        )
        self._batch = min(int(config["batch_size"]), len(train.window))
        self._order = torch.Generator().manual_seed(stream_seed(seed, "order"))
        self._noise = RandomState(stream_seed(seed, "noise"), self._device)
        trained = ParameterGroup(list(self._model.parameters()), float(config["weight_decay"]))
        self._optimizer = FusedAdamW([trained])

    def train_epoch(self, lr: float) -> float:
        total, rows = torch.zeros((), device=self._device), 0
        self._model.train()
        with self._noise:
            for chosen in self._batches():
                target = self._target[chosen]
                there = ~target.isnan()
                error = self._network(self._windows[self._position[chosen]], self._future[chosen]).float() - target
                loss = error[there].square().mean()
                self._optimizer.zero_grad()
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(self._model.parameters(), CLIP, foreach=True)
                self._optimizer.step(lr)
                count = int(there.sum())
                total, rows = total + loss.detach() * count, rows + count
        return float(total) / rows

    @torch.inference_mode()
    def validate(self) -> Tensor:
        self._model.eval()
        return forecast_rows(self._network, self._windows, self._validation)

    def weights(self) -> Mapping[str, Tensor]:
        return self._model.state_dict()

    def _batches(self) -> Iterator[Tensor]:
        order = torch.randperm(len(self._position), generator=self._order).to(self._device)
        yield from torch.split(order, self._batch)
