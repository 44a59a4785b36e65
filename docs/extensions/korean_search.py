"""Search in Korean: particles follow a word without a space, so words are indexed as pairs of syllables.

``검증은`` is indexed as ``검증~`` and ``증은~``, so that a search for ``검증`` finds it. The sign makes terms of three
letters: Sphinx's search does not insist on shorter ones.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.search import SearchLanguage
from sphinx.util.typing import ExtensionMetadata


class SearchKorean(SearchLanguage):
    """Pairs of Hangul syllables; other scripts by words."""

    lang = "ko"
    language_name = "Korean"
    js_splitter_code = """
var splitQuery = (query) =>
  (query.match(/[가-힣]+|(?:(?![가-힣])[\\p{Letter}\\p{Number}_])+/gu) || []).flatMap((word) =>
    /[가-힣]/.test(word) ? Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2) + "~") : [word]);
"""

    def split(self, input: str) -> list[str]:
        """Return the terms of a text."""
        words = re.findall(r"[가-힣]+|[^\W가-힣]+", input)
        return [term for word in words for term in self._terms(word)]

    def _terms(self, word: str) -> list[str]:
        if not "가" <= word[0] <= "힣":
            return [word]
        return [f"{word[i : i + 2]}~" for i in range(len(word) - 1)]


def add_texts(app: Sphinx) -> None:
    """Give Korean pages the texts of the search that Sphinx has no translation of."""
    if app.config.language == SearchKorean.lang:
        app.add_js_file("korean.js")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the language."""
    app.add_search_language(SearchKorean)
    app.connect("builder-inited", add_texts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
