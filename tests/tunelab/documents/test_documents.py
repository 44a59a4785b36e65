"""Documents are self-contained, show every text as text in both formats, and are equal for equal content."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from html.parser import HTMLParser
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tunelab.documents.blocks import (
    Block,
    Card,
    Cards,
    Code,
    Document,
    Facts,
    Figure,
    Folded,
    Heading,
    Image,
    Items,
    Link,
    Note,
    Panels,
    Section,
    Table,
    Text,
)
from tunelab.documents.html import to_html
from tunelab.documents.markdown import to_markdown
from tunelab.documents.plotly_json import figure_json
from tunelab.documents.style import COLOURS

HOSTILE = (
    "<img src=x onerror=alert(1)>\"'</script>",
    "\x1b[31mred\x1b]0;title\x07",
    "**bold** _x_ `code` [link](http://example.org) | $a^2$ ~~gone~~",
    "# heading\n- item\n1. one",
    "&lt;b&gt; %{x} \u202etxet \ud800",
    "{{ 7 * 7 }} {% raw %}",
    "1) one",
    "javascript:alert(1)",
    "//elsewhere.example",
)


def bar(name: str) -> Figure:
    layout = {"title": {"text": name}, "xaxis": {"title": {"text": name}, "type": "category"}}
    return Figure([{"type": "bar", "x": [name], "y": [1], "name": name}], layout, name)


def document(text: str) -> Document:
    """A document with every class of block, the text at every place that takes one."""
    blocks: list[Block] = [
        *(Text(text), Text(text, soft=True), Note(text), Note(text, warning=True), Items([text]), Heading(text)),
        Table([text], [[text], [1.5], [None], [True]], text, (0,), helps={text: text}),
        *(Facts({text: text}), Code(text), Link(text, text), Image(b"png", text), bar(text), Panels([bar(text)], text)),
        Cards([(text, [Card(text, [text], "ko")])], text),
        Folded(text, [Text(text)]),
    ]
    assert {type(block) for block in blocks} == set(get_args(Block))
    return Document(text, text, [Section(text, blocks)], {text: text}, text)


class Reader(HTMLParser):
    """Collects tags, attributes and the text that a browser shows."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.shown = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.shown += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


@cache
def harmless_page() -> Reader:
    return read(to_html(document("harmless")))


@settings(deadline=None, max_examples=20)  # each page carries all of plotly
@given(st.sampled_from(HOSTILE), st.text(max_size=20))
def test_no_text_becomes_markup_on_a_page(hostile: str, text: str) -> None:
    page = to_html(document(hostile + text))
    found, harmless = read(page), harmless_page()
    assert found.tags == harmless.tags
    assert found.attributes == harmless.attributes
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", page)


@settings(deadline=None)
@given(st.sampled_from(HOSTILE), st.text(max_size=20))
def test_no_text_becomes_markup_in_markdown(hostile: str, text: str) -> None:
    def kinds(content: str) -> list[str]:
        tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(content)
        inner = [child for token in tokens for child in (token.children or []) if child.type != "text"]
        return [token.type for token in tokens] + [child.type for child in inner if child.type != "softbreak"]

    markdown = to_markdown(document(hostile + text))
    assert kinds(markdown) == kinds(to_markdown(document("harmless")))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", markdown)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", " JavaScript:x", "data:text/html,x", "vbscript:x", "//evil"]
)
def test_an_address_that_runs_code_or_leaves_the_page_opens_nothing(address: str) -> None:
    pages = Document("t", "", [Section("s", [Link("here", address), Link("there", "http://127.0.0.1:5000/#/runs")])])
    assert re.findall(r'<p><a href="([^"]*)">', to_html(pages)) == ["#", "http://127.0.0.1:5000/#/runs"]
    assert "[here](<#>)" in to_markdown(pages)


def test_a_page_shows_the_texts_that_it_was_given() -> None:
    shown = read(to_html(document(HOSTILE[0]))).shown
    assert shown.count(HOSTILE[0]) > 15
    assert "\\x1b[31mred" in read(to_html(document(HOSTILE[1]))).shown


