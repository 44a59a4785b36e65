"""What turns texts into numbers, and what it leaves out. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd


class Reader(Protocol):
    """What turns texts into numbers: an alphabet, or the tokenizer of an encoder."""

    @property
    def unit(self) -> str:
        """What the numbers of a text are, in the plural."""

    @property
    def length(self) -> int:
        """Numbers of a text; the rest of a longer one is left out."""

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Convert n texts to (n, length) int32."""

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many of the texts are longer than what is read."""

    def save(self, folder: Path) -> None:
        """Write it into a folder."""


def cut_note(reader: Reader, texts: Sequence[str], column: str) -> str:
    """Return a sentence on texts that are longer than what is read; empty for none.

    Args:
        reader: Turns texts into numbers.
        texts: All of them.
        column: Their column.
    """
    count = reader.cut(texts)
    if not count:
        return ""
    return (
        f"{count:,} of {len(texts):,} texts in '{column}' are longer than the {reader.length - 2:,} {reader.unit} that "
        "are read; their ends are left out."
    )


def empty_note(texts: Sequence[str], column: str) -> str:
    """Return a sentence on texts that hold nothing; empty for none.

    Args:
        texts: All of them.
        column: Their column.
    """
    empty = sum(not text.strip() for text in texts)
    if not empty:
        return ""
    return f"Empty texts in '{column}' are predicted too, by nothing that they say ({empty:,} of {len(texts):,})."


def text_column(predictor: Any) -> str | None:
    """Return the column of texts that a model reads, one or a mean of several; None for a model of something else."""
    reader, columns = getattr(predictor, "preprocessing", None), getattr(predictor, "columns", ())
    return columns[0] if hasattr(reader, "cut") and columns else None


def text_cells(cells: pd.Series) -> list[str]:
    """Return the cells of a column as texts, empty where one is missing."""
    return cells.where(cells.notna(), "").astype(str).tolist()
