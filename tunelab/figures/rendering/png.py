"""Drawings as PNG files, by matplotlib without a display and without its global state."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from PIL import Image

from tunelab.documents.style import COLOURS
from tunelab.figures.charts import Bars, Chart, Drawing, Heatmap, Histogram, Images, Line, Mark, Points
from tunelab.figures.rendering.dates import label_dates
from tunelab.figures.rendering.fonts import families
from tunelab.figures.rendering.mosaic import mosaic
from tunelab.figures.ticks import DAY
from tunelab.system.terminal import printable

DPI = 110
INCHES = {"normal": (5.6, 4.0), "small": (2.9, 2.1), "tall": (6.4, 5.2), "large": (7.4, 6.4)}
QUIET = "#7f8c8d"
MAX_CELL_TEXTS = 450  # a larger heatmap shows colours alone


def png_bytes(drawing: Drawing) -> bytes:
    """Return a drawing as the bytes of a PNG file."""
    style: Any = _style()  # typed by matplotlib as a union of all its settings' names
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # without a Korean font, Hangul shows as boxes: that is seen, and one warning a letter does not help
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        width, height = INCHES[drawing.size]
        size = (width * drawing.columns, height * drawing.rows + 0.4)
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)  # untyped
        figure.suptitle(printable(drawing.title), fontsize=12)
        axes = np.atleast_1d(np.asarray(figure.subplots(drawing.rows, drawing.columns))).reshape(-1)
        for chart, ax in zip(drawing.charts, axes, strict=False):
            _draw(chart, ax, figure)
            if drawing.size == "small" and not any(isinstance(mark, Bars) for mark in chart.marks):
                ax.locator_params(nbins=4)
        for ax in axes[len(drawing.charts) :]:
            ax.set_axis_off()
        layout = figure.get_layout_engine()
        assert layout is not None
        layout.execute(figure)
        figure.set_layout_engine("none")  # else saving draws everything twice, first to lay it out
        canvas.draw()
        stream = io.BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(stream, "PNG", compress_level=2)
        return stream.getvalue()


def _style() -> dict[str, Any]:
    return {
        "font.family": families(),
        "text.parse_math": False,  # names of columns and classes are texts, also with $ in them
        "font.size": 9.5,
        "axes.unicode_minus": False,
        "axes.formatter.useoffset": False,  # years as 2020.5, not as 0.5 + 2.02e3
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.prop_cycle": cycler(color=list(COLOURS)),
        "legend.frameon": False,
    }


def _draw(chart: Chart, ax: Any, figure: Figure) -> None:
    chart = _in_days(chart) if chart.dates else chart
    bars = [mark for mark in chart.marks if isinstance(mark, Bars)]
    drawn = [(group.name, _draw_bars(group, number, len(bars), ax)) for number, group in enumerate(bars)]
    drawn += [(mark.name, _draw_curve(mark, ax)) for mark in chart.marks if isinstance(mark, Line | Points)]
    for mark in chart.marks:
        _draw_area(mark, ax, figure)
    for position in chart.verticals:
        ax.axvline(position, color=QUIET, linewidth=1, linestyle=":")
    ax.set_xlabel(printable(chart.x))
    ax.set_ylabel(printable(chart.y))
    if chart.whole_x:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if chart.dates:
        label_dates(ax)
    if chart.title:
        ax.set_title(printable(chart.title), fontsize=9.5)
    if chart.log_y:
        ax.set_yscale("log")
        # plain numbers: powers of ten would be set by mathtext, which knows no fallback fonts
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_locator(NullLocator())
    if chart.y_range is not None:
        ax.set_ylim(*chart.y_range)
    if chart.square:
        ax.set_aspect("equal", adjustable="datalim")
    _draw_legend(ax, [(name, artist) for name, artist in drawn if name], len(bars))


def _in_days(chart: Chart) -> Chart:
    """Return a chart of dates as matplotlib counts them, in days since 1970."""
    marks = [replace(mark, x=mark.x / DAY) if isinstance(mark, Line | Points) else mark for mark in chart.marks]
    return replace(chart, marks=marks, verticals=[place / DAY for place in chart.verticals])


def _draw_legend(ax: Any, named: Sequence[tuple[str, Any]], bars: int) -> None:
    """Name what has a name; bars above the axes, where no bar is.

    The names are given to the legend itself: as labels of artists, those that begin with an underscore would be left
    out.
    """
    if not named:
        return
    style: dict[str, Any] = {"ncols": bars, "loc": "lower center", "bbox_to_anchor": (0.5, 1.0)} if bars else {}
    ax.legend([artist for _, artist in named], [printable(name) for name, _ in named], fontsize=8, **style)


def _draw_curve(mark: Line | Points, ax: Any) -> Any:
    if isinstance(mark, Points):
        alpha = float(np.clip(200 / max(1, len(mark.x)), 0.15, 0.8))
        return ax.scatter(mark.x, mark.y, s=9, alpha=alpha, linewidths=0)
    style: dict[str, Any] = {"linewidth": 1.6}
    if mark.quiet:
        style = {"color": QUIET, "linestyle": "--", "linewidth": 1}
    elif mark.shade is not None:
        style |= {"color": COLOURS[mark.shade]}
    return ax.plot(mark.x, mark.y, **style)[0]


def _draw_area(mark: Mark, ax: Any, figure: Figure) -> None:
    if isinstance(mark, Histogram):
        ax.stairs(mark.counts, mark.edges, fill=True, color=COLOURS[0], alpha=0.85)
    elif isinstance(mark, Heatmap):
        _draw_heatmap(mark, ax, figure)
    elif isinstance(mark, Images):
        _draw_images(mark, ax)


def _draw_bars(mark: Bars, index: int, of: int, ax: Any) -> Any:
    places = np.arange(len(mark.values)) + (index - (of - 1) / 2) * 0.8 / of
    errors = mark.errors
    if mark.across:
        drawn = ax.barh(places, mark.values, 0.8 / of, xerr=errors, ecolor=QUIET, capsize=2)
        ax.set_yticks(np.arange(len(mark.labels)), [_short(text) for text in mark.labels])
        if not ax.yaxis_inverted():
            ax.invert_yaxis()
    else:
        drawn = ax.bar(places, mark.values, 0.8 / of, yerr=errors, ecolor=QUIET, capsize=2)
        _name_columns(mark.labels, ax)
    return drawn


def _draw_heatmap(mark: Heatmap, ax: Any, figure: Figure) -> None:
    low, high = mark.span or (float(mark.values.min()), float(mark.values.max()))
    colours = "RdBu_r" if mark.diverging else "Blues"
    image = ax.imshow(mark.values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    figure.colorbar(image, ax=ax, shrink=0.8)
    _name_columns(mark.columns, ax)
    ax.set_yticks(np.arange(len(mark.rows)), [_short(t) for t in mark.rows])
    ax.spines[:].set_visible(False)
    if mark.values.size > MAX_CELL_TEXTS:
        return
    for (row, column), value in np.ndenumerate(mark.values):
        share = (value - low) / max(high - low, 1e-12)
        dark = abs(share - 0.5) > 0.35 if mark.diverging else share > 0.6
        text = f"{value:,.{mark.digits}f}"
        cell = ax.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
        cell.set_in_layout(False)  # it lies inside the axes, and measuring each takes long


def _name_columns(names: Sequence[str], ax: Any) -> None:
    """Draw labels below the axes, turned when they would overlap."""
    inches = ax.get_position().width * ax.figure.get_figwidth()
    turned = sum(len(_short(name)) + 2 for name in names) > 13 * inches
    style = {"rotation": 50, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    ax.set_xticks(np.arange(len(names)), [_short(name) for name in names], **style)


def _draw_images(mark: Images, ax: Any) -> None:
    """Draw all pictures as one mosaic, so that a sheet of a hundred does not need a hundred axes."""
    sheet, places = mosaic(mark)
    ax.imshow(sheet, cmap="gray", vmin=0, vmax=255, aspect="equal", interpolation="nearest")
    for (x, y), caption in zip(places, mark.captions, strict=True):
        if caption:
            ax.text(x, y, printable(caption), ha="center", va="top", fontsize=7)
    ax.set_axis_off()


def _short(text: str, most: int = 24) -> str:
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
