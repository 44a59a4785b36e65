"""Intervals that hold 90 % of values: split-conformal by step ahead, in units of how much the window changes.

Residuals are those of the final predictor on validation rows. Each is divided by a local scale of its window
(normalised conformal prediction: Lei et al. 2018, "Distribution-Free Predictive Inference for Regression"), and the
quantile counts independent blocks, not rows: errors of forecasts over h steps from neighbouring origins share h - 1
moments, so that n rows are worth about n / h (blocks as of Chernozhukov, Wüthrich and Zhu 2018, "Exact and Robust
Conformal Inference Methods for Predictive Machine Learning with Dependent Data").

Validation is a short and recent part, which may lack what happens now and then: a crisis, a jump. The errors of a naive
forecast on the training moments, to which it has four parameters or none, tell how large such errors are. In units
of the model's errors on validation they count too, and the wider interval of both is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from trainables.base.contract.data import RawSplit
from trainables.base.tables.series.baselines.naive import naive_forecasts
from trainables.base.tables.series.grid import Layout
from trainables.base.tables.series.rows import AHEAD
from trainables.base.tables.series.windows import WINDOW, channels, read_windows, window_length

SERIES = "series"  # fact of a model: its layout, and how wide its intervals are
COVERAGE = 0.9
MAX_RATIO = 4.0  # times that an interval may be wider, or narrower, than at the typical window


def series_fact(layout: Layout, validation: RawSplit, residuals: np.ndarray, train: RawSplit) -> Mapping[str, Any]:
    """Return the fact ``series`` of a model.

    Args:
        layout: Of the series.
        validation: n rows.
        residuals: (n,) of the model, in the target's unit.
        train: Rows before them.

    Returns:
        ``layout``; ``width``, half the width of the interval of each step ahead at a typical window; and ``typical``,
        that window's local scale.
    """
    rows = validation.inputs
    scale = local_scale(rows, layout)
    known = scale[np.isfinite(scale)]
    typical = float(np.median(known)) if len(known) else 0.0
    ahead = rows[AHEAD].to_numpy(dtype=int)
    width = interval_widths(residuals / _times(scale, typical), ahead, layout.horizon)
    past = _earlier_errors(layout, validation, residuals, train) / _times(local_scale(train.inputs, layout), typical)
    earlier = interval_widths(past, train.inputs[AHEAD].to_numpy(dtype=int), layout.horizon)
    return {"layout": layout.to_json(), "width": np.fmax(width, earlier).tolist(), "typical": typical}


def _earlier_errors(layout: Layout, validation: RawSplit, residuals: np.ndarray, train: RawSplit) -> np.ndarray:
    """Return errors of the best naive forecast on training rows (n,), in units of the model's on validation."""
    errors = {
        name: (found - train.targets, np.abs(later - validation.targets).mean())
        for (name, found), later in zip(
            naive_forecasts(train.inputs, layout).items(),
            naive_forecasts(validation.inputs, layout).values(),
            strict=True,
        )
    }
    past, now = min(errors.values(), key=lambda pair: float(np.abs(pair[0]).mean()))
    return np.asarray(past * (np.abs(residuals).mean() / now if now > 0 else 1.0), dtype=np.float64)


def half_widths(fact: Mapping[str, Any], rows: pd.DataFrame) -> np.ndarray:
    """Return half the width of the interval of each of n rows, (n,) in the target's unit.

    Args:
        fact: As ``series_fact`` made it; of an earlier version without ``typical``, widths depend on the step alone.
        rows: n rows.
    """
    width = np.asarray(fact["width"], dtype=np.float64)[rows[AHEAD].to_numpy(dtype=int) - 1]
    typical = float(fact.get("typical", 0.0))
    if typical <= 0:
        return np.asarray(width)
    return np.asarray(width * _times(local_scale(rows, Layout.from_json(fact["layout"])), typical))


def interval_widths(residuals: np.ndarray, ahead: np.ndarray, horizon: int) -> list[float]:
    """Return the 90 % quantile of absolute residuals for each step ahead, with the conformal rank.

    Of m blocks the share ⌈(m + 1) · 0.9⌉ / m of residuals is inside, and all of them where m is below 9. A step without
    residuals takes those of all steps.

    Args:
        residuals: (n,).
        ahead: (n,) steps ahead of each.
        horizon: Number of steps.
    """
    size, steps = np.abs(residuals), range(1, horizon + 1)
    return [_quantile(size[ahead == step] if (ahead == step).any() else size, step) for step in steps]


def local_scale(rows: pd.DataFrame, layout: Layout) -> np.ndarray:
    """Return the mean absolute change over a season within the window of each row, (n,) in the target's unit.

    It is the scale of MASE, of the window alone; of single steps where a window holds no season. It is NaN where a past
    shorter than a season fills the window, with its first value before it: such a window changes too little.
    """
    windows, window = read_windows(rows[WINDOW], len(channels(layout)), window_length(layout))
    past = windows[:, 0].astype(np.float64)
    season = layout.season if layout.season < past.shape[1] else 1
    scale = np.abs(past[:, season:] - past[:, :-season]).mean(axis=1)
    first = np.cumprod(past == past[:, :1], axis=1).sum(axis=1)  # steps with the first value, from the beginning
    return np.asarray(np.where(past.shape[1] - first < season, np.nan, scale)[window])


def _times(scale: np.ndarray, typical: float) -> np.ndarray:
    """Return how many times as wide as the typical interval those of local scales (n,) are.

    It is the root of the ratio, half way on a logarithmic axis: a window's own scale is an estimate from few values.
    """
    if typical <= 0:
        return np.ones_like(scale)
    return np.where(np.isfinite(scale), np.clip(np.sqrt(scale / typical), 1 / MAX_RATIO, MAX_RATIO), 1.0)


def _quantile(size: np.ndarray, step: int) -> float:
    if not len(size):
        return float("nan")
    blocks = max(1.0, len(size) / step)
    share = min(1.0, np.ceil((blocks + 1) * COVERAGE) / blocks)
    return float(np.sort(size)[int(np.ceil(share * len(size) - 1e-9)) - 1])
