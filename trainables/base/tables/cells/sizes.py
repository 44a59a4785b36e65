"""Numbers that are too large to compute with."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from search_spaces.errors import UserError

MAX_SIZE = 1e30  # of a number: the squares of larger ones have no place in a float32


def check_sizes(numbers: Mapping[str, pd.Series]) -> None:
    """Raise ``UserError`` for numbers, by column, that no model computes with."""
    for name, values in numbers.items():
        size = values.abs().max()
        if size > MAX_SIZE:
            raise UserError(
                f"The column '{name}' holds numbers as large as {size:.0e}, but at most {MAX_SIZE:.0e} can be learned. "
                "Write it in a larger unit, or remove these rows."
            )
