"""Numbers as people write them: one notation per column, found once, by which all its cells are read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from trainables.base.tables.cells.dates import MOSTLY, PROBED, TIME, seconds_of_day
from trainables.base.tables.cells.missing import is_word
from trainables.base.tables.cells.units import (
    CURRENCY,
    KOREAN_UNIT,
    factors,
    leaves_out_man,
    read_korean,
    usual_unit,
)

PLAIN, POINT, COMMA, CLOCK = "plain", "decimal point", "decimal comma", "clock"
KOREAN, KOREAN_MAN = "Korean units", "Korean units, 만 left out"
UNIT = "; unit "  # between a notation and the unit of its column

MAX_CELL = 40  # characters; a longer text is not a number

_SPACES = " '’"  # between thousands: 1 234 567, 1'234'567
_SAME = str.maketrans(
    "０１２３４５６７８９．，％＋－−﹣‐‑–△\u00a0\u202f\u2009\u2007\u3000",
    "0123456789.,%+-−---−-     ".replace("−", "-"),
)
_ABOUT = r"(?:(?:약|대략|총|about|approx\.?|ca\.?|[~≈])\s*)?"
_CELL = (
    rf"(?P<open>\()?{_ABOUT}(?P<sign>[-+]?)\s*(?:{CURRENCY})?\s*(?P<inner>[-+]?)\s*"
    rf"(?P<number>[.,]?\d(?:[\d.,{_SPACES}]*\d)?[.,]?)(?P<power>[eE][-+]?\d+)?\s*(?P<suffix>[^\d\s()][^\d()]*?)?\s*"
    r"(?P<close>\))?"
)
_GROUPED = r"[1-9]\d{{0,2}}(?:[{marks}]\d{{3}})+(?:{decimal}\d*)?"
_INDIAN = r"|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d*)?"  # 12,34,567
_WITH_COMMA = r"\d*(?:,\d+)?"
_DURATION = (  # 1시간 30분, 2h 5m
    r"(?i)^(?=\d)(?:(?P<days>\d+)\s*(?:일|d|days?))?\s*(?:(?P<hours>\d+(?:\.\d+)?)\s*(?:시간|h|hrs?|hours?))?\s*"
    r"(?:(?P<minutes>\d+)\s*(?:분|m|mins?|minutes?))?\s*(?:(?P<seconds>\d+(?:\.\d+)?)\s*(?:초|s|secs?|seconds?))?$"
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def infer_number_format(column: pd.Series) -> str:
    """Return the notation that reads the most cells.

    ``"plain"``: as pandas reads them. ``"decimal point"``: thousands marks, currencies and percent signs as well
    (1,234.5; ₩1,234; USD 12; 12 %). ``"decimal comma"``: the same with a comma (1.234,5). ``"clock"``: times of day
    (12:30) and durations (1시간 30분, 2h 5m), read as hours. ``"Korean units"``: 4억 5,000, 1,234만원. Where most cells
    are plain or have a decimal point, a comma is a thousands mark. A unit of the column is named after the notation:
    ``"decimal point; unit kg"``.
    """
    if not _is_text(column):
        return PLAIN
    text = pd.Series(column.dropna().unique(), dtype=object).astype(str)
    text = text[~is_word(text)]
    plain = _plain(text)
    if plain.notna().all():
        return PLAIN
    odd = text[plain.isna()]
    text, odd = (cells.iloc[:: max(1, len(cells) // PROBED)] for cells in (text, odd))
    is_korean = bool(odd.str.contains(KOREAN_UNIT).any())
    if not is_korean and not odd.str.contains(r"\d").any():  # words, as in most columns of text
        return PLAIN
    if is_korean:
        notation = KOREAN_MAN if leaves_out_man(odd) else KOREAN
        if _share(text, notation) >= MOSTLY:
            return notation
    unit = usual_unit(_split(odd)["suffix"].dropna())
    endings = ["", f"{UNIT}{unit}"] if unit else [""]
    points = (POINT + ending for ending in endings)
    point = next((notation for notation in points if _share(text, notation) >= MOSTLY), None)
    if point is None:
        for notation in (*(COMMA + ending for ending in endings), CLOCK):
            if _share(text, notation) >= MOSTLY:
                return notation
        point = POINT
    return point if read_cells(odd, point).notna().any() else PLAIN


def read_numbers(column: pd.Series, notation: str = PLAIN) -> pd.Series:
    """float64 (n,), missing where a cell is not a finite number. Each different text is read once.

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
    read = read_cells(pd.Series(cells, dtype=object), notation).astype(np.float64)
    finite = read.replace([np.inf, -np.inf], np.nan).to_numpy()
    return pd.Series(np.append(finite, np.nan)[codes], index=column.index)  # code -1 is a missing cell


