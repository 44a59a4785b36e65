"""Targets of models of tables relative to the window before them, so that trees and neighbours follow a trend.

A tree averages targets that it has seen and never leaves their range. What a model of a table learns is therefore the
difference to a naive forecast in units of the window's spread, as networks on windows do within themselves (see
``networks``); a search decides to which forecast, or to none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from trainables.base.contract.data import TrainingData, digest_arrays
from trainables.base.contract.task import Config
from trainables.base.tables.series.baselines.naive import NOTHING, RELATIVE_TO
from trainables.base.tables.series.networks import FORECASTERS, MIN_SPREAD
from trainables.base.tables.series.sequences import SequenceFacts, SeriesInputs, training_inputs
from trainables.base.training.loop import CENTRE, SPREAD


def has_relative_target(config: Mapping[str, Any]) -> bool:
    """Return whether a configuration is of a model of tables that forecasts differences to a naive forecast."""
    return config["family"] not in FORECASTERS and config.get(RELATIVE_TO, NOTHING) != NOTHING


def zero_and_unit(inputs: SeriesInputs, facts: SequenceFacts, relative_to: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the naive forecast of each row (n,) and the spread of its window (n,), on the target's scale, float32.

    Args:
        inputs: n rows.
        facts: Of their windows.
        relative_to: See ``naive_map``.
    """
    past = inputs.windows[:, 0]
    forecasts = past @ facts.start(relative_to)
    spread = np.maximum(past.std(axis=1), MIN_SPREAD)
    return forecasts[inputs.window, inputs.ahead - 1], spread[inputs.window]


def relative_data(config: Config, data: TrainingData) -> TrainingData:
    """Return the data of a series with the training target as a configuration learns it.

    Validation rows get what turns outputs back (see ``Validation``), so that all losses are of the target itself.

    Args:
        config: Of a trial; networks on windows learn the target itself.
        data: Of a series, see ``with_sequences``.
    """
    if not has_relative_target(config):
        return data
    facts, relative_to = SequenceFacts.from_facts(data.facts), str(config[RELATIVE_TO])
    zero, unit = zero_and_unit(training_inputs(data, "train"), facts, relative_to)
    target = data.arrays["y_train"]
    changed = {"y_train": ((target.reshape(-1) - zero) / unit).astype(np.float32).reshape(target.shape)}
    changed |= dict(zip((CENTRE, SPREAD), zero_and_unit(training_inputs(data, "val"), facts, relative_to), strict=True))
    digest = digest_arrays(changed, {"series": np.frombuffer(bytes.fromhex(data.digest), np.uint8)})
    return replace(data, arrays={**data.arrays, **changed}, digest=digest)


def absolute(outputs: np.ndarray, inputs: SeriesInputs, facts: SequenceFacts, config: Config) -> np.ndarray:
    """Return the outputs (n, 1) of a model of ``relative_data`` on the target's scale."""
    if not has_relative_target(config):
        return outputs
    zero, unit = zero_and_unit(inputs, facts, str(config[RELATIVE_TO]))
    return np.asarray(outputs * unit[:, None] + zero[:, None], dtype=np.float32)
