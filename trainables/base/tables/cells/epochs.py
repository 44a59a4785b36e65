"""Moments as computers count them: seconds or milliseconds since 1970."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

SECONDS, MILLISECONDS = "seconds since 1970", "milliseconds since 1970"
# Orders of dates, with the unit that pandas calls them by.
EPOCHS: dict[str, Literal["s", "ms"]] = {SECONDS: "s", MILLISECONDS: "ms"}
_FIRST, _LAST = 1e9, 2.2e9  # seconds, from 2001 to 2039


def infer_epoch(numbers: pd.Series) -> str:
    """Return which of ``EPOCHS`` whole numbers may count; empty where they cannot."""
    values = numbers.dropna()
    if not len(values) or pd.api.types.is_bool_dtype(values) or not bool((values % 1 == 0).all()):
        return ""
    scales = {SECONDS: 1, MILLISECONDS: 1000}
    return next((name for name, scale in scales.items() if values.between(_FIRST * scale, _LAST * scale).all()), "")


def read_epoch(column: pd.Series, order: str) -> pd.Series:
    """Return numbers, or text of such, as UTC timestamps by one of ``EPOCHS``; missing where a cell is no number."""
    counts = pd.to_numeric(column, errors="coerce").astype(np.float64)
    return pd.to_datetime(counts, unit=EPOCHS[order], utc=True, errors="coerce")
