"""Fractions as people read them."""

from __future__ import annotations


def as_percent(fraction: float, digits: int = 0, *, signed: bool = False) -> str:
    """Format a fraction as ``95 %``, with the space that every text here has.

    Args:
        fraction: 0.95 for 95 %.
        digits: after the decimal point.
        signed: whether a positive one has its sign, too.
    """
    return f"{100 * fraction:{'+' if signed else ''}.{digits}f} %"
