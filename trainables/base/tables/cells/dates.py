"""Dates as people write them: one order of year, month and day per column, found once, by which all its cells are read.

Without a year there is no date: "1-3", "May 1" and "12:30" are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trainables.base.tables.cells.epochs import EPOCHS, read_epoch

YEARS = (1678, 2261)  # that nanoseconds since 1970 can hold; "9999-12-31" means that there is no date
NO_DATE = r"\s*(?:9999|0000|0001)\D.*"  # what databases write for no date
EPOCH = pd.Timestamp(0, tz="UTC")
YEAR_FIRST, DAY_FIRST, MONTH_FIRST = "year first", "day first", "month first"
YEAR_MONTH = "year.month"  # 2000.10 is October 2000, also where the file was read as numbers
MONTH_YEAR = "month and year"  # Jan-07
SHORT_COMPACT = "yymmdd"  # 70131 is 31 January 2007, as the zero in front gets lost
MOSTLY = 0.95  # share of readable cells from which text is dates, or numbers
PROBED = 2000  # cells that tell how a column is written
MIN_IN_ORDER = 12  # cells that are in order by one order of their parts alone, which is then hardly chance
MAX_CELL = 60  # characters; a longer text is not a date
CENTURY = 69  # two-digit years from here on are of the 20th century, as POSIX has it

TIME = (
    r"(?P<before>오전|오후)?\s*(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<half>[ap]m)?"
)
_ZONE = r"\s*(?:Z|UTC|GMT|(?P<zone>[+-]\d{2}:?\d{2}))?"
_YEAR, _MONTH, _DAY = r"(?P<year>\d{4})", r"(?P<month>\d{1,2}|[a-z]{3,9}\.?)", r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_SHORT, _NUMBER = r"['’]?(?P<year>\d{2})", r"(?P<month>\d{1,2})"  # two-digit years need a day
_WORD = r"(?P<month>[a-z]{3,9})\.?"
_LONG_YEAR = {
    DAY_FIRST: rf"{_DAY}\s*[-/. ]\s*{_MONTH}\s*[-/., ]\s*{_YEAR}",
    MONTH_FIRST: rf"{_MONTH}\s*[-/. ]\s*{_DAY}\s*[-/., ]\s*{_YEAR}",
}
_SHORT_YEAR = {
    YEAR_FIRST: rf"{_SHORT}\s*[-/.년]\s*{_NUMBER}\s*[-/.월]\s*{_DAY}\s*[.일]?",
    DAY_FIRST: rf"{_DAY}\s*[-/. ]\s*{_MONTH}\s*[-/. ]\s*{_SHORT}",
    MONTH_FIRST: rf"{_MONTH}\s*[-/. ]\s*{_DAY}\s*[-/., ]\s*{_SHORT}",
    MONTH_YEAR: rf"{_WORD}\s*(?:[-/]\s*['’]?|['’])(?P<year>\d{{2}})",
}
_PERIODS = (
    rf"{_YEAR}-?W(?P<week>0[1-9]|[1-4]\d|5[0-3])",
    rf"{_YEAR}[-/.년\s]*Q(?P<quarter>[1-4])",
    rf"{_YEAR}\s*년?\s*(?P<quarter>[1-4])\s*분기",
    rf"(?:Q(?P<quarter>[1-4])[-/.,\s]*){_YEAR}",
    rf"(?P<quarter>[1-4])Q[-/.,\s]*{_YEAR}",
    rf"{_WORD}[-/., ]*{_YEAR}",
    rf"{_YEAR}[-/., ]+{_WORD}",
    rf"{_YEAR}\s*년",
    rf"{_YEAR}[-\s]?M{_NUMBER}",
)
_COMPACT = (
    r"(?P<year>(?:1[6-9]|2[0-2])\d{2})(?P<month>0[1-9]|1[0-2])"
    r"(?:(?P<day>[0-3]\d)(?:[T\s]?(?P<hour>[0-2]\d)(?:(?P<minute>[0-5]\d)(?P<second>[0-5]\d)?)?Z?)?)?"
)
_NUMBERS = ("year", "quarter", "week", "month", "day")  # among the named parts of a date
_PARTS = (*_NUMBERS, "before", "hour", "minute", "second", "half", "zone")


def _compiled(date: str) -> re.Pattern[str]:
    return re.compile(rf"\s*{date}(?:\s*\(\w{{1,3}}\))?(?:[\sT]\s*{TIME}{_ZONE})?\s*", re.IGNORECASE)


_LONG = {order: _compiled(date) for order, date in _LONG_YEAR.items()}
_BRIEF = {order: _compiled(date) for order, date in _SHORT_YEAR.items()}
_COMPACT_DATE = re.compile(rf"\s*{_COMPACT}\s*", re.IGNORECASE)
_SHORT_COMPACT_DATE = re.compile(r"(?P<year>\d{2})(?P<month>0[1-9]|1[0-2])(?P<day>[0-3]\d)")
_KOREAN_TIME = re.compile(r"(\d)\s*시(?:\s*(\d{1,2})\s*분(?:\s*(\d{1,2})\s*초)?)?")
_CERTAIN = (  # a cell of these can be read in one way only
    re.compile(rf"\s*{_YEAR}\s*[.년\s]\s*(?P<quarter>[1-4])/4\s*(?:분기)?\s*"),  # of Korean statistics; no 4 January
    _compiled(rf"{_YEAR}\s*[-/.년]\s*{_MONTH}\s*(?:[-/.월]\s*(?:{_DAY}\s*[.일]?)?)?"),
    _COMPACT_DATE,
    *(re.compile(rf"\s*{period}\s*", re.IGNORECASE) for period in _PERIODS),
)
_MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[3 * i : 3 * i + 3]: i + 1 for i in range(12)}
_DATE_NAME = re.compile(r"date|day|month|time|ym|날짜|일자|일시|년월|연월", re.IGNORECASE)
_MIN_DISTINCT = {6: 6, 8: 3, 10: 3, 12: 3, 14: 3}  # distinct numbers of this many digits that show dates
_MIN_SHORT = 12  # the same for numbers of at most six digits that are two-digit years, months and days


@dataclass(frozen=True)
class DateOrder:
    """How a column writes its dates.

    Attributes:
        name: ``"year first"``, ``"day first"``, ``"month first"``, ``"year.month"``, ``"month and year"``,
            ``"yymmdd"``, ``"seconds since 1970"`` or ``"milliseconds since 1970"``.
        sure: whether a cell decides between the orders: one with a part above 12, or with points (1.2.2024), which
            is never month first. Otherwise the month is taken to come first, or the year where it has two digits.
    """

    name: str
    sure: bool = True


def infer_date_order(column: pd.Series) -> DateOrder | None:
    """Return the order by which most cells are dates; None when fewer than ``MOSTLY`` are.

    Cells with the year first, months and quarters are read in any column, so that two notations may be mixed.
    Numbers count when all are dates such as 20180131, 201804, 2018013124 (hour 24) or 2018.04.
    """
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return None
    if pd.api.types.is_numeric_dtype(column):
        return _order_of_numbers(column)
    text = pd.Series(column.dropna().unique()).astype(str)
    found = _order_of(text.iloc[:: max(1, len(text) // PROBED)])
    if found is None or found.sure or len(text) < 2 * PROBED:
        return found
    return _order_of(text)


def _order_of(text: pd.Series) -> DateOrder | None:
    if not len(text):
        return None
    certain = _read_by(text, _CERTAIN)
    rest = text[~certain]
    if not len(rest):
        return DateOrder(YEAR_FIRST)
    may_miss = (1 - MOSTLY) * len(text)
    for patterns in (_LONG, _BRIEF):
        read = {order: _first_parts(rest, (pattern,)) for order, pattern in patterns.items()}
        counts = {order: int(_valid(parts).sum()) for order, parts in read.items()}
        most = max(counts.values())
        if most and len(rest) - most <= may_miss:
            return _best_order(rest, {order: parts for order, parts in read.items() if counts[order] == most})
    return DateOrder(YEAR_FIRST) if len(rest) <= may_miss else None


def _best_order(text: pd.Series, read: Mapping[str, pd.DataFrame]) -> DateOrder | None:
    """Return the order among equally readable ones; None for points with the month first, as in 10.20.30."""
    if MONTH_YEAR in read:
        return DateOrder(MONTH_YEAR) if _are_years(text, read[MONTH_YEAR]["year"]) else None
    orders = [order for order in (YEAR_FIRST, DAY_FIRST, MONTH_FIRST) if order in read]
    if bool(text.str.match(r"\s*\d+\s*\.").all()):
        orders = [order for order in orders if order != MONTH_FIRST]
    sorted_by = [order for order in orders if len(text) >= MIN_IN_ORDER and _is_in_order(read[order])]
    if len(orders) > 1 and len(sorted_by) == 1:
        return DateOrder(sorted_by[0])
    if bool(text.str.contains("/").any()) and len(orders) > 1:
        orders = [order for order in orders if order != YEAR_FIRST]  # 18/01/02 is hardly ever 2018
    if len(orders) < 2:
        return DateOrder(orders[0]) if orders else None
    if YEAR_FIRST not in orders:
        return DateOrder(MONTH_FIRST, sure=False)
    years = {order: read[order]["year"].nunique() for order in orders}  # a table spans fewer years than days of a month
    best = min(orders, key=lambda order: years[order])
    return DateOrder(best, sure=all(years[best] * 3 <= years[order] for order in orders if order != best))


def _is_in_order(parts: pd.DataFrame) -> bool:
    """Return whether dates follow one another, as those of a table that is sorted by time do."""
    days = (parts["year"] * 12 + parts["month"]) * 31 + parts["day"]
    return bool(days.is_monotonic_increasing or days.is_monotonic_decreasing)


def _are_years(text: pd.Series, years: pd.Series) -> bool:
    """Return whether the numbers behind months are years: Jan-20 alone may be the twentieth of January.

    An apostrophe, a number that no day has, or most months of each of a few numbers decide.
    """
    numbers = years % 100
    few = len(text) >= 24 and numbers.max() < 28 and numbers.nunique() * 8 <= len(text)
    return bool(text.str.contains("['’]").all() or (numbers > 31).any() or (numbers == 0).any() or few)


def _order_of_numbers(column: pd.Series) -> DateOrder | None:
    values = column.dropna().unique()
    numbers = pd.Series(values[np.isfinite(values.astype(np.float64))].astype(np.float64))
    if not len(numbers) or not numbers.abs().lt(1e15).all():
        return None
    named = _DATE_NAME.search(str(column.name)) is not None
    if bool((numbers % 1 == 0).all()):
        text = numbers.astype(np.int64).astype(str)
        width = len(text.iloc[0])
        enough = len(text) >= (3 if named else _MIN_DISTINCT.get(width, np.inf))
        uniform = enough and width in _MIN_DISTINCT and bool((text.str.len() == width).all())
        if uniform and bool(_read_by(text, (_COMPACT_DATE,)).all()):
            return DateOrder(YEAR_FIRST)
        short = numbers.between(101, 991_231).all() and len(text) >= (3 if named else _MIN_SHORT)
        dates = short and bool(_read_by(text.str.zfill(6), (_SHORT_COMPACT_DATE,)).all())
        return DateOrder(SHORT_COMPACT) if dates else None
    months = (numbers % 1 * 100).round(6)
    dates = bool((months.mod(1) == 0).all() and months.between(1, 12).all() and (months < 10).any())
    years = bool(numbers.between(1800, 2200).all())
    return DateOrder(YEAR_MONTH) if dates and years and (named or len(numbers) >= _MIN_DISTINCT[6]) else None


def read_dates(column: pd.Series, order: str = YEAR_FIRST) -> pd.Series:
    """Return (n,) UTC timestamps in nanoseconds; missing where a cell is not a date of ``YEARS``.

    Args:
        column: text, numbers such as 20180131, or dates and times.
        order: of the text, see ``DateOrder``.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return _in_range(pd.to_datetime(column, utc=True))
    if order in EPOCHS:
        return _in_range(read_epoch(column, order))
    codes, cells = pd.factorize(column)
    text = _as_text(pd.Series(cells), order)
    read = _in_range(pd.to_datetime(text.where(text.str.len() != 6), errors="coerce", utc=True, format="ISO8601"))
    patterns = (*([_LONG[order]] if order in _LONG else []), *_CERTAIN, _BRIEF.get(order, _BRIEF[YEAR_FIRST]))
    if order == SHORT_COMPACT:
        patterns = (_SHORT_COMPACT_DATE, *patterns)
    rest = read.isna()  # hardly any: ISO is what most files have, and pandas reads it fast
    if rest.any():
        read[rest] = _assembled(_first_parts(text[rest], patterns))
    return pd.Series(read.array.take(codes, allow_fill=True), index=column.index)  # code -1 is a missing cell


