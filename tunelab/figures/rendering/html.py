"""Drawings as interactive figures of a document, in plotly's terms, and one self-contained page of them."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from tunelab.documents.blocks import Document, Figure, Panels, Section
from tunelab.documents.html import to_html
from tunelab.documents.style import COLOURS
from tunelab.figures.charts import Bars, Chart, Drawing, Heatmap, Histogram, Images, Line, Mark, Points
from tunelab.figures.rendering.mosaic import mosaic
from tunelab.figures.ticks import date_axis, log_axis, whole_ticks, written_date

HEIGHT = {"normal": 380, "small": 240, "tall": 480, "large": 600}  # pixels of a row
MAX_READ = 20  # columns of a heat map whose cells one reads, so that it needs no scale beside it
QUIET = "#7f8c8d"
SMALL = {"font": {"size": 12}}
# Sheets are white on any page.
CAPTION = {"font": {"size": 9, "color": "#222222"}, "bgcolor": "#ffffff", "borderpad": 0}
SHEET_MARGIN, PAGE_WIDTH = 12, 1060  # pixels
# Brewer's RdBu, reversed: plotly.js has another scale of that name.
DIVERGING = [[0.0, "#2166ac"], [0.25, "#92c5de"], [0.5, "#f7f7f7"], [0.75, "#f4a582"], [1.0, "#b2182b"]]
DIGITS = 5  # significant, of the value or of the values' range; more would only make the page larger
Json = dict[str, Any]


def figures_page(title: str, subtitle: str, drawings: Sequence[Drawing]) -> str:
    """Render one HTML page with a section for each drawing; it holds no link to anything outside."""
    sections = [Section(d.title, [page_figure(d)]) for d in drawings]
    return to_html(Document(title, subtitle, sections))


def page_figure(drawing: Drawing) -> Figure | Panels:
    """Return a drawing as a block of a document: two charts side by side, stacked on a phone; others on one grid."""
    caption = " ".join(part for part in (f"{drawing.title}.", drawing.note) if part)
    if drawing.columns != 2:
        return replace(_grid(drawing), caption=caption)
    alone = [replace(drawing, charts=[replace(chart, title="")], columns=1) for chart in drawing.charts]
    charts = zip(alone, drawing.charts, strict=True)
    return Panels([replace(_grid(one), caption=chart.title or chart.y) for one, chart in charts], caption)


def _grid(drawing: Drawing) -> Figure:
    names = {name for chart in drawing.charts for mark in chart.marks if (name := getattr(mark, "name", ""))}
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    layout: Json = {"showlegend": len(names) > 1, "legend": legend, "annotations": [], "shapes": []}
    if any(chart.title for chart in drawing.charts):
        layout["margin"] = {"t": 40}
    sheets = [mark for chart in drawing.charts for mark in chart.marks if isinstance(mark, Images)]
    if sheets:
        layout["margin"] = dict.fromkeys("lrtb", SHEET_MARGIN)
    traces: list[Json] = []
    for number, chart in enumerate(drawing.charts):
        axes = _Axes(number, drawing)
        traces += _traces(chart, axes)
        layout |= {axes.x_key: _x_axis(chart, axes), axes.y_key: _y_axis(chart, axes)}
        layout["annotations"] += _annotations(chart, axes)
        places = [written_date(place) if chart.dates else place for place in chart.verticals]
        layout["shapes"] += [_rule(place, axes) for place in places]
    height = min([HEIGHT[drawing.size], *map(_full_height, sheets)]) * drawing.rows
    wide = drawing.columns > 2 or any(any(sheet.captions) for sheet in sheets)  # on a phone captions would overlap
    return Figure(traces, layout, "", height=height, wide=wide)


def _full_height(sheet: Images) -> int:
    """Return the height of a sheet that is as wide as a page."""
    height, width = mosaic(sheet)[0].shape[:2]
    return round(PAGE_WIDTH * float(height / width))


@dataclass(frozen=True)
class _Axes:
    """The place of a chart on the grid, and plotly's names of its axes: ``x2``, ``y2``."""

    number: int
    drawing: Drawing

    @property
    def suffix(self) -> str:
        return "" if self.number == 0 else str(self.number + 1)

    @property
    def x_key(self) -> str:
        return f"xaxis{self.suffix}"

    @property
    def y_key(self) -> str:
        return f"yaxis{self.suffix}"

    @property
    def x_domain(self) -> list[float]:
        return _part(self.number % self.drawing.columns, self.drawing.columns, 0.3 / self.drawing.columns)

    @property
    def y_domain(self) -> list[float]:
        row, rows = self.number // self.drawing.columns, self.drawing.rows
        low, high = _part(row, rows, min(0.25, 0.35 / rows))
        return [round(1 - high, 6), round(1 - low, 6)]


