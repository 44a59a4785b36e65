"""Differences and spreads that rounding alone makes."""

from __future__ import annotations

ROUNDING = 1e-12  # of the numbers that a value is computed from; float64 keeps 16 digits, and sums lose a few


def without_rounding(value: float, *sources: float) -> float:
    """Return 0 where rounding alone keeps a value from being 0, otherwise the value.

    Args:
        value: A difference or a spread, such as 5.551e-17.
        sources: Numbers of the size of those that it was computed from.
    """
    return 0.0 if abs(value) <= ROUNDING * max(map(abs, sources)) else value
