"""Columns that a DataFrame has in its index."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def with_index_levels(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a DataFrame in which each level of the index that has a name, and no column of it, is a column as well."""
    levels = {
        str(name): frame.index.get_level_values(i)
        for i, name in enumerate(frame.index.names)
        if name is not None and name not in frame.columns
    }
    return frame.assign(**levels) if levels else frame