def _part(index: int, count: int, gap: float) -> list[float]:
    """Return the ends of one of equal parts of 0 to 1 with gaps between them."""
    size = (1 - gap * (count - 1)) / count
    return [round(index * (size + gap), 6), round(index * (size + gap) + size, 6)]


def _traces(chart: Chart, axes: _Axes) -> list[Json]:
    place = {"xaxis": f"x{axes.suffix}", "yaxis": f"y{axes.suffix}"}
    traces = []
    for number, mark in enumerate(chart.marks):
        shade = mark.shade if isinstance(mark, Line) and mark.shade is not None else number
        trace = _trace(mark, COLOURS[shade % len(COLOURS)]) | place
        if getattr(mark, "name", "") == "" and not isinstance(mark, Heatmap | Images):
            trace["showlegend"] = False
        if chart.dates and isinstance(mark, Line):
            trace["x"] = [written_date(float(value)) for value in mark.x]
        traces.append(trace)
    return traces


def _x_axis(chart: Chart, axes: _Axes) -> Json:
    axis: Json = {"domain": axes.x_domain, "anchor": f"y{axes.suffix}", "title": {"text": chart.x}, "automargin": True}
    if any(isinstance(mark, Heatmap) or (isinstance(mark, Bars) and not mark.across) for mark in chart.marks):
        axis["type"] = "category"
    if any(isinstance(mark, Images) for mark in chart.marks):
        axis["visible"] = False
    along = [float(v) for mark in chart.marks if isinstance(mark, Line) for v in mark.x]
    if chart.whole_x:
        axis |= whole_ticks(along) | {"tickformat": "d"}  # 20000, not 20k
    if chart.dates:
        axis |= date_axis(along)
    return axis


def _y_axis(chart: Chart, axes: _Axes) -> Json:
    axis: Json = {"domain": axes.y_domain, "anchor": f"x{axes.suffix}", "title": {"text": chart.y}, "automargin": True}
    if any(isinstance(mark, Heatmap) or (isinstance(mark, Bars) and mark.across) for mark in chart.marks):
        axis |= {"autorange": "reversed", "type": "category"}
    if chart.log_y:
        values = [float(v) for mark in chart.marks if isinstance(mark, Line) for v in mark.y if v > 0]
        axis |= log_axis(values)
    axis |= whole_ticks([0.0, *counts]) if (counts := _counts(chart)) else {}
    if chart.y_range is not None:
        axis["range"] = list(chart.y_range)
    if any(isinstance(mark, Images) for mark in chart.marks):
        axis |= {"visible": False, "scaleanchor": f"x{axes.suffix}", "autorange": "reversed"}
    return axis


def _counts(chart: Chart) -> list[float]:
    """Return the heights of a chart's bars where all are whole numbers and its range is free; else none."""
    bars = [mark.counts for mark in chart.marks if isinstance(mark, Histogram)]
    bars += [mark.values for mark in chart.marks if isinstance(mark, Bars) and not mark.across]
    heights = [float(height) for values in bars for height in values]
    return heights if chart.y_range is None and all(height.is_integer() for height in heights) else []


