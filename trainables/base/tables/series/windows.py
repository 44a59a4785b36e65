"""Windows of the past, as rows carry them: what models of sequences read beside the columns that all models read.

A window is base64 text of float64 numbers (channels, length), so that a row is whole by itself, survives JSON, and
costs memory once: rows of one origin share the text. Missing values are filled with the last one before.
"""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.tables.series.grid import Layout, OneSeries

WINDOW = "window of the past"
MIN_WINDOW, MAX_WINDOW, SEASONS = 16, 128, 4  # steps; a window has this many seasons where they fit
NUMBERS = "<f8"  # a level may be large beside its changes


def window_length(layout: Layout) -> int:
    """Return the steps of a window: a horizon, and four seasons where they fit."""
    return min(MAX_WINDOW, max(MIN_WINDOW, SEASONS * layout.season, layout.horizon))


def channels(layout: Layout) -> tuple[str, ...]:
    """Return the columns of a window, the target first."""
    return (layout.target, *layout.known, *layout.past)


def windows_of(series: OneSeries, layout: Layout, origins: np.ndarray) -> np.ndarray:
    """Return the window that ends at each origin, (n,) text.

    Args:
        series: One series.
        layout: Its columns.
        origins: (n,) places on the grid.
    """
    length = window_length(layout)
    different, position = np.unique(origins, return_inverse=True)
    columns = [series.values, *(series.others[name] for name in channels(layout)[1:])]
    filled = np.stack([_filled(column) for column in columns])
    padded = np.concatenate([np.repeat(filled[:, :1], length - 1, axis=1), filled], axis=1)
    found = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)[:, different].transpose(1, 0, 2)
    texts = np.empty(len(different), dtype=object)
    texts[:] = [_written(window) for window in found]
    return np.asarray(texts[position])


def read_windows(column: pd.Series, channels: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Decode windows.

    Args:
        column: (n,) text, as ``windows_of`` writes it.
        channels: Of a window.
        length: Of a window.

    Returns:
        The different windows (windows, channels, length) float64, and the position of each row's (n,) int32.

    Raises:
        UserError: A cell holds no such window.
    """
    codes, texts = pd.factorize(column)
    try:
        content = b"".join(base64.b64decode(text, validate=True) for text in texts)
        windows = np.frombuffer(content, NUMBERS).reshape(len(texts), channels, length)
        if (codes < 0).any() or not np.isfinite(windows).all():
            raise ValueError("a cell is empty or no number")
    except (ValueError, TypeError) as error:
        raise UserError(
            f"A cell of the column '{WINDOW}' is not a window of {channels} x {length} numbers. `tunelab predict` "
            "makes these columns from a table of series."
        ) from error
    return windows, codes.astype(np.int32)


def empty_window(channels: int, length: int) -> str:
    """Return a window of zeros."""
    return _written(np.zeros((channels, length)))


def _written(window: np.ndarray) -> str:
    return base64.b64encode(window.astype(NUMBERS).tobytes()).decode("ascii")


def _filled(values: np.ndarray) -> np.ndarray:
    """Return values with missing ones filled forward, those before the first with the first, and 0 without any."""
    filled = pd.Series(values).ffill().bfill().fillna(0.0)
    return filled.to_numpy(dtype=np.float64)
