"""Figures as the JSON that plotly.js draws, the page's style below them and texts escaped; and plotly.js, packed."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from tunelab.documents.blocks import Figure
from tunelab.documents.style import COLOURS, FONT_STACK
from tunelab.system.terminal import printable

# Attributes that hold texts for people, category names included; plotly would read tags such as <b> in them.
TEXT_KEYS = frozenset(
    ("text", "name", "hovertext", "x", "y", "label", "labels", "ticktext", "categoryarray", "customdata", "title")
)
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": "<br>"})


def figure_json(figure: Figure) -> str:
    """Return data and layout as JSON that is safe inside a ``<script>`` element; equal figures give equal text."""
    content = {"data": list(figure.data), "layout": _layout(figure.layout, figure.height)}
    text = json.dumps(_escaped(content, ""), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c")


@cache
def packed_plotly() -> str:
    """Return plotly.js, gzipped (4.8 MB to 1.5 MB) as base64; the page unpacks it in the browser."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), compresslevel=6, mtime=0)).decode("ascii")


def _escaped(value: Any, key: str) -> Any:
    """Escape every text below a key of ``TEXT_KEYS``; templates and names of styles stay as they are."""
    if isinstance(value, Mapping):
        return {name: _escaped(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(inner, key) for inner in value]
    if isinstance(value, str):
        return printable(value).translate(ENTITIES) if key in TEXT_KEYS else value
    return value


def _layout(given: Mapping[str, Any], height: int) -> dict[str, Any]:
    """Put the page's figure style under whatever the figure itself sets; plotly's own template would be 7 kB each."""
    style: dict[str, Any] = {
        "height": height,
        "colorway": list(COLOURS),
        "font": {"family": FONT_STACK, "size": 13},
        "margin": {"l": 60, "r": 20, "t": 40 if given.get("title") else 20, "b": 50},
        "hoverlabel": {"font": {"family": FONT_STACK}},
        "xaxis": {"automargin": True, "exponentformat": "e"},
        "yaxis": {"automargin": True, "exponentformat": "e"},
    }
    return _merged(style, {key: value for key, value in given.items() if key != "template"})


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {k for k in over if isinstance(over[k], Mapping) and isinstance(base.get(k), Mapping)}
    return {**base, **over, **{k: _merged(base[k], over[k]) for k in both}}