def _annotations(chart: Chart, axes: _Axes) -> list[Json]:
    """Return the title of a chart and the captions of its images."""
    found: list[Json] = []
    if chart.title:
        place = {"x": sum(axes.x_domain) / 2, "y": axes.y_domain[1], "xref": "paper", "yref": "paper"}
        found.append(
            {**place, "text": chart.title, "showarrow": False, "yanchor": "bottom", "xanchor": "center", **SMALL}
        )
    for mark in chart.marks:
        if isinstance(mark, Images):
            refs = {"xref": f"x{axes.suffix}", "yref": f"y{axes.suffix}", "showarrow": False, "yanchor": "top"}
            found += [
                {**refs, "x": x, "y": y, "text": caption, **CAPTION}
                for (x, y), caption in zip(mosaic(mark)[1], mark.captions, strict=True)
                if caption
            ]
    return found


def _rule(position: float | str, axes: _Axes) -> Json:
    line = {"dash": "dot", "color": QUIET}
    ends = {"x0": position, "x1": position, "y0": 0, "y1": 1}
    return {"type": "line", **ends, "xref": f"x{axes.suffix}", "yref": f"y{axes.suffix} domain", "line": line}


def _trace(mark: Mark, colour: str) -> Json:
    if isinstance(mark, Line):
        line = {"color": QUIET, "dash": "dash", "width": 1} if mark.quiet else {"color": colour, "width": 2}
        points = {"x": _plain(mark.x), "y": _plain(mark.y), "name": mark.name}
        return {"type": "scatter", "mode": "lines", **points, "line": line}
    if isinstance(mark, Points):
        marker = {"size": 5, "color": colour, "opacity": float(np.clip(200 / max(1, len(mark.x)), 0.25, 0.8))}
        points = {"x": _plain(mark.x), "y": _plain(mark.y), "name": mark.name}
        return {"type": "scatter", "mode": "markers", **points, "marker": marker}
    if isinstance(mark, Histogram):
        middles, widths = (mark.edges[:-1] + mark.edges[1:]) / 2, np.diff(mark.edges)
        bars = {"x": _plain(middles), "y": _plain(mark.counts), "width": _plain(widths)}
        return {"type": "bar", **bars, "marker": {"color": colour}}
    if isinstance(mark, Bars):
        return _bars(mark, colour)
    if isinstance(mark, Heatmap):
        return _heatmap(mark)
    assert isinstance(mark, Images)
    written = io.BytesIO()
    Image.fromarray(mosaic(mark)[0]).convert("RGB").save(written, format="PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()
    return {"type": "image", "source": source, "hoverinfo": "skip"}


def _bars(mark: Bars, colour: str) -> Json:
    labels, values = list(mark.labels), _plain(mark.values)
    errors = None if mark.errors is None else {"type": "data", "array": _plain(mark.errors), "color": QUIET}
    style = {"type": "bar", "name": mark.name, "marker": {"color": colour}}
    if mark.across:
        return {**style, "orientation": "h", "x": values, "y": labels} | ({"error_x": errors} if errors else {})
    return {**style, "x": labels, "y": values} | ({"error_y": errors} if errors else {})


def _heatmap(mark: Heatmap) -> Json:
    low, high = mark.span or (None, None)
    return {
        **{"type": "heatmap", "name": "", "x": list(mark.columns), "y": list(mark.rows)},
        **{"z": [_plain(row) for row in mark.values], "zmin": low, "zmax": high},
        "colorscale": DIVERGING if mark.diverging else "Blues",
        "reversescale": not mark.diverging,
        "showscale": len(mark.columns) > MAX_READ,
        "texttemplate": f"%{{z:,.{mark.digits}f}}",
        "hovertemplate": "%{y} · %{x}: %{z}<extra></extra>",
    }


def _plain(values: np.ndarray) -> list[float | None]:
    """Return numbers as short JSON: plotly would write arrays as base64 with all their digits.

    Years from 2020.0 to 2021.0 keep more digits than five: else the bars of months would lie on one another.
    """
    numbers = np.asarray(values, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    span = float(np.ptp(finite)) if len(finite) else 0.0
    places = DIGITS - 1 - math.floor(math.log10(span)) if span > 0 else 0
    return [_short(float(v), places) if np.isfinite(v) else None for v in numbers]


def _short(value: float, places: int) -> float:
    own = DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
    return round(value, max(places, own))
