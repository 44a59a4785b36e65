"""Korean text as documents, split once: what trains, what validates, what stays for prompts and the human reference.

Interface:
    ``bundled()``                 the bundled text's fixed ``Corpus``: ``train``, ``validation``, ``test`` documents.
    ``read_corpus(path, seed)``   the same for a user's ``.txt`` file (documents between blank lines) or folder.
    ``held_out_prompts(n)``       n ``Prompt(prompt, reference, document)`` from the bundled test documents: the first
                                  words of a text that neither the stand-in nor the validation of fine-tuning has seen,
                                  and the words a person wrote next (the human reference).

A document of the bundled text is one article of the constitution or one paragraph of a bill. Documents are split
before anything is cut into blocks, and near-duplicates (see ``near_duplicates``) always land in the same split.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path

from search_spaces.errors import UserError
from trainables.base.contract.task import SPLIT_SEED
from trainables.base.text.near_duplicates import near_duplicate_groups

FOLDER = Path(__file__).parents[2] / "data" / "korean"
SOURCE = "Constitution of the Republic of Korea and ten bills of the National Assembly (2010)"
LICENCE = (
    "public legislative text (Korean Copyright Act art. 7); the package it was taken from states none for the bills"
)
HELD_OUT = 0.12  # share of the characters for validation, and again for test

MOST_OF_TEXT = 0.6  # share of the characters in one document from which it is cut
MIN_PARAGRAPH = 40  # characters of a paragraph of such a text
MIN_GROUPS = 3  # one a split
NEAR_COPIES = " Its paragraphs are near copies of each other, so validation and test repeat what training has."
MIN_HELD_OUT = 60  # characters to validate, and to test on
MIN_CHARACTERS, MIN_HANGUL = 20, 0.5  # a shorter or less Korean line of a bill is a table cell or a formula
MIN_PROMPT_HANGUL, MIN_REFERENCE = 0.8, 30  # words rather than dates and numbers; characters after a prompt
_HANGUL = re.compile("[가-힣]")
_PAGE = re.compile(r"\s*-\s*\d+\s*-\s*$")
_ARTICLE = re.compile(r"\s*제\d+조(의\d+)?\s")
_HEADING = re.compile(r"\s+제\d+(장|절|관)\s|\s*펼침")
_CLAUSE = re.compile(r"(^|\s)[①-⑳]\s*")
_OPENING = re.compile(r"\s{2,}|제\d+조|[①-⑳]|부\s+칙|제안이유|주요내용|\d+\.\s|법률\s+제\s")
_LABEL = re.compile(r"^(제\d+조(의\d+)?\([^)]*\)|\d+(의\d+)?\.|[가-하]\.|[①-⑳○∙*※])\s*")  # of a list item or article
_SENTENCE_END = re.compile(r"(?<=[.!?。…])\s+")
_FULL_LINE = 25  # characters: a shorter line of a bill ends its paragraph


@dataclass(frozen=True)
class Document:
    """One text that is never cut across splits.

    Attributes:
        name: its place, e.g. ``"constitution#12"``.
        text: one line, NFC.
    """

    name: str
    text: str

    @property
    def source(self) -> str:
        """The file it comes from, without suffix: documents of one source share a topic."""
        return self.name.rpartition("#")[0]


@dataclass(frozen=True)
class Corpus:
    """Documents by split.

    Attributes:
        train, validation, test: the documents.
        note: what the user should know of how the text was cut, or nothing.
    """

    train: tuple[Document, ...]
    validation: tuple[Document, ...]
    test: tuple[Document, ...]
    note: str = ""

    @property
    def sha256(self) -> str:
        """Equal exactly when the texts and the split are equal."""
        return hashlib.sha256("".join(map(digest, (self.train, self.validation, self.test))).encode()).hexdigest()


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
        documents += _documents(path.stem, texts(path.read_text("utf-8")))
    return split_documents(documents, SPLIT_SEED)


def read_corpus(path: Path, split_seed: int = SPLIT_SEED) -> Corpus:
    """Read a user's text and split it by documents.

    Args:
        path: a UTF-8 or CP949 text file, whose documents are separated by blank lines, or a folder of ``.txt`` files,
            each of which is one document. A text that is mostly one document is cut into its paragraphs: its lines, or
            else groups of sentences.
        split_seed: equal seeds give equal splits.

    Raises:
        UserError: no such path, no readable text, too few unlike documents for three splits, or too little text to
            validate and test on.
    """
    files = text_files(path)
    if path.is_dir():
        names = [file.relative_to(path).with_suffix("").as_posix() for file in files]
        texts = [[_decoded(file)] for file in files]
    else:
        names = [path.stem]
        texts = [[text for text in re.split(r"\n\s*\n", _decoded(path)) if text.strip()]]
    cut = [_paragraphs(group) for group in texts] if _is_lone(texts) else texts
    note = (
        ""
        if cut is texts
        else f"One document holds most of the text: it is cut into {sum(map(len, cut)):,} paragraphs."
    )
    documents = [d for name, group in zip(names, cut, strict=True) for d in _documents(name, map(_one_line, group))]
    alike = cut is not texts and len(set(near_duplicate_groups([d.text for d in documents]))) < MIN_GROUPS
    if alike:  # one text, cut into parts that repeat each other: no split keeps them apart
        note += NEAR_COPIES
    try:
        corpus = split_documents(documents, split_seed, keep_together=not alike)
    except UserError as error:
        raise UserError(f"'{path}': {error}") from None
    for split, part in (("validation", corpus.validation), ("test", corpus.test)):
        if _characters(part) < MIN_HELD_OUT:
            raise UserError(
                f"'{path}': {_characters(part)} characters are left for {split}, too few to judge a model by "
                f"({MIN_HELD_OUT} are needed). Give more text, or more documents of even length."
            )
    return replace(corpus, note=note)


def _is_lone(texts: Sequence[Sequence[str]]) -> bool:
    """Return whether one document holds most of the characters, so that no fair split of documents is left."""
    lengths = [len(text) for group in texts for text in group]
    return max(lengths, default=0) > MOST_OF_TEXT * sum(lengths)


def _paragraphs(texts: Sequence[str]) -> list[str]:
    """Split lines into documents, short ones together with the next; a text in one line into groups of sentences."""
    pieces = [line for text in texts for line in text.splitlines() if line.strip()]
    if max(map(len, pieces)) > MOST_OF_TEXT * sum(map(len, pieces)):
        pieces = [sentence for piece in pieces for sentence in _SENTENCE_END.split(piece)]
    found, gathered = [], ""
    for piece in pieces:
        gathered = f"{gathered} {piece}".strip()
        if len(gathered) >= MIN_PARAGRAPH:
            found.append(gathered)
            gathered = ""
    return found + ([gathered] if gathered else [])


def digest(documents: Sequence[Document]) -> str:
    """sha256 of the documents' texts in their order."""
    return hashlib.sha256("".join(f"{document.text}\0" for document in documents).encode()).hexdigest()


