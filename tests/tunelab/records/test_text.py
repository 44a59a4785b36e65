"""Numbers, durations and texts as people read them."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from trainables.base.kinds.percent import as_percent
from tunelab.records.text import count_times, format_duration, format_number, format_tick


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.031234, "0.03123"), (12345.678, "12,346"), (1e-7, "1.000e-07"), (math.inf, "∞"), (-3.0, "-3")],
)
def test_numbers_are_for_people(value: float, shown: str) -> None:
    assert format_number(value) == shown


def test_ticks_durations_and_counts_are_short() -> None:
    assert [format_tick(v) for v in (0.001, 1e-5, 2e7, 0.25)] == ["0.001", "1e-5", "2e7", "0.25"]
    assert [format_duration(s) for s in (5.4, 245, 3723, math.inf)] == ["0:05", "4:05", "1:02:03", "?"]
    assert [count_times(n) for n in (0, 1, 2)] == ["never", "once", "2 times"]


def test_percentages_have_one_form() -> None:
    assert [as_percent(0.956), as_percent(-0.0123, 1), as_percent(0.2, 1, signed=True)] == ["96 %", "-1.2 %", "+20.0 %"]
    root = Path(__file__).parents[3]
    sources = [
        path
        for name in ("benchmarks", "search_spaces", "trainables", "tunelab")
        for path in root.glob(f"{name}/**/*.py")
    ]
    assert [str(path) for path in sources if re.search(r":[^{}\s]*%\}", path.read_text("utf-8"))] == []
