"""Cells that mean "no value": words such as NA and -, and numbers such as -999 far from all others."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

# In a column of numbers or dates. Among categories and labels such a word may be a value of its own.
WORDS = frozenset(
    [
        *("", "-", "--", "---", ".", "..", "...", "…", "?", "*", "#", "x", "na", "n/a", "n.a.", "n.a", "#n/a", "<na>"),
        *("nan", "nat", "null", "none", "nil", "missing", "unknown", "undefined", "tbd", "#value!", "#div/0!", "#ref!"),
        *("not available", "not applicable", "no data", "nodata", "없음", "결측", "결측치", "미상", "미정", "불명"),
        *("해당없음", "해당 없음", "무응답", "자료없음", "자료 없음", "미측정", "측정불가", "통신장애", "통신 장애"),
        *("통신이상", "장비점검", "점검중", "교정중", "가동중지"),
    ]
)
NO_LABEL = frozenset(["", "?", "nan", "<na>", "nat", "#n/a"])  # what programs write for an empty cell: no class
MIN_CELLS, MIN_SHARE = 3, 0.002  # of a number before it may mean a missing cell
MIN_GAP = 0.5  # from it to the nearest other number, in ranges of the others
_BELOW = frozenset([-1, -9, -99, -100, -200, -300, -500, -777, -888, -999, -1000, -7777, -8888, -9999, -99999, -999999])
_ABOVE = frozenset([99, 888, 999, 7777, 8888, 9999, 88888, 99999, 999999, 9999999, 99999999, 999999999])
_FRACTIONS = frozenset([-9.9, -99.9, -99.99, -999.9, -999.99, 99.9, 99.99, 999.9, 999.99, 9999.9, -9999.9])


def is_word(cells: pd.Series) -> pd.Series:
    """Return whether each cell of text is a word for a missing value, in any case."""
    return cells.astype(object).astype(str).str.strip().str.lower().isin(WORDS)


def infer_codes(columns: Mapping[str, pd.Series]) -> dict[str, float]:
    """Return the numbers that mean a missing cell, by column.

    Such a number has only nines (or is a round negative one), is repeated, and lies far from all others of its column.
    One that a column shows is looked for in the others with less distance, where it is the only negative number.

    Args:
        columns: float64 values by name.
    """
    found = {name: code for name, values in columns.items() if (code := _code_of(values)) is not None}
    shared = {code for code in found.values() if code < 0}
    for name, values in columns.items():
        negative = set(values[values < 0].unique().tolist())
        if name not in found and len(negative) == 1 and negative <= shared and _is_frequent(values, min(negative)):
            found[name] = min(negative)
    return found


def drop_codes(values: pd.Series, codes: Collection[float]) -> pd.Series:
    """Return numbers with those that mean a missing cell replaced by NaN."""
    return values.mask(values.isin(list(codes))) if codes else values


def _code_of(values: pd.Series) -> float | None:
    numbers = values.dropna()
    if numbers.nunique() < 3:
        return None
    for candidate, sign in ((float(numbers.min()), -1), (float(numbers.max()), 1)):
        known = candidate in _FRACTIONS or candidate in (_BELOW if sign < 0 else _ABOVE)
        if not known or not _is_frequent(numbers, candidate):
            continue
        others = numbers[numbers != candidate]
        gap = float((others - candidate).abs().min())
        if gap > MIN_GAP * max(float(others.max() - others.min()), np.finfo(float).tiny) and gap > 1:
            return candidate
    return None


def _is_frequent(values: pd.Series, code: float) -> bool:
    count = int((values == code).sum())
    return MIN_CELLS <= count < len(values) and count >= MIN_SHARE * len(values)
