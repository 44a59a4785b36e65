"""Drawings as interactive plotly figures on one self-contained page."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tunelab.documents.blocks import Document, Figure, Section, Text
from tunelab.documents.html import to_html
from tunelab.documents.style import COLOURS
from tunelab.figures.charts import Bars, Chart, Drawing, Heatmap, Histogram, Images, Line, Mark, Points
from tunelab.figures.png import mosaic

HEIGHT = {"normal": 380, "small": 240, "tall": 480, "large": 600}  # pixels of a row
QUIET = "#7f8c8d"
DIGITS = 5  # significant, of the value or of the values' range; more would only make the page larger


def figures_page(title: str, subtitle: str, drawings: Sequence[Drawing]) -> str:
    """Render one HTML page with a section for each drawing; it holds no link to anything outside."""
    sections = [Section(d.title, [*([Text(d.note)] if d.note else []), page_figure(d)]) for d in drawings]
    return to_html(Document(title, subtitle, sections))


def page_figure(drawing: Drawing) -> Figure:
    """Return a drawing as the block of a document."""
    figure = plotly_figure(drawing)
    content = json.loads(figure.to_json())
    return Figure(content["data"], content["layout"], drawing.title, height=int(figure.layout.height))


def plotly_figure(drawing: Drawing) -> go.Figure:
    """A drawing as a plotly figure."""
    figure = make_subplots(
        rows=drawing.rows,
        cols=drawing.columns,
        subplot_titles=[chart.title for chart in drawing.charts] if any(c.title for c in drawing.charts) else None,
        horizontal_spacing=0.3 / drawing.columns if drawing.columns > 1 else None,
        vertical_spacing=min(0.25, 0.35 / drawing.rows) if drawing.rows > 1 else None,
    )
    for number, chart in enumerate(drawing.charts):
        _draw(chart, figure, number // drawing.columns + 1, number % drawing.columns + 1)
    several = any(getattr(mark, "name", "") for chart in drawing.charts for mark in chart.marks)
    figure.update_layout(height=HEIGHT[drawing.size] * drawing.rows, showlegend=several, template="none")
    figure.update_annotations(font_size=12)
    return figure


def _draw(chart: Chart, figure: go.Figure, row: int, column: int) -> None:
    for number, mark in enumerate(chart.marks):
        shade = mark.shade if isinstance(mark, Line) and mark.shade is not None else number
        trace = _trace(mark, COLOURS[shade % len(COLOURS)])
        if getattr(mark, "name", "") == "" and not isinstance(mark, Heatmap | Images):
            trace.showlegend = False
        figure.add_trace(trace, row, column)
    across = any(isinstance(mark, Bars) and mark.across for mark in chart.marks)
    matrix = any(isinstance(mark, Heatmap) for mark in chart.marks)
    figure.update_xaxes(title_text=chart.x, row=row, col=column)
    figure.update_yaxes(title_text=chart.y, row=row, col=column)
    if across or matrix:
        figure.update_yaxes(autorange="reversed", row=row, col=column)
    if matrix or any(isinstance(mark, Bars) for mark in chart.marks):
        figure.update_xaxes(type=None if across else "category", row=row, col=column)
        if across or matrix:
            figure.update_yaxes(type="category", row=row, col=column)
    if chart.log_y:
        figure.update_yaxes(type="log", row=row, col=column)
    if chart.y_range is not None:
        figure.update_yaxes(range=list(chart.y_range), row=row, col=column)
    if any(isinstance(mark, Images) for mark in chart.marks):
        figure.update_xaxes(visible=False, row=row, col=column)
        figure.update_yaxes(visible=False, scaleanchor="x", autorange="reversed", row=row, col=column)
        _caption(chart, figure, row, column)
    for position in chart.verticals:
        figure.add_vline(x=position, line_dash="dot", line_color=QUIET, row=row, col=column)


def _trace(mark: Mark, colour: str) -> go.Scatter | go.Bar | go.Heatmap | go.Image:
    if isinstance(mark, Line):
        line = {"color": QUIET, "dash": "dash", "width": 1} if mark.quiet else {"color": colour, "width": 2}
        return go.Scatter(x=_plain(mark.x), y=_plain(mark.y), mode="lines", name=mark.name, line=line)
    if isinstance(mark, Points):
        marker = {"size": 5, "color": colour, "opacity": float(np.clip(200 / max(1, len(mark.x)), 0.25, 0.8))}
        return go.Scatter(x=_plain(mark.x), y=_plain(mark.y), mode="markers", name=mark.name, marker=marker)
    if isinstance(mark, Histogram):
        middles, widths = (mark.edges[:-1] + mark.edges[1:]) / 2, np.diff(mark.edges)
        return go.Bar(x=_plain(middles), y=_plain(mark.counts), width=_plain(widths), marker_color=colour)
    if isinstance(mark, Bars):
        errors = None if mark.errors is None else {"array": _plain(mark.errors), "color": QUIET}
        labels = list(mark.labels)
        if mark.across:
            return go.Bar(
                x=_plain(mark.values), y=labels, orientation="h", error_x=errors, name=mark.name, marker_color=colour
            )
        return go.Bar(x=labels, y=_plain(mark.values), error_y=errors, name=mark.name, marker_color=colour)
    if isinstance(mark, Heatmap):
        low, high = mark.span or (None, None)
        return go.Heatmap(
            z=[_plain(row) for row in mark.values],
            x=list(mark.columns),
            y=list(mark.rows),
            zmin=low,
            zmax=high,
            colorscale="RdBu_r" if mark.diverging else "Blues",
            texttemplate=f"%{{z:,.{mark.digits}f}}",
            hovertemplate="%{y} · %{x}: %{z}<extra></extra>",
            name="",
        )
    assert isinstance(mark, Images)
    sheet, _ = mosaic(mark)
    return go.Image(z=np.repeat(sheet[:, :, None], 3, axis=2), hoverinfo="skip")


def _caption(chart: Chart, figure: go.Figure, row: int, column: int) -> None:
    for mark in chart.marks:
        if isinstance(mark, Images):
            for (x, y), caption in zip(mosaic(mark)[1], mark.captions, strict=True):
                if caption:
                    figure.add_annotation(
                        x=x, y=y, text=caption, showarrow=False, yanchor="top", font_size=9, row=row, col=column
                    )


def _plain(values: np.ndarray) -> list[float | None]:
    """Numbers as short JSON: plotly would write arrays as base64 with all their digits.

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
