"""Numbers as people write them: one notation a column, found once, by which all its cells are read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from trainables.base.tables.dates import MOSTLY, PROBED, TIME, seconds_of_day

PLAIN, POINT, COMMA, CLOCK = "plain", "decimal point", "decimal comma", "clock"

_SPACES = " \u00a0\u202f'’"  # between thousands: 1 234 567, 1'234'567
_BEFORE = r"^([-+]?)\s*[₩￦$€£¥]\s*"
_AFTER = r"\s*(?:[%₩￦$€£¥]|원)$"
_GROUPED = r"[-+]?[1-9]\d{{0,2}}(?:[{marks}]\d{{3}})+(?:{decimal}\d*)?"
_WITH_COMMA = r"[-+]?\d*(?:,\d+)?"


def infer_number_format(column: pd.Series) -> str:
    """The notation that reads the most cells.

    ``"plain"``: as pandas reads them. ``"decimal point"``: thousands marks, currency and percent signs as well
    (1,234.5; ₩1,234; 12 %). ``"decimal comma"``: the same with a comma (1.234,5). ``"clock"``: times of day (12:30),
    read as hours. Where most cells are plain or have a decimal point, a comma is taken for a thousands mark.
    """
    if not _is_text(column):
        return PLAIN
    text = pd.Series(column.dropna().unique(), dtype=object).astype(str)
    plain = _READERS[PLAIN](text)
    if plain.notna().all():
        return PLAIN
    odd = text[plain.isna()]
    text, odd = (cells.iloc[:: max(1, len(cells) // PROBED)] for cells in (text, odd))
    share = {notation: float(read(text).notna().mean()) for notation, read in _READERS.items()}
    if share[POINT] < MOSTLY:
        for notation in (COMMA, CLOCK):
            if share[notation] >= MOSTLY and share[notation] > share[POINT]:
                return notation
    return POINT if _READERS[POINT](odd).notna().any() else PLAIN


def read_numbers(column: pd.Series, notation: str = PLAIN) -> pd.Series:
    """float64 (n,), missing where a cell is no finite number. Each different text is read once.

    Args:
        column: numbers, booleans, or text.
        notation: of the text, see ``infer_number_format``.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.Series(np.nan, index=column.index)
    if pd.api.types.is_numeric_dtype(column):  # booleans too
        values = column.to_numpy(np.float64, na_value=np.nan)
        return pd.Series(np.where(np.isfinite(values), values, np.nan), index=column.index)
    codes, cells = pd.factorize(column)
    read = _READERS[notation](pd.Series(cells, dtype=object)).astype(np.float64)
    finite = read.replace([np.inf, -np.inf], np.nan).to_numpy()
    return pd.Series(np.append(finite, np.nan)[codes], index=column.index)  # code -1 is a missing cell


def _is_text(column: pd.Series) -> bool:
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column))


def _plain(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells, errors="coerce")


def _point(cells: pd.Series) -> pd.Series:
    read = _plain(cells)
    odd = read.isna()
    if not odd.any():
        return read
    bare = _without_unit(cells[odd])
    grouped = bare.str.fullmatch(_GROUPED.format(marks="," + _SPACES, decimal=r"\."))
    return read.fillna(_plain(bare.where(~grouped, bare.str.replace(rf"[,{_SPACES}]", "", regex=True))))


def _comma(cells: pd.Series) -> pd.Series:
    bare = _without_unit(cells)
    grouped = bare.str.fullmatch(_GROUPED.format(marks="." + _SPACES, decimal=","))
    bare = bare.where(~grouped, bare.str.replace(rf"[.{_SPACES}]", "", regex=True))
    known = grouped | bare.str.fullmatch(_WITH_COMMA)
    return _plain(bare.str.replace(",", ".").where(known))


def _clock(cells: pd.Series) -> pd.Series:
    parts = cells.astype(str).str.extract(rf"(?i)^\s*{TIME}\s*$")
    return seconds_of_day(parts).where(parts["hour"].notna()) / 3600


def _without_unit(cells: pd.Series) -> pd.Series:
    text = cells.astype(str).str.strip()
    return text.str.replace(_BEFORE, r"\1", regex=True).str.replace(_AFTER, "", regex=True)


_READERS: dict[str, Callable[[pd.Series], pd.Series]] = {PLAIN: _plain, POINT: _point, COMMA: _comma, CLOCK: _clock}
