"""Scales of axes, and ticks that people read: 1, 2, 5, 10."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tunelab.records.text import format_tick

MAX_WHOLE = 8  # of a tick at every whole number; on a longer axis plotly's own lie on whole numbers
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
