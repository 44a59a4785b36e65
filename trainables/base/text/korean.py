"""The bundled Korean text as documents, and prompts from those that nothing was trained on.

A document is one article of the constitution or one paragraph of a bill. Documents are split before anything is cut
into blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from search_spaces.errors import UserError
from trainables.base.contract.task import SPLIT_SEED
from trainables.base.text.documents import Corpus, Document, make_documents, one_line, split_documents
from trainables.base.text.near_duplicates import near_duplicate_groups

FOLDER = Path(__file__).parents[2] / "data" / "korean"
SOURCE = "Constitution of the Republic of Korea and ten bills of the National Assembly (2010)"
LICENCE = (
    "public legislative text (Korean Copyright Act art. 7); the package it was taken from states none for the bills"
)

MIN_CHARACTERS, MIN_HANGUL = 20, 0.5  # a shorter or less Korean line of a bill is a table cell or a formula
MIN_PROMPT_HANGUL, MIN_REFERENCE = 0.8, 30  # words rather than dates and numbers; characters after a prompt
_HANGUL = re.compile("[가-힣]")
_PAGE = re.compile(r"\s*-\s*\d+\s*-\s*$")
_ARTICLE = re.compile(r"\s*제\d+조(의\d+)?\s")
_HEADING = re.compile(r"\s+제\d+(장|절|관)\s|\s*펼침")
_CLAUSE = re.compile(r"(^|\s)[①-⑳]\s*")
_OPENING = re.compile(r"\s{2,}|제\d+조|[①-⑳]|부\s+칙|제안이유|주요내용|\d+\.\s|법률\s+제\s")
_LABEL = re.compile(r"^(제\d+조(의\d+)?\([^)]*\)|\d+(의\d+)?\.|[가-하]\.|[①-⑳○∙*※])\s*")  # of a list item or article
_FULL_LINE = 25  # characters: a shorter line of a bill ends its paragraph


@dataclass(frozen=True)
class Prompt:
    """The beginning of a held-out document and what a person wrote next."""

    prompt: str
    reference: str
    document: Document


@cache
def bundled() -> Corpus:
    """Return the bundled text with its one fixed split: the stand-in model was trained on its training part."""
    documents: list[Document] = []
    for path in sorted(FOLDER.glob("*.txt")):
        texts = _articles if path.stem == "constitution" else _bill_paragraphs
        documents += make_documents(path.stem, texts(path.read_text("utf-8")))
    return split_documents(documents, SPLIT_SEED)


def held_out_prompts(count: int = 16, words: int = 3) -> tuple[Prompt, ...]:
    """Return prompts from the bundled test documents, spread over their sources, always the same.

    Args:
        count: how many; at most as many as there are test documents that are sentences, begin with words that are
            in no training document, and continue for ``MIN_REFERENCE`` characters or more.
        words: blank-separated words in a prompt.

    Raises:
        UserError: ``count`` or ``words`` asks for more than the held-out documents give.
    """
    by_source: dict[str, list[Prompt]] = {}
    corpus = bundled()
    for i, group in enumerate(near_duplicate_groups([document.text for document in corpus.test])):
        document = corpus.test[i]
        prompt = " ".join(document.text.split(" ")[:words])
        reference = document.text[len(prompt) :].strip()
        prose = document.text.endswith(".") and _hangul_share(prompt) >= MIN_PROMPT_HANGUL
        unseen = not any(prompt in known.text for known in corpus.train)
        if group == i and prose and unseen and len(reference) >= MIN_REFERENCE:  # one for a group of near copies
            by_source.setdefault(document.source, []).append(Prompt(prompt, reference, document))
    dealt: list[Prompt] = []
    for turn in range(max(map(len, by_source.values()), default=0)):
        dealt += [prompts[turn] for prompts in by_source.values() if turn < len(prompts)]
    if not 1 <= count <= len(dealt):
        raise UserError(
            f"The held-out documents give {len(dealt)} prompts of {words} words, 'held_out' asks for {count}. "
            f"Lower 'held_out', or change 'words'."
        )
    return tuple(dealt[:count])


def _articles(text: str) -> Iterator[str]:
    """Yield the preamble and one text per article, without article numbers and clause signs."""
    article: list[str] = []
    for line in [*text.splitlines()[1:], "       제0장 "]:
        heading = _HEADING.match(line)
        if heading or _ARTICLE.match(line):
            yield one_line(_CLAUSE.sub(" ", " ".join(article)))
            article = []
        if not heading:
            article.append(_ARTICLE.sub("", line))


def _bill_paragraphs(text: str) -> Iterator[str]:
    """Return paragraphs from the reasons on, without page numbers and the repeating old/new comparison."""
    paragraph, wanted = "", False
    for line in text.splitlines():
        heading = "".join(line.split()).replace("·", "")
        if heading.startswith("제안이유") or "비용추계서" in heading:
            wanted = True
        elif heading.startswith("신구조문대비표"):
            wanted = False
        if not wanted or not line.strip() or _PAGE.match(line):
            continue
        if _OPENING.match(line):
            yield from _korean(paragraph)
            paragraph = ""
        paragraph += line  # a line broken between words ends in a blank, one broken inside a word does not
        if len(line.strip()) < _FULL_LINE:
            yield from _korean(paragraph)
            paragraph = ""
    yield from _korean(paragraph)


def _korean(paragraph: str) -> Iterator[str]:
    text = one_line(paragraph)
    while label := _LABEL.match(text):
        text = text[label.end() :]
    if len(text) >= MIN_CHARACTERS and "--" not in text and _hangul_share(text) >= MIN_HANGUL:
        yield text


def _hangul_share(text: str) -> float:
    """Of the characters that are not blanks, 0 for none."""
    letters = text.replace(" ", "")
    return len(_HANGUL.findall(letters)) / max(1, len(letters))
