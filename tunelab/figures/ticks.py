"""Scales of axes, and ticks that people read: 1, 2, 5, 10."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tunelab.records.text import format_tick

MAX_DATES = 8  # ticks of a page's axis of dates, which are long
MAX_WHOLE = 8  # of a tick at every whole number; on a longer axis plotly's own lie on whole numbers
DAY = 86_400  # seconds
CLOCK, DATE, MONTH, YEAR = "%H:%M", "%Y-%m-%d", "%Y-%m", "%Y"  # the same in every language
LOG_RATIO = 5.0  # of the largest to the smallest value; below it a linear axis shows as much, with more ticks


def wants_log(values: Sequence[float]) -> bool:
    """Return whether values belong on a logarithmic axis: all positive, and far apart."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > LOG_RATIO


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """Return the attributes of a logarithmic axis of plotly over positive values, with ``log_ticks``."""
    if not values:
        return {"type": "log"}
    ticks = log_ticks(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))
    return {"type": "log", "tickvals": ticks, "ticktext": [format_tick(tick) for tick in ticks]}


def whole_ticks(values: Sequence[float]) -> dict[str, Any]:
    """Return the attributes of a plotly axis without ticks between whole numbers, which plotly sets on short axes."""
    return {"dtick": 1} if values and max(values) - min(values) < MAX_WHOLE else {}


def date_axis(seconds: Sequence[float]) -> dict[str, Any]:
    """Return the attributes of plotly's axis of dates: years, months, days or times of day, as far as it is zoomed.

    Args:
        seconds: What is along it, since 1970.
    """
    steps = [
        (None, DAY * 1000 - 1, f"{CLOCK}\n{DATE}"),
        (DAY * 1000, "M1", DATE),
        ("M1", "M12", MONTH),
        ("M12", None, YEAR),
    ]
    whole_days = all(value % DAY == 0 for value in seconds)
    return {
        "type": "date",
        "tickformatstops": [{"dtickrange": [low, high], "value": form} for low, high, form in steps],
        "hoverformat": DATE if whole_days else f"{DATE} {CLOCK}",
        "nticks": MAX_DATES,
    }


def written_date(seconds: float) -> str:
    """Return seconds since 1970 as a date, with the time of day unless it is midnight."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime(DATE if seconds % DAY == 0 else f"{DATE} %H:%M:%S")


def log_ticks(low: float, high: float) -> list[float]:
    """Return the numbers with a tick between two powers of ten: whole decades; of up to three, also 2 and 5 of each.

    Args:
        low: Decimal logarithm of the lower end, which is included.
        high: Decimal logarithm of the upper end, which is included.
    """
    digits = (1, 2, 5) if high - low <= 3 else (1,)
    decades = range(math.floor(low), math.ceil(high) + 1)
    found = [float(f"{digit * 10.0**power:.1g}") for power in decades for digit in digits]
    return [tick for tick in found if low - 1e-9 <= math.log10(tick) <= high + 1e-9]


def linear_ticks(low: float, high: float, least: float = 0.0) -> list[float]:
    """Return four to eight round numbers between two, fewer where they would be less than ``least`` apart."""
    raw = max((high - low) / 5, least)
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]
