"""Cells that mean "no value": words such as NA and -, and numbers such as -999 far from all others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

# In a column of numbers or dates. Among categories and labels such a word may be a value of its own.
WORDS = frozenset(
    [
        *("", "-", "--", "---", ".", "..", "...", "…", "?", "*", "#", "x", "na", "n/a", "n.a.", "n.a", "#n/a", "<na>"),
        *("nan", "nat", "null", "none", "nil", "missing", "unknown", "undefined", "tbd", "#value!", "#div/0!", "#ref!"),
        *("not available", "not applicable", "no data", "nodata", "없음", "결측", "결측치", "미상", "미정", "불명"),
        *("해당없음", "해당 없음", "무응답", "자료없음", "자료 없음", "미측정", "측정불가", "통신장애", "통신 장애"),
        *("(null)", "<null>", "[null]", "\\n", "(blank)", "(없음)", "#null!", "#num!", "#name?", "-nan", "-nan(ind)"),
        "n.d.",
        *("통신이상", "장비점검", "점검중", "교정중", "가동중지"),
    ]
)
NO_LABEL = frozenset(["", "?", "nan", "<na>", "nat", "#n/a"])  # what programs write for an empty cell: no class
MIN_CELLS, MIN_SHARE = 3, 0.002  # of a number before it may mean a missing cell
MIN_GAP = 0.5  # from it to the nearest other number, in ranges of the others
MIN_OTHERS, MAX_ZEROS = 10, 0.5  # different numbers beside a 0 that may mean a missing cell, and the share of zeros
FAR_STEPS, FAR_SHARE = 5, 0.1  # of the others' usual distance and range, from which a 0 is far below them
# Beside numbers of nothing but nines, eights or sevens: round negative ones, and the ends of the types of files.
_ROUND = frozenset([-1, -100, -200, -300, -500, -1000, -10000])
_ENDS = frozenset([-32768, 32767, 65535, -2147483648, 2147483647, 1e20, 1e30, -1e30])
_ALONE = frozenset([-1, -9, -99])  # may mean a missing cell where they are the only negative number


def is_word(cells: pd.Series) -> pd.Series:
    """Return whether each cell of text is a word for a missing value, in any case."""
    return cells.astype(object).astype(str).str.strip().str.lower().isin(WORDS)


def infer_codes(columns: Mapping[str, pd.Series]) -> dict[str, tuple[float, ...]]:
    """Return the numbers that mean a missing cell, by column, where there are such.

    Such a number has only nines (or is a round negative one), is repeated, and lies far from all others of its column.
    One that a column shows is looked for in the others with less distance, where it is the only negative number.

    Args:
        columns: float64 values by name.
    """
    found = {name: codes for name, values in columns.items() if (codes := _codes_of(values))}
    shared = {code for codes in found.values() for code in codes if code < 0}
    for name, values in columns.items():
        negative = set(values[values < 0].unique().tolist())
        if name not in found and len(negative) == 1 and negative <= shared and _is_frequent(values, min(negative)):
            found[name] = (min(negative),)
    return found


def doubtful_code(values: pd.Series) -> float | None:
    """Return a number that may mean a missing cell, but may be one, too; else None.

    It is -1, -9 or -99 where it is the only negative number and more frequent than any other, or 0 where it is far
    below all others, as a blood pressure of 0 is.
    """
    numbers = values.dropna()
    if _is_zero_far(numbers):
        return 0.0
    negative = numbers[numbers < 0].unique()
    if len(negative) != 1 or float(negative[0]) not in _ALONE or numbers.nunique() <= MIN_CELLS:
        return None
    code = float(negative[0])
    return code if _is_frequent(numbers, code) and numbers.value_counts().index[0] == code else None


def _is_zero_far(numbers: pd.Series) -> bool:
    """Return whether 0 is repeated, no number is below, and the next one many times as far as others are apart."""
    others = np.sort(numbers[numbers != 0].unique())
    share = float((numbers == 0).mean()) if len(numbers) else 0.0
    if len(others) < MIN_OTHERS or others[0] <= 0 or not MIN_SHARE <= share <= MAX_ZEROS:
        return False
    low, high = np.quantile(others, [0.05, 0.95])
    apart = others[0] > FAR_STEPS * float(np.median(np.diff(others))) and others[0] > FAR_SHARE * float(high - low)
    return apart and int((numbers == 0).sum()) >= MIN_CELLS


def code_text(code: float) -> str:
    """Return a number as people write it in a cell: ``-999``, ``99.9``."""
    return np.format_float_positional(code, trim="-")


def given_codes(given: str | Sequence[str] | None) -> list[str] | None:
    """Return the cells that a user says mean "no value", as text; None to find them, empty when there are none.

    Args:
        given: a list, or texts separated by commas; ``"none"`` for none.
    """
    if given is None:
        return None
    texts = [given] if not isinstance(given, list | tuple) else given
    parts = [part.strip() for text in texts for part in str(text).split(",") if part.strip()]
    return [] if parts == ["none"] else parts


def drop_codes(values: pd.Series, codes: Collection[float]) -> pd.Series:
    """Return numbers with those that mean a missing cell replaced by NaN."""
    return values.mask(values.isin(list(codes))) if codes else values


def _codes_of(values: pd.Series) -> tuple[float, ...]:
    numbers = values.dropna()
    counts = numbers.value_counts()
    frequent = counts[counts >= max(MIN_CELLS, MIN_SHARE * len(numbers))].index
    candidates = [float(number) for number in frequent if _is_code(float(number))]
    others = numbers[~numbers.isin(candidates)]
    if not candidates or others.nunique() < 2:
        return ()
    low, high = float(others.min()), float(others.max())
    least = max(MIN_GAP * (high - low), 1.0)
    return tuple(sorted(code for code in candidates if max(low - code, code - high) > least))


def _is_code(number: float) -> bool:
    """Return whether a number is one of those that people and programs write for a missing cell."""
    if number in _ROUND or number in _ENDS:
        return True
    digits = set(code_text(abs(number)).replace(".", ""))
    length = len(code_text(abs(number)).replace(".", ""))
    fewest = 1 if number < 0 and digits == {"9"} else 2 if digits == {"9"} else 3
    whole = number.is_integer()
    return (digits == {"9"} and length >= fewest + (not whole)) or (digits in ({"8"}, {"7"}) and whole and length >= 3)


def _is_frequent(values: pd.Series, code: float) -> bool:
    count = int((values == code).sum())
    return MIN_CELLS <= count < len(values) and count >= MIN_SHARE * len(values)