def text_files(path: Path) -> list[Path]:
    """Return the file itself, or the ``.txt`` files of a folder, sorted; raise ``UserError`` when there are none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"There is no text at '{path}'. Give a .txt file or a folder of .txt files.")
    files = sorted(path.rglob("*.txt"))
    if not files:
        raise UserError(f"The folder '{path}' holds no .txt file. Put one document in each .txt file.")
    return files


def split_documents(documents: Sequence[Document], seed: int, *, keep_together: bool = True) -> Corpus:
    """Drop exact copies, keep near-duplicates together and deal out whole groups in an order drawn by ``seed``.

    Args:
        documents: all of them.
        seed: equal seeds give equal splits.
        keep_together: False to deal out near-duplicates one by one.

    Raises:
        UserError: fewer than three unlike documents.
    """
    distinct = list({document.text: document for document in reversed(documents)}.values())[::-1]
    groups: dict[int, list[Document]] = {}
    numbers = near_duplicate_groups([d.text for d in distinct]) if keep_together else range(len(distinct))
    for document, group in zip(distinct, numbers, strict=True):
        groups.setdefault(group, []).append(document)
    if len(groups) < MIN_GROUPS:
        raise UserError(
            f"Training, validation and test need at least 3 documents that are not near copies of each other; "
            f"found {len(groups)}. In a single file, separate documents by blank lines; in a folder, give more files."
        )
    share = HELD_OUT * _characters(distinct)
    train: list[list[Document]] = []
    test: list[list[Document]] = []
    validation: list[list[Document]] = []
    for members in sorted(groups.values(), key=lambda members: _draw(seed, members[0].text)):
        emptier = min((test, validation), key=lambda part: sum(map(_characters, part)))
        fits = sum(map(_characters, emptier)) + _characters(members) / 2 <= share
        (emptier if fits else train).append(members)
    for part in (test, validation):
        if not part:  # a handful of long documents: give it the shortest
            part.append(train.pop(min(range(len(train)), key=lambda i: _characters(train[i]))))
    return Corpus(tuple(chain(*train)), tuple(chain(*validation)), tuple(chain(*test)))


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


def _characters(documents: Sequence[Document]) -> int:
    return sum(len(document.text) for document in documents)


def _draw(seed: int, text: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()


def _documents(source: str, texts: Iterable[str]) -> list[Document]:
    return [Document(f"{source}#{i}", text) for i, text in enumerate(filter(None, texts), start=1)]


def _one_line(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"'{path}' is neither UTF-8 nor CP949 text. Save it as UTF-8.")


def _articles(text: str) -> Iterator[str]:
    """Yield the preamble and one text per article, without article numbers and clause signs."""
    article: list[str] = []
    for line in [*text.splitlines()[1:], "       제0장 "]:
        heading = _HEADING.match(line)
        if heading or _ARTICLE.match(line):
            yield _one_line(_CLAUSE.sub(" ", " ".join(article)))
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
    text = _one_line(paragraph)
    while label := _LABEL.match(text):
        text = text[label.end() :]
    if len(text) >= MIN_CHARACTERS and "--" not in text and _hangul_share(text) >= MIN_HANGUL:
        yield text


def _hangul_share(text: str) -> float:
    """Of the characters that are not blanks, 0 for none."""
    letters = text.replace(" ", "")
    return len(_HANGUL.findall(letters)) / max(1, len(letters))