def test_names_in_figures_are_not_tags_for_plotly() -> None:
    found = json.loads(figure_json(bar("<b>$x$</b>\nsecond & last")))
    escaped = "&lt;b&gt;$x$&lt;/b&gt;<br>second &amp; last"
    assert found["data"][0]["x"] == [escaped]
    assert found["data"][0]["name"] == escaped
    assert found["layout"]["xaxis"]["title"]["text"] == escaped
    template = Figure([{"hovertemplate": "%{y}<extra></extra>"}], {}, "")
    assert json.loads(figure_json(template))["data"][0]["hovertemplate"] == "%{y}<extra></extra>"


def test_a_page_stands_alone_and_is_the_same_each_time() -> None:
    html = to_html(document("한글"))
    assert html == to_html(document("한글"))
    assert html.count('id="plotly-gz"') == 1
    assert not re.search(r'src="(?!data:)', html)
    assert len(html) < 6_000_000


def test_a_page_without_figures_carries_no_plotly() -> None:
    assert len(to_html(Document("plain", "", [Section("one", [Text("text")])]))) < 30_000


def test_sections_of_one_title_have_anchors_of_their_own() -> None:
    html = to_html(Document("t", "", [Section("같은 제목", [Text("a")]), Section("같은 제목", [Text("b")])]))
    anchors = re.findall(r'<section id="([^"]+)"', html)
    assert len(set(anchors)) == 2
    assert re.findall(r'href="#([^"]+)"', html) == anchors


def table(columns: list[str], rows: list[list[str | float | None]]) -> str:
    return to_html(Document("t", "", [Section("s", [Table(columns, rows)])]))


def test_cells_without_value_sort_apart() -> None:
    assert table(["a"], [[math.nan], [None], [2.0]]).count('data-value=""') == 2


def test_texts_in_a_column_of_numbers_stand_below_its_head() -> None:
    html = table(["a", "b"], [["x", 1.5], ["y", "none"]])
    assert '<td class="right">none</td>' in html
    assert '<td class="short">x</td>' in html


def test_the_caption_of_a_wide_figure_does_not_scroll_away() -> None:
    html = to_html(Document("t", "", [Section("s", [Figure([], {}, "caption", wide=True)])]))
    assert re.search(
        r'<div class="scroll"><div class="wide"><div class="plot"[^>]*></div></div></div><figcaption>', html
    )


@pytest.mark.parametrize("text", ["- item", "+ item", "1. one", "23) one"])
def test_a_paragraph_begins_no_list(text: str) -> None:
    markdown = to_markdown(Document("t", "", [Section("s", [Text(text)])]))
    assert [t.type for t in MarkdownIt().parse(markdown)].count("paragraph_open") == 1
    assert "list" not in str([t.type for t in MarkdownIt().parse(markdown)])


def test_options_in_the_provenance_do_not_break() -> None:
    html = to_html(Document("t", "", [], {"command": "tunelab sweep --name <a>"}))
    assert '<dd>tunelab sweep <span class="option">--name</span> &lt;a&gt;</dd>' in html


def test_every_colour_of_a_figure_is_seen_on_a_dark_page() -> None:
    """Graphics need a contrast of 3 with what is behind them (WCAG 2.2, 1.4.11); thin lines are given more."""
    html = to_html(document("x"))
    dark = re.findall(r"--paper: (#[0-9a-f]{6})", html)[1]
    brighter = dict(
        re.findall(r'"(#[0-9a-f]{6})": "(#[0-9a-f]{6})"', html.partition("const ON_DARK")[2].partition(";")[0])
    )
    assert brighter.keys() <= set(COLOURS)
    shown = [brighter.get(colour, colour) for colour in COLOURS]
    assert min((_luminance(colour) + 0.05) / (_luminance(dark) + 0.05) for colour in shown) > 4.5
    assert len(set(shown)) == len(COLOURS)


def _luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_no_line_breaks_before_a_percent_sign() -> None:
    assert "95\u00a0% interval" in to_html(Document("t", "", [Section("s", [Text("the 95 % interval")])]))


def test_the_arrow_of_a_score_stays_beside_its_name() -> None:
    assert ">test rmse\u00a0↓</th>" in table(["test rmse ↓"], [[1.0]])
