"""Units behind numbers: kg, km/h, GB, K and M, and the Korean 천, 만, 억, 조."""

from __future__ import annotations

import re

import pandas as pd

MAX_UNIT = 14  # characters
CURRENCY = (
    r"(?:(?:US|A|C|R|NZ|HK|S)?[₩￦$€£¥₹₽]|Rs\.?|USD|EUR|KRW|JPY|GBP|CNY|RMB|INR|AUD|CAD|CHF|HKD|SGD|TWD|THB|VND|IDR|MYR|PHP"
    r"|BRL|MXN|RUB|SEK|NOK|DKK|PLN|CZK|HUF|TRY|ZAR|NZD|AED|SAR|ILS)"
)
_CURRENCY_SIGN = re.compile(rf"({CURRENCY}|원)", re.IGNORECASE)
MIN_MIXED = 0.05  # share of cells with a percent sign, and without, from which a column mixes them
BARE = frozenset(["", "%", "+", "원", "-"])  # what changes no number; 12,000.- is Swiss
_PLAIN_SUFFIX = re.compile(rf"(?:{CURRENCY}|원)[+]?", re.IGNORECASE)
# Units of one dimension, by how many of the smallest they are; the first is "no unit".
_DIMENSIONS: tuple[dict[str, float], ...] = (
    {"": 1, "k": 1e3, "K": 1e3, "thousand": 1e3, "M": 1e6, "MM": 1e6, "mn": 1e6, "million": 1e6}
    | {"B": 1e9, "bn": 1e9, "billion": 1e9, "T": 1e12, "trillion": 1e12},
    {"B": 1, "KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15},
    {"mg": 1, "g": 1e3, "kg": 1e6, "t": 1e9, "ton": 1e9, "tons": 1e9},
    {"mm": 1, "cm": 10, "m": 1e3, "km": 1e6},
    {"ml": 1, "mL": 1, "cl": 10, "l": 1e3, "L": 1e3},
    {"ms": 1, "s": 1e3, "sec": 1e3, "min": 6e4, "mins": 6e4, "h": 3.6e6, "hr": 3.6e6, "hrs": 3.6e6}
    | {"hour": 3.6e6, "hours": 3.6e6},
)
_COUNTS = _DIMENSIONS[0]
_KOREAN = {"조": 1e12, "억": 1e8, "천만": 1e7, "백만": 1e6, "십만": 1e5, "만": 1e4, "천": 1e3, "백": 1e2, "": 1.0}
_KOREAN_PART = re.compile(r"(\d+(?:\.\d+)?)(조|억|천만|백만|십만|만|천|백)?")
_KOREAN_NUMBER = re.compile(rf"(?:약|월|연|총)?([-+]?)((?:{_KOREAN_PART.pattern})+)(?:원|₩)?")
KOREAN_UNIT = re.compile(r"\d\s*(?:조|억|만|천)")
_SHORT_REST = re.compile(r"억\s*[\d,]+\s*$")


def factors(suffixes: pd.Series, unit: str) -> pd.Series:
    """Return by what a number with each suffix is multiplied to be in ``unit``; missing for another unit."""
    known = suffixes.dropna().unique()
    return suffixes.map({suffix: _factor(suffix, unit) for suffix in known}).astype(float)


def mixed_signs(cells: pd.Series) -> str:
    """Return the signs of a column's cells where they are of several scales, in words; empty where they are not.

    Args:
        cells: text, of which several currencies, or a percent sign in some cells only, are no number of one scale.
    """
    text = cells.astype(object).astype(str)
    found = text.str.extract(_CURRENCY_SIGN, expand=False).replace({"원": "₩", "￦": "₩", "KRW": "₩", "USD": "$"})
    counts = found.value_counts()
    if len(counts) > 1:
        return ", ".join(f"{sign} ({count:,})" for sign, count in counts.iloc[:2].items())
    percent = text.str.contains("%", regex=False)
    few = percent.mean() < MIN_MIXED or percent.mean() > 1 - MIN_MIXED
    return "" if few else f"% ({int(percent.sum()):,}) and none ({int((~percent).sum()):,})"


def usual_unit(suffixes: pd.Series) -> str:
    """Return the most frequent suffix that is a unit, or nothing."""
    counts = suffixes[~suffixes.map(_is_bare) & (suffixes.str.len() <= MAX_UNIT)].value_counts()
    if not len(counts):
        return ""
    best = str(counts.index[0])
    return "K" if best in _COUNTS else best  # K, M and B are the unit: the number is in ones


def read_korean(text: str, bare: float = 1.0) -> float | None:
    """Return the value of "4억 5,000", "1,234만원" or "2만 5천원"; None for another text.

    After 억 a number without a unit is in 만, as people write the price of a flat.

    Args:
        text: a cell.
        bare: what a number without any unit is multiplied by.
    """
    whole = _KOREAN_NUMBER.fullmatch(re.sub(r"[\s,]", "", text))
    if whole is None:
        return None
    value, before = 0.0, ""
    parts = _KOREAN_PART.findall(whole[2])
    for number, unit in parts:
        factor = _KOREAN[unit]
        if before and _KOREAN[before] <= factor:
            return None
        if before == "억" and unit in ("", "천", "백"):
            factor *= 1e4
        elif before == "조" and not unit:
            factor = 1e8
        elif not unit and len(parts) == 1:
            factor = bare
        value += float(number) * factor
        before = unit or "백"
    return -value if whole[1] == "-" else value


def leaves_out_man(text: pd.Series) -> bool:
    """Return whether some cell writes 4억 5,000 for 4억 5,000만."""
    return bool(text.str.contains(_SHORT_REST).any())


def _is_bare(suffix: str) -> bool:
    return suffix in BARE or _PLAIN_SUFFIX.fullmatch(suffix) is not None


def _factor(suffix: str, unit: str) -> float | None:
    if suffix == unit and unit not in _COUNTS:
        return 1.0
    if _is_bare(suffix):
        return 1.0
    if unit in _COUNTS and unit:
        return _COUNTS.get(suffix.rstrip("+"))
    for dimension in _DIMENSIONS[1:]:
        if unit in dimension and suffix in dimension:
            return dimension[suffix] / dimension[unit]
    return None
