"""The space of series for tables of lags of some thousand rows and fewer: the same, with smaller batches."""

from __future__ import annotations

from functools import partial

from search_spaces.series import suggest_series
from search_spaces.space import SearchSpace

space = SearchSpace(
    "series_small",
    partial(suggest_series, batch_sizes=(16, 32, 64, 128), window_batch_sizes=(8, 16, 32, 64)),
    branch="family",
)
