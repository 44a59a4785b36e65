"""Plotly figures with a picture beside them, for viewers of notebooks that have no renderer of plotly's."""

from __future__ import annotations

import html
import io
import warnings
from typing import Any

import matplotlib
import numpy as np
import plotly.graph_objects as go
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tunelab.figures.rendering.fonts import families
from tunelab.system.terminal import printable

PLOTLY, PNG = "application/vnd.plotly.v1+json", "image/png"
DPI, PIXELS = 110, 96  # of the picture; of an inch of plotly
WIDTH = 8.6  # inches
DASHES = {"dot": ":", "dash": "--"}


class NotebookFigure(go.Figure):  # type: ignore[misc]
    """A plotly figure whose cell output holds a PNG beside plotly's JSON.

    JupyterLab, Notebook and VS Code draw the JSON. What has no renderer for it shows the picture: ``nbconvert``,
    GitHub, a PDF. It weighs some ten kilobytes and runs no script, where plotly.js would be five megabytes a notebook.
    """

    _ipython_display_ = None  # plotly's shows the JSON alone
    _repr_html_ = None  # plotly's loads plotly.js from the network

    def _repr_mimebundle_(self, *args: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle: dict[str, Any] = dict(super()._repr_mimebundle_(*args, **options) or {})
        if not set(bundle) <= {PLOTLY}:  # another renderer, which the user chose, has its own picture
            return bundle, {}
        return bundle | {PNG: png_bytes(self)}, {PNG: {"alt": _alternative(self)}}


def png_bytes(figure: go.Figure) -> bytes:
    """Draw a figure of lines, points, bars or parallel coordinates as the bytes of a PNG file."""
    style: Any = {
        **{"font.family": families(), "font.size": 9.5, "text.parse_math": False, "axes.unicode_minus": False},
        **{"axes.spines.top": False, "axes.spines.right": False},
    }
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # without a Korean font
        height = (figure.layout.height or 450) / PIXELS
        drawn = Figure(figsize=(WIDTH, max(2.0, height)), dpi=DPI, layout="constrained")
        FigureCanvasAgg(drawn)
        ax = drawn.subplots()
        if any(trace.type == "parcoords" for trace in figure.data):
            _draw_parallel(figure.data[0], ax)
        else:
            _draw_traces(figure, ax)
        if figure.layout.title.text:
            ax.set_title(_text(figure.layout.title.text))
        stream = io.BytesIO()
        drawn.savefig(stream, format="png")
        return stream.getvalue()


def _alternative(figure: go.Figure) -> str:
    """Return what a figure shows, for readers who do not see it: the names of its axes."""
    dimensions = [d.label for trace in figure.data if trace.type == "parcoords" for d in trace.dimensions]
    names = dimensions or [axis.title.text for axis in (figure.layout.yaxis, figure.layout.xaxis)]
    return _text(" – ".join(name for name in names if name))


def _draw_traces(figure: go.Figure, ax: Any) -> None:
    named = []
    for trace in figure.data:
        artist = _draw_bars(trace, ax) if trace.type == "bar" else _draw_scatter(trace, ax)
        if trace.name and trace.showlegend is not False:
            named.append((artist, _text(trace.name)))
    for name, axis in (("x", figure.layout.xaxis), ("y", figure.layout.yaxis)):
        getattr(ax, f"set_{name}label")(_text(axis.title.text or ""))
        if axis.type == "log":
            getattr(ax, f"set_{name}scale")("log")
            places = getattr(ax, f"{name}axis")
            places.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            places.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            places.set_minor_locator(NullLocator())
        elif name == "x" and all(_is_whole(x) for trace in figure.data if trace.type != "bar" for x in trace.x):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))  # epochs
    if len(named) > 1:
        artists, texts = zip(*named, strict=True)
        ax.figure.legend(artists, texts, loc="outside upper left", ncols=4, frameon=False)


def _draw_scatter(trace: Any, ax: Any) -> Any:
    x, y = (np.array([np.nan if v is None else v for v in values], float) for values in (trace.x, trace.y))
    mode, marker, line = trace.mode or "lines", trace.marker, trace.line
    style: dict[str, Any] = {
        "color": line.color if "lines" in mode and line.color else marker.color,
        "alpha": trace.opacity or marker.opacity or 1.0,
        "linestyle": DASHES.get(line.dash, "-") if "lines" in mode else "none",
        "linewidth": line.width or 1.5,
        "drawstyle": "steps-post" if line.shape == "hv" else "default",
    }
    if "markers" in mode:
        style |= {"marker": "x" if marker.symbol == "x" else "o", "markersize": 0.7 * (marker.size or 6)}
    return ax.plot(x, y, **style)[0]


def _draw_bars(trace: Any, ax: Any) -> Any:
    across = trace.orientation == "h"
    names, values = (trace.y, trace.x) if across else (trace.x, trace.y)
    draw = ax.barh if across else ax.bar
    ax.margins(**{"y" if across else "x": 0.02})
    return draw([_text(str(name)) for name in names], values, color=trace.marker.color)


def _draw_parallel(trace: Any, ax: Any) -> None:
    dimensions = list(trace.dimensions)
    lines = np.array([_fractions(d.values, d.range) for d in dimensions]).T
    places = np.arange(len(dimensions))
    colours = LinearSegmentedColormap.from_list("places", [tuple(stop) for stop in trace.line.colorscale])
    ax.add_collection(
        LineCollection(
            [np.column_stack([places, line]) for line in lines], array=np.array(trace.line.color, float), cmap=colours
        )
    )
    for place, dimension in zip(places, dimensions, strict=True):
        ax.axvline(place, color="black", linewidth=0.8)
        ticks = _fractions(dimension.tickvals or dimension.range, dimension.range)
        texts = dimension.ticktext or [f"{value:g}" for value in dimension.tickvals or dimension.range]
        for at, text in zip(ticks, texts, strict=True):
            ax.text(place + 0.02, at, _text(str(text)), fontsize=7.5, va="center")
    ax.set_xticks(places, [_text(d.label or "") for d in dimensions], rotation=15)
    ax.set_yticks([])
    ax.set_xlim(-0.1, len(dimensions) - 0.7)
    ax.set_ylim(-0.03, 1.03)
    ax.spines[:].set_visible(False)


def _is_whole(value: Any) -> bool:
    return value is None or isinstance(value, int)


def _fractions(values: Any, ends: Any) -> np.ndarray:
    low, high = ends
    found: np.ndarray = (np.array(values, float) - low) / ((high - low) or 1.0)
    return found


def _text(text: str) -> str:
    return printable(html.unescape(text.replace("<br>", "\n")))
