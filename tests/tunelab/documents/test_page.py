"""Pages stand alone, escape everything and are the same bytes for the same content."""

from __future__ import annotations

import math
import re

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunelab.documents.page import Page, number, table_html


def page(text: str) -> Page:
    made = Page(text, subtitle=text, provenance={text: text})
    section = made.section(text, text).note(text).paragraph(text).items([text]).facts({text: text}).code(text)
    section.table([text], [[text], [1.5], [None]], text, helps={text: text})
    section.figure(go.Figure([go.Scatter(x=[1], y=[2], name=text)]).update_layout(title=text), text)
    section.search([(text, "<p data-item>trusted</p>")], text)
    return made


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
def test_no_text_becomes_markup(text: str) -> None:
    marked = f"<img src=x onerror=alert(1)>\"'</script>{text}"
    html = page(marked).html()
    assert "<img" not in html
    assert 'onerror=alert(1)>"' not in html


def test_a_page_stands_alone_and_is_the_same_each_time() -> None:
    html = page("한글").html()
    assert html == page("한글").html()
    assert html.count('id="plotly-gz"') == 1
    assert 'src="' not in html
    assert len(html) < 6_000_000


def test_a_page_without_figures_carries_no_plotly() -> None:
    empty = Page("plain")
    empty.section("one", "text")
    assert len(empty.html()) < 30_000


def test_cells_without_value_sort_apart() -> None:
    html = table_html(["a"], [[math.nan], [None], [2.0]])
    assert html.count('data-value=""') == 2


def test_texts_in_a_column_of_numbers_stand_below_its_head() -> None:
    html = table_html(["a", "b"], [["x", 1.5], ["y", "none"]])
    assert '<td class="right">none</td>' in html
    assert "<td>x</td>" in html


def test_the_caption_of_a_wide_figure_does_not_scroll_away() -> None:
    made = Page("wide")
    made.section("one").figure(go.Figure(), "caption", wide=True)
    assert re.search(
        r'<div class="scroll"><div class="wide"><div class="plot"[^>]*></div></div></div><figcaption>', made.html()
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.031234, "0.03123"), (12345.678, "12,346"), (1e-7, "1.000e-07"), (math.inf, "∞"), (-3.0, "-3")],
)
def test_numbers_are_for_people(value: float, shown: str) -> None:
    assert number(value) == shown
