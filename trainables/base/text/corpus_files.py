"""Text files of the user's as documents: a file whose documents blank lines separate, or a folder of files."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from search_spaces.errors import UserError
from trainables.base.contract.task import SPLIT_SEED
from trainables.base.text.documents import (
    MIN_GROUPS,
    Corpus,
    count_characters,
    make_documents,
    one_line,
    split_documents,
)
from trainables.base.text.near_duplicates import near_duplicate_groups

MAX_FRACTION = 0.6  # share of the characters in one document from which it is cut
MIN_PARAGRAPH = 40  # characters of a paragraph of such a text
NEAR_COPIES = " Its paragraphs are near copies of each other, so validation and test repeat what training has."
MIN_HELD_OUT = 60  # characters to validate, and to test on
_TAGS = re.compile(r"\s*<(?:!doctype|html|\?xml)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?。…])\s+")


def read_corpus(path: Path, split_seed: int = SPLIT_SEED) -> Corpus:
    """Read a user's text and split it by documents.

    Args:
        path: a UTF-8, UTF-16 or CP949 text file, whose documents are separated by blank lines, or a folder of ``.txt``
            files, each of which is one document. A text that is mostly one document is cut into its paragraphs: its
            lines, or else groups of sentences.
        split_seed: equal seeds give equal splits.

    Raises:
        UserError: no such path, no readable text, too few unlike documents for three splits, or too little text to
            validate and test on.
    """
    files = text_files(path)
    if path.is_dir():
        names = [file.relative_to(path).with_suffix("").as_posix() for file in files]
        texts = [[_decoded(file)] for file in files]
        markup = ""
    else:
        whole = _decoded(path)
        names, markup = [path.stem], _markup(path, whole)
        texts = [[text for text in re.split(r"\n\s*\n", whole) if text.strip()]]
    cut = [_paragraphs(group) for group in texts] if _is_lone(texts) else texts
    note = (
        ""
        if cut is texts
        else f"One document holds most of the text: it is cut into {sum(map(len, cut)):,} paragraphs."
    )
    documents = [d for name, group in zip(names, cut, strict=True) for d in make_documents(name, map(one_line, group))]
    alike = cut is not texts and len(set(near_duplicate_groups([d.text for d in documents]))) < MIN_GROUPS
    if alike:  # one text, cut into parts that repeat each other: no split keeps them apart
        note += NEAR_COPIES
    try:
        corpus = split_documents(documents, split_seed, keep_together=not alike)
    except UserError as error:
        raise UserError(f"'{path}': {error}") from None
    for split, part in (("validation", corpus.validation), ("test", corpus.test)):
        if count_characters(part) < MIN_HELD_OUT:
            raise UserError(
                f"'{path}': {count_characters(part)} characters are left for {split}, too few to judge a model by "
                f"({MIN_HELD_OUT} are needed). Give more text, or more documents of even length."
            )
    if markup:
        note += f" The file looks like {markup}, whose signs and names are learned as text too: give the texts alone."
    return replace(corpus, note=note.strip())


def _markup(path: Path, text: str) -> str:
    """Return what a file holds instead of plain text, in words; empty when it seems plain."""
    if path.suffix.lower() in (".csv", ".tsv"):
        return "a table"
    if _TAGS.match(text) is not None:
        return "HTML or XML"
    for part in (text.strip().partition("\n")[0], text):
        with suppress(ValueError, RecursionError):
            if isinstance(json.loads(part), dict | list):
                return "JSON"
    return ""


def _is_lone(texts: Sequence[Sequence[str]]) -> bool:
    """Return whether one document holds most of the characters, so that no fair split of documents is left."""
    lengths = [len(text) for group in texts for text in group]
    return max(lengths, default=0) > MAX_FRACTION * sum(lengths)


def _paragraphs(texts: Sequence[str]) -> list[str]:
    """Split lines into documents, short ones together with the next; a text in one line into groups of sentences."""
    pieces = [line for text in texts for line in text.splitlines() if line.strip()]
    if max(map(len, pieces)) > MAX_FRACTION * sum(map(len, pieces)):
        pieces = [sentence for piece in pieces for sentence in _SENTENCE_END.split(piece)]
    found, gathered = [], ""
    for piece in pieces:
        gathered = f"{gathered} {piece}".strip()
        if len(gathered) >= MIN_PARAGRAPH:
            found.append(gathered)
            gathered = ""
    return found + ([gathered] if gathered else [])


def text_files(path: Path) -> list[Path]:
    """Return the file itself, or the ``.txt`` files of a folder, sorted; raise ``UserError`` when there are none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"There is no text at '{path}'. Give a .txt file or a folder of .txt files.")
    files = sorted(file for file in path.rglob("*.txt") if file.is_file())
    if not files:
        raise UserError(f"The folder '{path}' holds no .txt file. Put one document in each .txt file.")
    return files


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"The text '{path}' cannot be read: {error.strerror}.") from error
    wide = raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp949"):
        with suppress(UnicodeDecodeError):
            text = raw.decode(encoding)
            if "\0" not in text:
                return text
    raise UserError(f"'{path}' is not text in UTF-8, UTF-16 or CP949. Save it as UTF-8.")
