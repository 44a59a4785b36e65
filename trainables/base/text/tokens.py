"""Texts as rows of token numbers, by the tokenizer of a pretrained encoder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from search_spaces.errors import UserError, describe_error
from trainables.base.contract.files.damage import entry, read_object
from trainables.base.text.characters import clean
from trainables.base.text.encoder_folder import TOKENIZER

FILE = "tokens.json"
MAX_LENGTH = 256  # tokens of a text that are read: attention costs the square
COVERED = 0.99  # of the training texts that are read to their end, where they are not longer than ``MAX_LENGTH``
SPECIAL = (("[CLS]", "[SEP]"), ("<s>", "</s>"))  # around a text where the tokenizer's file does not say


@dataclass(frozen=True)
class Tokens:
    """A tokenizer and how much of a text is read.

    Attributes:
        tokenizer: The text of ``tokenizer.json``.
        padding: Number of the token that fills a row up.
        length: Tokens of a text, special ones among them; the rest of a longer text is left out.
    """

    tokenizer: str
    padding: int
    length: int = MAX_LENGTH
    unit: ClassVar[str] = "tokens"

    @classmethod
    def of_folder(cls, tokenizer: str, config: Mapping[str, Any]) -> Tokens:
        """Return the tokenizer of an encoder.

        Args:
            tokenizer: Text of its ``tokenizer.json``.
            config: Its ``config.json``.

        Raises:
            ValueError: It is not a tokenizer, or has more tokens than the encoder.
        """
        positions = int(config.get("max_position_embeddings", MAX_LENGTH + 2))
        found = cls(tokenizer, int(config.get("pad_token_id") or 0), max(4, min(MAX_LENGTH, positions - 2)))
        known, held = found.backend.get_vocab_size(), int(config.get("vocab_size", 0))
        if known > held:
            raise ValueError(f"its tokenizer has {known} tokens, its model {held}")
        return found

    @cached_property
    def backend(self) -> Tokenizer:
        """The tokenizer, which puts the special tokens around a text that it was trained with."""
        try:
            found = Tokenizer.from_str(self.tokenizer)
        except Exception as error:
            if type(error) is not Exception:  # tokenizers has no class of its own for text that it cannot read
                raise
            raise ValueError(f"its {TOKENIZER} is not a tokenizer: {describe_error(error)}") from error
        found.no_padding()
        found.no_truncation()
        if found.post_processor is None:
            around = [pair for pair in SPECIAL if all(found.token_to_id(token) is not None for token in pair)]
            if around:
                pieces = [(token, found.token_to_id(token)) for token in around[0]]
                found.post_processor = TemplateProcessing(f"{around[0][0]} $A {around[0][1]}", special_tokens=pieces)
        return found

    def fit(self, texts: Sequence[str]) -> Tokens:
        """Return the same with a length that covers most training texts."""
        counts = [len(encoding.ids) for encoding in self.backend.encode_batch([clean(text) for text in texts])]
        length = int(np.quantile(counts, COVERED, method="higher"))
        return replace(self, length=max(4, min(self.length, length)))

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Convert n texts to token numbers (n, length) int32, filled up with ``padding``."""
        found = np.full((len(texts), self.length), self.padding, dtype=np.int32)
        self.backend.enable_truncation(self.length)
        try:
            encoded = self.backend.encode_batch([clean(text) for text in texts])
        finally:
            self.backend.no_truncation()
        for row, encoding in zip(found, encoded, strict=True):
            row[: len(encoding.ids)] = encoding.ids
        return found

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many of the texts are longer than what is read."""
        return sum(len(e.ids) > self.length for e in self.backend.encode_batch([clean(text) for text in texts]))

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` and ``tokens.json``."""
        (folder / TOKENIZER).write_text(self.tokenizer, encoding="utf-8")
        (folder / FILE).write_text(json.dumps({"padding": self.padding, "length": self.length}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Tokens:
        """Read what ``save`` wrote."""
        path = folder / FILE
        stored = read_object(path)
        try:
            text = (folder / TOKENIZER).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"'{TOKENIZER}' cannot be read: {describe_error(error)}.") from error
        found = cls(text, entry(stored, "padding", int, path), entry(stored, "length", int, path))
        if not 4 <= found.length <= MAX_LENGTH:
            raise UserError(f"'{path.name}' holds a length that no model has. Restore the model's folder.")
        return found
