"""One self-contained HTML page: sections, sortable tables, interactive figures; works offline, dark and on phones.

A page holds no link to anything outside itself. Equal content gives equal bytes: identifiers count up and nothing is
timed. Everything that callers pass is escaped, except what is given to ``Section.raw``.

    page = Page("Sweep of wine", subtitle="32 trials", provenance={"commit": "1a2b3c"})
    results = page.section("Results", "Lower is better.")
    results.table(["trial", "val_loss"], [["3", 0.0312], ["7", 0.0455]], caption="Best trials", marked=[0])
    results.figure(plotly_figure, "Loss by epoch")
    page.write(Path("report.html"))
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import plotly.graph_objects as go

Cell = str | int | float | bool | None

# Okabe and Ito's palette without black and yellow, so that lines part on both backgrounds and for colour-blind readers.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c6bb1", "#7f8c8d")
FONT_STACK = "system-ui, 'Noto Sans KR', 'Apple SD Gothic Neo', 'Malgun Gothic', NanumGothic, sans-serif"


def number(value: float, digits: int = 4) -> str:
    """A float for people: ``digits`` significant digits, no exponent between 1e-4 and 1e6, NaN and infinity named."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    if value == int(value):
        return f"{int(value):,}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


class Section:
    """A headed part of a page; every method appends and returns the section, so that calls can be chained."""

    def __init__(self, page: Page, title: str, anchor: str) -> None:
        self._page = page
        self.title = title
        self.anchor = anchor
        self._parts: list[str] = []

    def raw(self, html: str) -> Section:
        """Trusted HTML, taken as it is; the caller has escaped what is inside."""
        self._parts.append(html)
        return self

    def heading(self, text: str) -> Section:
        return self.raw(f"<h3>{escape(text)}</h3>")

    def paragraph(self, text: str, *, soft: bool = False) -> Section:
        kind = "soft" if soft else "text"
        return self.raw(f'<p class="{kind}">{escape(text)}</p>')

    def note(self, text: str, kind: Literal["info", "warning"] = "info") -> Section:
        return self.raw(f'<div class="note {kind}">{escape(text)}</div>')

    def items(self, texts: Iterable[str]) -> Section:
        return self.raw("<ul>" + "".join(f"<li>{escape(t)}</li>" for t in texts) + "</ul>")

    def facts(self, pairs: Mapping[str, Cell]) -> Section:
        """Terms with their values or definitions, two columns."""
        return self.raw(_facts(pairs))

    def code(self, text: str) -> Section:
        return self.raw(f"<pre>{escape(text)}</pre>")

    def details(self, summary: str, html: str, *, opened: bool = False) -> Section:
        """A part that unfolds; ``html`` is trusted."""
        return self.raw(f"<details{' open' if opened else ''}><summary>{escape(summary)}</summary>{html}</details>")

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        caption: str = "",
        *,
        marked: Collection[int] = (),
        digits: int = 4,
        helps: Mapping[str, str] | None = None,
    ) -> Section:
        """A sortable table. ``marked`` rows stand out; ``helps`` explains columns on hover; None is an empty cell."""
        return self.raw(table_html(columns, rows, caption, marked=marked, digits=digits, helps=helps))

    def figure(self, figure: go.Figure, caption: str, *, height: int = 420, wide: bool = False) -> Section:
        """An interactive plotly figure in the page's fonts and colours.

        Args:
            figure: what ``to_json`` gives plotly's data and layout of.
            caption: what it shows.
            height: pixels.
            wide: whether it scrolls sideways on a phone instead of shrinking; its caption does not.
        """
        return self.raw(self._page._figure(figure, caption, height, wide))

    def search(self, groups: Iterable[tuple[str, str]], placeholder: str, *, opened: int = 1) -> Section:
        """Foldable groups with a search field over their items.

        Args:
            groups: (summary, trusted HTML) pairs; each element to be found carries the attribute ``data-item``.
            placeholder: the search field's hint.
            opened: how many groups are unfolded at first.
        """
        name = f"{self.anchor}-items"
        self.raw(
            f'<p><input type="search" data-filter="{name}" placeholder="{escape(placeholder)}" '
            f'aria-label="{escape(placeholder)}"> <span class="soft" id="{name}-count" aria-live="polite"></span></p>'
        )
        self.raw(f'<div id="{name}">')
        for index, (summary, html) in enumerate(groups):
            self.details(summary, html, opened=index < opened)
        return self.raw("</div>")

    def html(self) -> str:
        return f'<section id="{self.anchor}"><h2>{escape(self.title)}</h2>{"".join(self._parts)}</section>'


