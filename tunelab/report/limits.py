"""How much of a large sweep a report shows, so that its file stays under 6 MB; what is left out is said where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tunelab.system.language import tr

MAX_CELLS = 6_000  # of a table or a figure of trials, all columns or axes together
MAX_ROWS = 200  # of a table whose rows hold long texts
MAX_CURVES = 300
MAX_POINTS = 30_000  # of learning curves, all together
MAX_AXES = 10  # of the parallel coordinates; more cannot be read
MAX_SLICES = 12
MAX_BARS = 15  # of the importance
MAX_COLUMNS = 12  # hyperparameters with a column of their own in a table of trials

T = TypeVar("T")


def most_trials(columns: int) -> int:
    """Return the number of trials that a table or figure with this many columns or axes shows."""
    return max(1, MAX_CELLS // max(1, columns))


def thinned(ranked: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of a ranked list, in its order: the first half of them, and an even selection of the others."""
    if len(ranked) <= most:
        return list(ranked)
    first = (most + 1) // 2
    rest, count = ranked[first:], most - first
    return [*ranked[:first], *(rest[(2 * i + 1) * len(rest) // (2 * count)] for i in range(count))]


def thinned_text(shown: int, of: int) -> str:
    """Return what a caption says of a thinned list; empty when nothing is left out."""
    if shown == of:
        return ""
    said = tr(
        "{shown:,} of {count:,} trials: the best half of them, and an even selection of the others.",
        shown=shown,
        count=of,
    )
    return f" {said}"


def every(points: Sequence[T], most: int) -> list[T]:
    """Return at most about ``most`` of a sequence, evenly spaced, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    step = -(-(len(points) - 1) // max(1, most - 1))
    return [point for index, point in enumerate(points) if index % step == 0 or index == len(points) - 1]
