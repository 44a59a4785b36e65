"""Texts as rows of character numbers: the alphabet and the length are fitted on the training texts alone."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from search_spaces.errors import UserError
from trainables.base.contract.files.damage import entry, read_object

PADDING, UNKNOWN, BEGIN, END = range(4)
FIRST = 4  # number of the first character of the alphabet
MAX_CHARACTERS = 4_000  # of the alphabet: all syllables of everyday Korean, and then some
RARE = 2  # occurrences in the training texts below which a character is unknown
MAX_LENGTH = 512  # characters of a text that are read
SHORT = 64  # characters of texts that are read to their end in any case
COVERED = 0.99  # of longer training texts that are read to their end, where they are not longer than ``MAX_LENGTH``
FILE = "characters.json"


@dataclass(frozen=True)
class Characters:
    """The alphabet of a model of texts.

    Attributes:
        alphabet: The characters it knows, by number from ``FIRST``.
        length: Numbers of a text, its begin and end among them; the rest of a longer text is left out.
    """

    alphabet: str
    length: int
    unit: ClassVar[str] = "characters"

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Characters:
        """Take the characters that training texts have, the most frequent first, and a length that covers most texts.

        Args:
            texts: Of the training rows.
        """
        cleaned = [clean(text) for text in texts]
        counts = Counter(character for text in cleaned for character in text)
        known = sorted((c for c, n in counts.items() if n >= RARE), key=lambda c: (-counts[c], c))[:MAX_CHARACTERS]
        lengths = [len(text) for text in cleaned]
        length = max(int(np.quantile(lengths, COVERED, method="higher")), min(SHORT, max(lengths)))
        return cls("".join(known), max(1, min(MAX_LENGTH, length)) + 2)

    def __len__(self) -> int:
        return FIRST + len(self.alphabet)

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Convert n texts to character numbers (n, length) int32, filled up with ``PADDING``."""
        number = {character: FIRST + i for i, character in enumerate(self.alphabet)}
        found = np.full((len(texts), self.length), PADDING, dtype=np.int32)
        for row, text in zip(found, texts, strict=True):
            read = [number.get(character, UNKNOWN) for character in clean(text)[: self.length - 2]]
            row[: len(read) + 2] = [BEGIN, *read, END]
        return found

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many of the texts are longer than what is read."""
        return sum(len(clean(text)) > self.length - 2 for text in texts)

    def save(self, folder: Path) -> None:
        """Write ``characters.json``."""
        stored = {"alphabet": self.alphabet, "length": self.length}
        (folder / FILE).write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Characters:
        """Read what ``save`` wrote."""
        path = folder / FILE
        stored = read_object(path)
        found = cls(entry(stored, "alphabet", str, path), entry(stored, "length", int, path))
        if not (3 <= found.length <= MAX_LENGTH + 2 and len(found.alphabet) <= MAX_CHARACTERS):
            raise UserError(
                f"'{path.name}' holds a length or an alphabet that no model has. Restore the model's folder."
            )
        return found


def clean(text: str) -> str:
    """Return a text with composed characters (NFC) and single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).split())
