"""Fonts of PNG figures: one that has Hangul where there is one, found also when matplotlib's list of fonts is stale."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib import font_manager

from tunelab.system.language import tr

HANGUL_FONTS = (
    *("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "NanumBarunGothic", "Malgun Gothic", "AppleGothic"),
    *("Apple SD Gothic Neo", "Noto Sans CJK JP"),  # the regional fonts of Noto Sans CJK share their glyphs
)
WITHOUT_HANGUL = "DejaVu Sans"  # matplotlib's own
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")


@cache
def hangul_font() -> str | None:
    """Return the family of an installed font that has Hangul; None without one.

    matplotlib keeps a list of fonts from the first time that it ran. When it holds no Korean font, fonts installed
    since are added to it, once.
    """
    return _known() or (_known() if _refresh() else None)


def families() -> list[str]:
    """Return font families in order of preference."""
    found = hangul_font()
    return [WITHOUT_HANGUL] if found is None else [found, WITHOUT_HANGUL]


def advice(texts: Iterable[str]) -> str:
    """Return what to do when texts hold Hangul and no font has it; empty when all is well."""
    return install_advice() if any(map(HANGUL.search, texts)) and hangul_font() is None else ""


def install_advice() -> str:
    """Return what to do when no font has Hangul."""
    return tr(
        "Korean text in PNG figures shows as boxes: no Korean font is installed. Install one, such as the package "
        "fonts-nanum (the HTML report uses the browser's fonts)."
    )


def _known() -> str | None:
    names = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in HANGUL_FONTS if name in names), None)


def _refresh() -> bool:
    """Add the fonts that matplotlib's list lacks and keep the list; return whether there were any."""
    manager = font_manager.fontManager
    listed = {font.fname for font in manager.ttflist}
    missing = [path for path in font_manager.findSystemFonts() if path not in listed]
    for path in missing:
        with suppress(OSError, RuntimeError, ValueError):  # a file that freetype cannot read: matplotlib skips it too
            manager.addfont(path)
    if missing:
        with suppress(OSError):  # a cache folder that cannot be written: it is looked for again next time
            name = f"fontlist-v{font_manager.FontManager.__version__}.json"
            font_manager.json_dump(manager, Path(matplotlib.get_cachedir()) / name)
    return bool(missing)
