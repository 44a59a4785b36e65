"""Documents of a text, split once; near-duplicates (see ``near_duplicates``) always land in the same split."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from search_spaces.errors import UserError
from trainables.base.text.near_duplicates import near_duplicate_groups

HELD_OUT = 0.12  # share of the characters for validation, and again for test
MIN_GROUPS = 3  # one a split


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


def digest(documents: Sequence[Document]) -> str:
    """sha256 of the documents' texts in their order."""
    return hashlib.sha256("".join(f"{document.text}\0" for document in documents).encode()).hexdigest()


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
    share = HELD_OUT * count_characters(distinct)
    train: list[list[Document]] = []
    test: list[list[Document]] = []
    validation: list[list[Document]] = []
    for members in sorted(groups.values(), key=lambda members: _draw(seed, members[0].text)):
        emptier = min((test, validation), key=lambda part: sum(map(count_characters, part)))
        fits = sum(map(count_characters, emptier)) + count_characters(members) / 2 <= share
        (emptier if fits else train).append(members)
    for part in (test, validation):
        if not part:  # a handful of long documents: give it the shortest
            part.append(train.pop(min(range(len(train)), key=lambda i: count_characters(train[i]))))
    return Corpus(tuple(chain(*train)), tuple(chain(*validation)), tuple(chain(*test)))


def count_characters(documents: Sequence[Document]) -> int:
    """Return the number of characters of all documents."""
    return sum(len(document.text) for document in documents)


def _draw(seed: int, text: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()


def make_documents(source: str, texts: Iterable[str]) -> list[Document]:
    """Return the texts that are not empty as the numbered documents of a source."""
    return [Document(f"{source}#{i}", text) for i, text in enumerate(filter(None, texts), start=1)]


def one_line(text: str) -> str:
    """Return a text in one line, NFC, with single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).split())
