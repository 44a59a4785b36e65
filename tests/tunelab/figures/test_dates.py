"""Axes of dates: readable ticks, whatever their step, on a page and in a picture."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tunelab.figures.charts import Chart, Drawing, Line
from tunelab.figures.rendering.dates import label_dates
from tunelab.figures.rendering.html import page_figure
from tunelab.figures.ticks import DAY, date_axis, written_date


@pytest.mark.parametrize(
    ("frequency", "count", "shown"),
    [
        ("min", 90, "00:30\n2024-03-01"),
        ("h", 72, "2024-03-02"),
        ("D", 60, "2024-03-15"),
        ("MS", 30, "2025-01"),
        ("YS", 40, "2040"),
    ],
)
def test_ticks_of_a_picture_are_dates_in_numbers(frequency: str, count: int, shown: str) -> None:
    stamps = pd.date_range("2024-03-01", periods=count, freq=frequency)
    figure = Figure(figsize=(5.6, 4.0))
    canvas: Any = FigureCanvasAgg(figure)  # untyped
    ax = figure.subplots()
    ax.plot((stamps - pd.Timestamp(0)).total_seconds() / DAY, np.zeros(count))
    label_dates(ax)
    canvas.draw()
    low, high = ax.get_xlim()
    labels = [label for label in ax.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert shown in [label.get_text() for label in labels]
    assert 3 <= len(labels) <= 9
    ends = [(box.x0, box.x1) for box in (label.get_window_extent() for label in labels)]
    assert all(left[1] < right[0] for left, right in itertools.pairwise(ends))  # none covers its neighbour


def test_a_page_has_dates_along_its_axis_and_rules_at_dates() -> None:
    hours = np.arange(0.0, 5 * 3_600, 3_600)
    drawing = Drawing("d", "t", [Chart([Line(hours, hours)], "time", verticals=[3_600.0], dates=True)])
    block: Any = page_figure(drawing)
    assert block.data[0]["x"][:2] == ["1970-01-01", "1970-01-01 01:00:00"]
    assert block.layout["shapes"][0]["x0"] == "1970-01-01 01:00:00"
    assert block.layout["xaxis"]["hoverformat"] == "%Y-%m-%d %H:%M"
    assert date_axis([0.0, DAY])["hoverformat"] == "%Y-%m-%d"
    assert written_date(-DAY) == "1969-12-31"


def test_whole_numbers_along_an_axis_are_written_out() -> None:
    years = np.arange(1990.0, 2030.0)
    block: Any = page_figure(Drawing("d", "t", [Chart([Line(years, years)], "year", whole_x=True)]))
    assert block.layout["xaxis"]["tickformat"] == "d"
    assert block.data[0]["x"] == years.tolist()
