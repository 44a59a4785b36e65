"""Models of sequences for series: DLinear, LSTM, temporal convolutions, PatchTST (see ``series.networks``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.tables.families.family import Family, TableModel
from trainables.base.tables.inputs import TableInputs
from trainables.base.tables.series.forecasting import ForecastTrainer, Slots, forecast_rows
from trainables.base.tables.series.networks import build_forecaster
from trainables.base.tables.series.sequences import SequenceFacts, SeriesInputs
from trainables.base.training.loop import Plateau, Validation, patience_epochs, run_epochs
from trainables.base.training.restoring import restore


class SequenceModel:
    """A trained network on windows.

    Args:
        config: Of the trial.
        facts: Of the data, the fact ``sequence`` among them.
        weights: Of a report.
    """

    def __init__(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        self.horizon = SequenceFacts.from_facts(facts).horizon
        self.network = restore(partial(build_forecaster, config, facts), config, weights, computed=True)

    def outputs(self, inputs: TableInputs) -> np.ndarray:
        assert isinstance(inputs, SeriesInputs)
        with torch.inference_mode():
            windows = torch.from_numpy(inputs.windows)
            return forecast_rows(self.network, windows, Slots.from_rows(inputs, self.horizon)).numpy()


class Sequence(Family):
    """A network on windows.

    Configuration: ``window`` and ``relative_to`` (see ``Reading``), ``lr``, ``weight_decay``, ``batch_size`` (of
    windows), and what ``build_forecaster`` reads of the family.
    """

    name: ClassVar[str] = "sequence"

    def fit(
        self, config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
    ) -> Iterator[EpochReport]:
        trainer = ForecastTrainer(config, data, seed, device=device)
        windows = len(np.unique(data.arrays["window_train"]))
        patience = patience_epochs(windows, int(config["batch_size"]))
        schedule = Plateau(float(config["lr"]), patience)
        return run_epochs(trainer, Validation(kind, data), schedule, max_epochs=max_epochs)

    def model(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TableModel:
        return SequenceModel(config, facts, weights)


class DLinear(Sequence):
    """Also ``smoothing``."""

    name: ClassVar[str] = "dlinear"


class LSTM(Sequence):
    """Also ``width``, ``n_layers``, ``dropout``."""

    name: ClassVar[str] = "lstm"


class TCN(Sequence):
    """Also ``width``, ``blocks``, ``dropout``."""

    name: ClassVar[str] = "tcn"


class PatchTST(Sequence):
    """Also ``patch``, ``width``, ``heads``, ``n_layers``, ``dropout``."""

    name: ClassVar[str] = "patchtst"