def days_since_1970(moments: pd.Series) -> pd.Series:
    """Convert (n,) UTC timestamps to float64 days."""
    return (moments - EPOCH) / pd.Timedelta(days=1)


def seconds_of_day(parts: pd.DataFrame) -> pd.Series:
    """Return (n,) float64 seconds since midnight from what ``TIME`` found: 0 without a time, missing for 25:00."""
    hour, minute, second = (_number(parts[name]) for name in ("hour", "minute", "second"))
    half = parts["half"].str.lower().fillna(parts["before"].map({"오전": "am", "오후": "pm"}))
    twelve = half.notna()
    late = (hour > 24) | ((hour == 24) & ((minute.fillna(0) > 0) | (second.fillna(0) > 0)))  # 24:00 ends the day
    wrong = late | (minute > 59) | (second >= 60) | (twelve & ((hour > 12) | (hour < 1)))
    hour = hour.where(~twelve, hour % 12 + 12 * (half == "pm"))
    return (hour * 3600).add((minute * 60).fillna(0)).add(second.fillna(0)).fillna(0.0).mask(wrong)


def _as_text(cells: pd.Series, order: str) -> pd.Series:
    """Return cells as text: numbers without the ``.0`` of a column with missing cells, or with two decimals."""
    if order == YEAR_MONTH:
        numbers = pd.to_numeric(cells.astype(object), errors="coerce").astype(np.float64)
        return numbers.map(lambda number: "" if pd.isna(number) else f"{number:.2f}").astype(object).astype(str)
    text = cells.astype(object).map(_digits).astype(object).astype(str)
    return text.mask(text.str.fullmatch(r"\d{3,5}"), text.str.zfill(6)) if order == SHORT_COMPACT else text


