"""How good forecasts are beside the seasonal naive one: MASE, and the share of targets inside their intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from trainables.base.contract.data import RawSplit
from trainables.base.tables.series.grid import Layout
from trainables.base.tables.series.rows import AHEAD, ONE_SEASON

SCALES = "naive_errors"  # fact of the data of a series: the scale of MASE by group


def naive_errors(train: RawSplit, layout: Layout) -> dict[str, float]:
    """Return the mean absolute error of the seasonal naive forecast on the training moments, by group.

    This is the scale of MASE (Hyndman and Koehler 2006, "Another look at measures of forecast accuracy").

    Args:
        train: The training rows.
        layout: Of the series.
    """
    frame = train.inputs
    if ONE_SEASON not in frame:
        return {}
    errors = pd.Series(np.abs(np.asarray(train.targets, np.float64) - frame[ONE_SEASON].to_numpy(np.float64)))
    once = (frame[AHEAD] == 1).to_numpy()  # each moment is the target of as many rows as the horizon has steps
    means = errors[once].groupby(layout.groups(frame)[once]).mean()
    return {str(group): float(mean) for group, mean in means.items() if mean > 0}


def mase(split: RawSplit, predicted: np.ndarray, layout: Layout, scales: Mapping[str, float]) -> dict[str, float]:
    """Return ``mase``, the mean absolute error in units of its series' scale; nothing where no series has one.

    Args:
        split: n rows.
        predicted: (n,) forecasts in the target's unit.
        layout: Of the series.
        scales: As ``naive_errors`` gives them.
    """
    scale = pd.Series(layout.groups(split.inputs)).map(dict(scales)).to_numpy(np.float64)
    scaled = np.abs(np.asarray(split.targets, np.float64) - predicted) / scale
    return {"mase": float(np.nanmean(scaled))} if np.isfinite(scaled).any() else {}


def coverage(targets: np.ndarray, predicted: np.ndarray, widths: np.ndarray) -> float:
    """Return the share of targets (n,) inside their intervals, whose half widths are (n,)."""
    return float(np.mean(np.abs(targets - predicted) <= widths))
