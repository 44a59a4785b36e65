"""The built documentation: strict, offline, every link leads somewhere, and its search answers questions."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser import Browser, needs_chromium
from tests.docs.pages import DOCS

HTML = DOCS / "_build" / "html"
SHOWN = 3  # a page is found when it is among this many first results

# What a demanding new user asks, in both languages, and the page that answers.
QUESTIONS = {
    "what is val_loss for a classifier": ("분류에서 val_loss는 무엇인가", "explanation/val-loss"),
    "which rows are validation rows": ("어느 행이 검증 행인가", "explanation/splits"),
    "why did my trial stop at epoch 9": ("내 시행은 왜 에포크 9에서 멈췄는가", "explanation/early-stopping"),
    "where are the weights": ("가중치는 어디에 있는가", "explanation/stores"),
    "give a result to a colleague": ("동료와 결과 공유하기", "how-to/share"),
    "use several GPUs": ("GPU 여러 개 쓰기", "how-to/gpus"),
    "what does not confirmed mean": ("재검증", "explanation/trust"),
    "resume after a power loss": ("정전 뒤에", "how-to/resume"),
    "how much disk does a sweep take": ("탐색이 차지하는 디스크", "how-to/cleanup"),
    "use my own metric": ("내 지표 쓰기", "how-to/own-model"),
    "what leaves my machine": ("컴퓨터 밖으로 나가는 것", "explanation/stores"),
    "how exact is a repetition": ("다시 실행하면 얼마나 똑같은가", "explanation/exactness"),
    "remove a sweep": ("탐색 지우기", "how-to/cleanup"),
    "what happens with missing values": ("결측값은 어떻게 되는가", "how-to/own-table"),
    "serve a model over HTTP": ("HTTP로 서비스하기", "how-to/predict"),
    "use my own scheduler": ("직접 만든 스케줄러", "how-to/from-other-tools"),
    "resume after a reboot": ("재부팅 뒤에", "how-to/resume"),
    "how to cite": ("인용", "how-to/from-other-tools"),
    "put a sweep into CI": ("CI에서", "how-to/from-other-tools"),
    "I come from Ray Tune": ("Ray Tune에서", "how-to/from-other-tools"),
    "what does the place in the published table mean": ("발표된 결과표", "how-to/report"),
}

FIRST = {"early stopping": ("조기 종료", "explanation/early-stopping")}  # and pages that come before all others


class Page(HTMLParser):
    """Links, loaded files and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.anchors |= {given[name] or "" for name in ("id", "name") if name in given}
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag in ("script", "img", "iframe", "link"):
            self.loaded.append(str(given.get("src") or given.get("href") or ""))


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    """The pages, built as ``make docs`` builds them; unchanged ones come from its cache."""
    done = subprocess.run([sys.executable, str(DOCS / "build.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return {path.resolve(): Page(path) for path in HTML.rglob("*.html")}


def test_every_internal_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link in {*page.links, *page.loaded}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file() or (target in pages and anchor not in pages[target].anchors):
                lost.append(f"{path.relative_to(HTML)}: {link}")
    assert lost == []
    assert len(pages) > 60


def test_no_page_loads_anything_from_a_network(pages: dict[Path, Page]) -> None:
    loaded = {link for page in pages.values() for link in page.loaded}
    assert {link for link in loaded if urlsplit(link).netloc} == set()
    styles = "".join(path.read_text("utf-8") for path in HTML.rglob("*.css"))
    assert "@import" not in styles
    assert "url(http" not in styles


def test_diagrams_of_the_architecture_are_pictures(pages: dict[Path, Page]) -> None:
    pictures = [link for link in pages[(HTML / "architecture.html").resolve()].loaded if link.endswith(".svg")]
    source = (DOCS / "architecture.md").read_text("utf-8")
    assert len(pictures) == source.count("```mermaid"), "draw the changed diagrams again: CONTRIBUTING.md says how"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@needs_chromium
@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_search_finds_the_page_for_each_question(language: str, browser: Browser) -> None:
    folder = HTML if language == "en" else HTML / "ko"
    wrong = {}
    browser.open((folder / "search.html").as_uri())  # from disk, as a user without a server opens it
    browser.wait_until("typeof Search !== 'undefined' && Search.hasIndex()")
    for english, (korean, expected) in (QUESTIONS | FIRST).items():
        query = json.dumps(english if language == "en" else korean)
        results = browser.evaluate(f"Search._performSearch(...Search._parseQuery({query})).toReversed()")
        found = list(dict.fromkeys(result[0] for result in results))[: 1 if english in FIRST else SHOWN]
        if expected not in found:
            wrong[query] = found
    browser.open(f"{(folder / 'search.html').as_uri()}?q=val_loss")
    browser.wait_for("found" if language == "en" else "찾았습니다")
    assert wrong == {}
