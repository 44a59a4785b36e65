"""Charts as plain values, drawn by two renderers: ``png`` (matplotlib) and ``html`` (plotly)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


class Mark:
    """Something drawn on a pair of axes."""

    def texts(self) -> Iterator[str]:
        """Yield the texts of the mark."""
        for value in vars(self).values():
            if isinstance(value, str):
                yield value
            elif isinstance(value, list | tuple):
                yield from (part for part in value if isinstance(part, str))


@dataclass(frozen=True)
class Line(Mark):
    """Points joined in order: ``x``, ``y`` (n,). A quiet line is a reference that others are read against.

    ``shade`` is the place of its colour; by itself its place in the chart.
    """

    x: Floats
    y: Floats
    name: str = ""
    quiet: bool = False
    shade: int | None = None


@dataclass(frozen=True)
class Points(Mark):
    """A cloud: ``x``, ``y`` (n,)."""

    x: Floats
    y: Floats
    name: str = ""


@dataclass(frozen=True)
class Bars(Mark):
    """Labelled bars, with error bars when ``errors`` is as long as ``values``."""

    labels: Sequence[str]
    values: Floats
    errors: Floats | None = None
    name: str = ""
    across: bool = False  # horizontal, the first on top


@dataclass(frozen=True)
class Histogram(Mark):
    """Counts (n,) between edges (n + 1,)."""

    edges: Floats
    counts: Floats


@dataclass(frozen=True)
class Heatmap(Mark):
    """A matrix (rows, columns) of numbers with their texts; ``span`` fixes the colours' range."""

    values: Floats
    rows: Sequence[str]
    columns: Sequence[str]
    digits: int = 0
    span: tuple[float, float] | None = None
    diverging: bool = False


@dataclass(frozen=True)
class Images(Mark):
    """Pictures uint8, each with a caption: grey (n, height, width), dark ink on white, or in colours (..., 3)."""

    pixels: npt.NDArray[np.uint8]
    captions: Sequence[str]
    columns: int


@dataclass(frozen=True)
class Chart:
    """One pair of axes.

    Attributes:
        marks: what is drawn, in order.
        x, y: labels of the axes, with units.
        title: above the axes.
        verticals: positions of vertical rules.
        square: both axes have one scale, as for predicted against actual.
        log_y: logarithmic y axis; only for positive values.
        whole_x: ticks of the x axis at whole numbers alone, as for epochs.
        dates: what is along the x axis are seconds since 1970, shown as dates.
    """

    marks: Sequence[Mark]
    x: str = ""
    y: str = ""
    title: str = ""
    verticals: Sequence[float] = ()
    square: bool = False
    log_y: bool = False
    whole_x: bool = False
    dates: bool = False
    y_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Drawing:
    """A figure: one file name, one or more charts on a grid.

    Attributes:
        name: of its file, without suffix.
        title: one line.
        charts: in reading order.
        columns: of the grid.
        note: how to read it, or what was left out; empty for nothing.
        size: of one chart.
    """

    name: str
    title: str
    charts: Sequence[Chart]
    columns: int = 1
    note: str = ""
    size: Literal["normal", "small", "tall", "large"] = field(default="normal")

    @property
    def rows(self) -> int:
        return -(-len(self.charts) // self.columns)

    def texts(self) -> Iterator[str]:
        """Yield every text of the drawing: titles, axes, names, labels."""
        yield self.title
        for chart in self.charts:
            yield from (chart.title, chart.x, chart.y)
            for mark in chart.marks:
                yield from mark.texts()


def label(quantity: str, unit: str = "") -> str:
    """Return an axis label with its unit: ``price (US $)``."""
    return f"{quantity} ({unit})" if unit else quantity