class Page:
    """A report: title, what made it, and sections in the order they are added.

    Args:
        title: heading and browser title.
        subtitle: one line under the title.
        provenance: what fixed the numbers (command, commit, versions, machine, seeds), shown at the end.
        language: of the page's own words, for screen readers; texts inside may be in another.
    """

    def __init__(
        self, title: str, *, subtitle: str = "", provenance: Mapping[str, Cell] | None = None, language: str = "en"
    ) -> None:
        self.title = title
        self.subtitle = subtitle
        self.provenance = dict(provenance or {})
        self.language = language
        self._sections: list[Section] = []
        self._figures = 0

    def section(self, title: str, intro: str = "") -> Section:
        """Opens a section; it takes its place in the list of contents."""
        anchor = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        if anchor in {s.anchor for s in self._sections}:
            anchor += f"-{len(self._sections) + 1}"
        section = Section(self, title, anchor)
        self._sections.append(section)
        return section.paragraph(intro) if intro else section

    def html(self) -> str:
        """The whole page as one string."""
        contents = "".join(f'<li><a href="#{s.anchor}">{escape(s.title)}</a></li>' for s in self._sections)
        parts = [
            f'<!doctype html>\n<html lang="{escape(self.language)}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(self.title)}</title><style>{_resource('page.css')}</style></head><body>",
            f'<header><h1>{escape(self.title)}</h1><p class="subtitle">{escape(self.subtitle)}</p>',
            f'<nav aria-label="Contents"><ul>{contents}</ul></nav></header><main>',
            *(section.html() for section in self._sections),
            "</main><footer>",
            _facts(self.provenance),
            "</footer>",
            f'<script type="text/plain" id="plotly-gz">{_plotly()}</script>' if self._figures else "",
            f"<script>{_resource('page.js')}</script></body></html>\n",
        ]
        return "\n".join(p for p in parts if p)

    def write(self, path: Path) -> None:
        """Writes the page as UTF-8."""
        path.write_text(self.html(), encoding="utf-8", newline="\n")

    def _figure(self, figure: go.Figure, caption: str, height: int, wide: bool) -> str:
        self._figures += 1
        name = f"figure-{self._figures}"
        content = json.loads(figure.to_json())
        content["layout"] = _layout(content.get("layout", {}), height)
        data = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")
        text = escape(caption)
        plot = f'<div class="plot" id="{name}" style="height:{height}px" role="img" aria-label="{text}"></div>'
        if wide:
            plot = f'<div class="scroll"><div class="wide">{plot}</div></div>'
        return (
            f"<figure>{plot}<figcaption>{text}</figcaption>"
            f'<script type="application/json" id="{name}-data">{data}</script></figure>'
        )


def table_html(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    caption: str = "",
    *,
    marked: Collection[int] = (),
    digits: int = 4,
    helps: Mapping[str, str] | None = None,
) -> str:
    """The HTML of ``Section.table``, for use inside ``details`` and ``search``."""
    rows = [list(row) for row in rows]
    numeric = [any(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    helps = helps or {}
    heads = "".join(
        _head(name, helps.get(name, ""), is_number) for name, is_number in zip(columns, numeric, strict=True)
    )
    body = "".join(
        ('<tr class="marked">' if index in marked else "<tr>")
        + "".join(_cell(value, digits, right) for value, right in zip(row, numeric, strict=True))
        + "</tr>"
        for index, row in enumerate(rows)
    )
    title = f'<p class="caption">{escape(caption)}</p>' if caption else ""  # a caption element would scroll away
    label = f' aria-label="{escape(caption)}"' if caption else ""
    return (
        f'{title}<div class="scroll"><table class="freeze"{label}><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _head(name: str, tip: str, is_number: bool) -> str:
    kind = ' class="number"' if is_number else ""
    title = f' title="{escape(tip)}"' if tip else ""
    return f'<th data-sort tabindex="0" scope="col"{kind}{title}>{escape(name)}</th>'


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Cell, digits: int, right: bool) -> str:
    """A cell; texts in a column of numbers stand on the right like these."""
    if value is None:
        return '<td data-value="" class="number">–</td>'
    if isinstance(value, bool | str):
        text = escape(value) if isinstance(value, str) else "yes" if value else "no"
        return f'<td class="right">{text}</td>' if right else f"<td>{text}</td>"
    sortable = "" if isinstance(value, float) and math.isnan(value) else value
    return f'<td class="number" data-value="{sortable}">{number(value, digits)}</td>'


def _facts(pairs: Mapping[str, Cell]) -> str:
    if not pairs:
        return ""
    shown = ((k, number(v) if isinstance(v, float) else "–" if v is None else str(v)) for k, v in pairs.items())
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in shown) + "</dl>"


def _layout(given: Mapping[str, Any], height: int) -> dict[str, Any]:
    """The page's figure style under whatever the figure itself sets; plotly's own template would be 7 kB a figure."""
    style: dict[str, Any] = {
        "height": height,
        "colorway": list(COLOURS),
        "font": {"family": FONT_STACK, "size": 13},
        "margin": {"l": 60, "r": 20, "t": 40 if given.get("title") else 20, "b": 50},
        "hoverlabel": {"font": {"family": FONT_STACK}},
        "xaxis": {"automargin": True},
        "yaxis": {"automargin": True},
    }
    return _merged(style, {key: value for key, value in given.items() if key != "template"})


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {k for k in over if isinstance(over[k], Mapping) and isinstance(base.get(k), Mapping)}
    return {**base, **over, **{k: _merged(base[k], over[k]) for k in both}}


@cache
def _resource(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """plotly.js, gzipped (4.8 MB to 1.5 MB) as base64; the page unpacks it in the browser."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), compresslevel=6, mtime=0)).decode("ascii")
