"""Permutation importance: how much a model's score suffers when a raw column is shuffled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnImportance:
    """How much the score suffers when a raw column is shuffled: mean and standard deviation over repeats."""

    name: str
    mean: float
    std: float


@dataclass(frozen=True)
class Importance:
    """Permutation importance of all raw columns.

    Attributes:
        score: The task's score, e.g. ``"rmse"``.
        loss: What grows when a column matters: ``"rmse"``, or ``"1 − accuracy"``.
        rows: Number of rows of the sample.
        repeats: Number of times that each column was shuffled.
        columns: The most important first; empty when nothing was measured.
        note: Why nothing was measured; empty when it was.
    """

    score: str
    loss: str
    rows: int
    repeats: int
    columns: tuple[ColumnImportance, ...]
    note: str = ""