def _digits(cell: object) -> str:
    if isinstance(cell, float) and cell % 1 == 0 and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


def _read_by(text: pd.Series, patterns: tuple[re.Pattern[str], ...]) -> pd.Series:
    """Return whether each cell is a date by one of the patterns."""
    return _valid(_first_parts(text, patterns))


def _first_parts(text: pd.Series, patterns: tuple[re.Pattern[str], ...]) -> pd.DataFrame:
    """Return the named parts of each cell by the first pattern that the whole cell fits and that gives a date."""
    parts, rest = None, text
    for pattern in patterns:
        matches = [pattern.fullmatch(_with_colons(cell)) if _may_be_date(cell) else None for cell in rest]
        if not any(matches):  # as for most patterns
            continue
        found = _parts(matches, rest.index)
        right = _valid(found)
        if parts is None:  # all cells are left
            parts = found
        elif right.any():
            parts.loc[found.index[right]] = found[right]
        rest = rest[~right]
    return _no_parts(text.index) if parts is None else parts


def _parts(matches: Sequence[re.Match[str] | None], index: pd.Index) -> pd.DataFrame:
    """Return the named parts of each cell, as text; missing where it has no match."""
    rows = [{} if match is None else match.groupdict() for match in matches]
    parts = pd.DataFrame(rows, index=index, columns=list(_PARTS), dtype=object)
    short = parts["year"].str.len() == 2
    for name in ("year", "day", "quarter", "week"):
        parts[name] = _number(parts[name])  # missing for digits of other scripts
    parts["year"] = parts["year"].where(~short, parts["year"] + 1900 + 100 * (parts["year"] < CENTURY))
    word = parts["month"].astype(object).str.lower().str[:3].map(_MONTHS)
    month = word.fillna(pd.to_numeric(parts["month"], errors="coerce")).astype(np.float64)
    whole_year = (parts["year"] * 0 + 1).where(parts["month"].isna())
    parts["month"] = month.fillna(3 * parts["quarter"] - 2).fillna(whole_year)
    return parts


