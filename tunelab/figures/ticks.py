"""Logarithmic axes with ticks that people read: 1, 2, 5, 10."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tunelab.records.text import format_tick


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """Return the attributes of a logarithmic axis of plotly over positive values, ticks at 1, 2 and 5 of each decade.

    Over more than three decades, only whole decades have ticks.
    """
    if not values:
        return {"type": "log"}
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    digits = (1, 2, 5) if high - low <= 3 else (1,)
    ticks = [float(f"{digit * 10.0**power:.1g}") for power in range(low, high + 1) for digit in digits]
    return {"type": "log", "tickvals": ticks, "ticktext": [format_tick(tick) for tick in ticks]}