def read_cells(cells: pd.Series, notation: str) -> pd.Series:
    """Return the numbers in cells of text by a notation, missing where there is none."""
    name, _, unit = notation.partition(UNIT)
    return _READERS[name](cells, unit)


def unit_of(notation: str) -> str:
    """Return the unit that a notation names, or nothing."""
    return notation.partition(UNIT)[2]


def _is_text(column: pd.Series) -> bool:
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column))


def _share(text: pd.Series, notation: str) -> float:
    return float(read_cells(text, notation).notna().mean())


def _plain(cells: pd.Series, unit: str = "") -> pd.Series:
    return pd.to_numeric(cells, errors="coerce")


def _point(cells: pd.Series, unit: str) -> pd.Series:
    read = _plain(cells)
    odd = read.isna()
    if not odd.any():
        return read
    parts = _split(cells[odd])
    grouped = parts["number"].str.fullmatch(_GROUPED.format(marks="," + _SPACES, decimal=r"\.") + _INDIAN)
    bare = parts["number"].str.replace(rf"[,{_SPACES}]", "", regex=True)
    return read.fillna(_value(parts, parts["number"].where(~grouped.fillna(False).astype(bool), bare), unit))


def _comma(cells: pd.Series, unit: str) -> pd.Series:
    parts = _split(cells)
    number = parts["number"]
    grouped = number.str.fullmatch(_GROUPED.format(marks="." + _SPACES, decimal=",")).fillna(False).astype(bool)
    number = number.where(~grouped, number.str.replace(rf"[.{_SPACES}]", "", regex=True))
    known = grouped | number.str.fullmatch(_WITH_COMMA).fillna(False).astype(bool)
    return _value(parts, number.where(known).str.replace(",", "."), unit)


def _clock(cells: pd.Series, unit: str = "") -> pd.Series:
    parts = _same_signs(cells).str.extract(rf"(?i)^\s*{TIME}\s*$")
    times = seconds_of_day(parts).where(parts["hour"].notna())
    return times.fillna(_durations(cells)) / 3600


def _durations(cells: pd.Series) -> pd.Series:
    """Return seconds; missing where a cell is not a duration."""
    parts = _same_signs(cells).str.extract(_DURATION).astype(np.float64)
    seconds = parts.fillna(0.0).mul(pd.Series(_SECONDS)).sum(axis=1)
    return seconds.where(parts.notna().any(axis=1))


def _korean(cells: pd.Series, unit: str = "") -> pd.Series:
    return _same_signs(cells).map(read_korean).astype(np.float64)


def _korean_man(cells: pd.Series, unit: str = "") -> pd.Series:
    return _same_signs(cells).map(lambda text: read_korean(text, bare=1e4)).astype(np.float64)


def _same_signs(cells: pd.Series) -> pd.Series:
    """Return text with one minus, one blank and Western digits, stripped; empty where it is too long for a number."""
    text = cells.astype(object).astype(str)
    return text.where(text.str.len() <= MAX_CELL, "").str.translate(_SAME).str.strip()


def _split(cells: pd.Series) -> pd.DataFrame:
    """Each cell as sign, number, power of ten and suffix, as text; missing where it is none of that form."""
    parts = _same_signs(cells).str.extract(rf"^{_CELL}$").astype(object)
    whole = parts["open"].notna() == parts["close"].notna()
    parts.loc[~whole] = None
    parts["suffix"] = parts["suffix"].where(parts["suffix"].notna() | parts["number"].isna(), "")
    return parts


def _value(parts: pd.DataFrame, number: pd.Series, unit: str) -> pd.Series:
    value = _plain(number.astype(object).str.cat(parts["power"].fillna("")))
    behind = (parts["suffix"] == "-") & ~parts["number"].str.contains("[.,]$", na=False)  # 12- of SAP, not 12.-
    negative = (parts["sign"] == "-") ^ (parts["inner"] == "-") ^ parts["open"].notna() ^ behind  # (1,234) is a loss
    return value.astype(np.float64).where(~negative, -value) * factors(parts["suffix"], unit)


_READERS: dict[str, Callable[[pd.Series, str], pd.Series]] = {
    PLAIN: _plain,
    POINT: _point,
    COMMA: _comma,
    CLOCK: _clock,
    KOREAN: _korean,
    KOREAN_MAN: _korean_man,
}