def _no_parts(index: pd.Index) -> pd.DataFrame:
    """Return what ``_parts`` does where no cell fits, as in most texts, without taking anything apart."""
    numbers, texts = np.full(len(index), np.nan), np.full(len(index), np.nan, object)
    return pd.DataFrame({name: numbers if name in _NUMBERS else texts for name in _PARTS}, index=index)


def _with_colons(cell: str) -> str:
    """Return a cell with the time as 09:05 instead of 9시 5분."""
    if "시" not in cell:
        return cell
    return _KOREAN_TIME.sub(lambda found: f"{found[1]}:{found[2] or 0:>02}:{found[3] or 0:>02}", cell)


def _may_be_date(cell: str) -> bool:
    """Return whether a cell is short enough, and without digits of other scripts."""
    return len(cell) <= MAX_CELL and (cell.isascii() or not any(c.isdecimal() and not c.isascii() for c in cell))


def _number(text: pd.Series) -> pd.Series:
    numbers: pd.Series = pd.to_numeric(text, errors="coerce").astype(np.float64)
    return numbers


def _valid(parts: pd.DataFrame) -> pd.Series:
    return parts["month"].between(1, 12) & parts["day"].fillna(1).between(1, 31)


def _assembled(parts: pd.DataFrame) -> pd.Series:
    held = _valid(parts) & parts["year"].between(*YEARS)
    whole = parts[["year", "month", "day"]].where(held).assign(day=parts["day"].fillna(1).where(held))
    moment = pd.to_datetime(whole, errors="coerce", utc=True)
    weeks = parts["week"].notna()
    if weeks.any():  # of ISO 8601: the first one has the 4th of January, and begins on a Monday
        fourth = moment[weeks] + pd.Timedelta(days=3)
        monday = fourth - pd.to_timedelta(fourth.dt.day_of_week, unit="D")
        moment[weeks] = monday + pd.to_timedelta(7 * (parts["week"][weeks] - 1), unit="D")
    zone = _number(parts["zone"].str.replace(":", "")).fillna(0.0)
    offset = np.sign(zone) * (zone.abs() // 100 * 60 + zone.abs() % 100) * 60
    return _in_range(moment + pd.to_timedelta(seconds_of_day(parts) - offset, unit="s"))


def _in_range(moments: pd.Series) -> pd.Series:
    kept: pd.Series = moments.where(moments.dt.year.between(*YEARS)).dt.as_unit("ns")
    return kept
