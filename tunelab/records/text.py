"""Values as people read them: numbers, durations and counts."""

from __future__ import annotations

import math
import time

from trainables.base.kinds.rounding import without_rounding
from tunelab.system.language import tr


def format_number(value: float, digits: int = 4) -> str:
    """Format a number for people: no exponent between 1e-4 and 1e6, NaN and infinity named.

    Args:
        value: any float or int.
        digits: significant digits; whole numbers keep all of theirs.

    Returns:
        For example ``0.03123``, ``12,346`` or ``1.000e-07``.
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    if value == int(value):
        return f"{int(value):,}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def format_interval(mean: float, half_width: float, digits: int = 4) -> str:
    """Format a mean with half of its interval: ``0.03123 ± 0.0021``."""
    return f"{format_number(mean, digits)} ± {format_number(without_rounding(half_width, mean), 2)}"


def format_bytes(size: float) -> str:
    """Format a number of bytes: ``812.0 MB``, ``1.3 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def format_tick(value: float) -> str:
    """Format a round number in as few characters as it takes: ``0.001``, ``1e-5``, ``0.25``."""
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e")


def format_duration(seconds: float) -> str:
    """Format seconds as ``1:02:03`` or ``4:05``; a question mark when they are not known."""
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count_times(count: int) -> str:
    """Say how often something happened: ``never``, ``once``, ``3 times``."""
    return {0: tr("never"), 1: tr("once")}.get(count, tr("{count} times", count=count))


def as_sentence(clause: str) -> str:
    """Return a clause with a capital and a full stop."""
    return f"{clause[0].upper()}{clause[1:]}."


def format_utc(moment: float) -> str:
    """Return a unix time as ``2026-11-23 03:10:54 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
