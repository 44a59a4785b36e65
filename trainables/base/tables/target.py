"""The column to predict: its kind, how its cells are read, and which rows have none that can be learned."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.errors import UserError, unknown
from trainables.base.kinds.kind import TABLE_KINDS, Kind, RowKind
from trainables.base.kinds.percent import as_percent
from trainables.base.kinds.registry import kind_of_classes, row_kind
from trainables.base.tables.cells.dates import MOSTLY
from trainables.base.tables.cells.missing import NO_LABEL, code_text, drop_codes, infer_codes, is_word
from trainables.base.tables.cells.numbers import PLAIN, infer_number_format, read_numbers
from trainables.base.tables.columns.column import FEW_VALUES, notation_notes, strange_cells
from trainables.base.tables.target_notes import SHOWN, code_notes, far_note, row_count, spelling_notes, word_notes

MAX_CLASSES = 100
MIN_CLASS_ROWS = 3  # of a class: one for each split


@dataclass(frozen=True)
class Target:
    """How the column to predict is read.

    Attributes:
        name: of the column.
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"``.
        notation: how its numbers are written; None when its cells are labels.
        missing: cells that mean "no value", beside empty ones, as text.
        left_out: classes with too few rows, whose rows are left out.
        far: whether some numbers lie so far out that they would decide the fit.
        notes: what the user should know, a sentence each.
    """

    name: str
    kind: Kind
    notation: str | None
    missing: tuple[str, ...] = ()
    left_out: tuple[Any, ...] = ()
    far: bool = False
    notes: tuple[str, ...] = ()


def infer_target(
    values: pd.Series,
    kind: str | None,
    *,
    missing: Sequence[str] | None = None,
    keep_rare: bool = True,
    leaves_out: bool = True,
) -> Target:
    """Infer how a target is read.

    Args:
        values: the column.
        kind: overrides the inferred kind.
        missing: cells that mean "no value", as the user said; None to find them.
        keep_rare: whether classes with few rows stay: a split by a column may need no row of each class.
        leaves_out: whether rows without a readable target are left out, and so said.

    Raises:
        UserError: it cannot be learned, or not as ``kind``.
    """
    if kind is not None and kind not in TABLE_KINDS:
        raise unknown("kind", kind, TABLE_KINDS)
    asked = None if kind is None else row_kind(kind)
    name, cells = str(values.name), _read_cells(values, missing)
    _check_asked(asked, name, cells)
    as_numbers = cells.are_numbers(asked)
    clean, codes, notes = _clean_numbers(name, cells, missing) if as_numbers else _clean_labels(name, cells, missing)
    if not len(clean):
        raise UserError(f"The target '{name}' has no value in any row.")
    counts = clean.value_counts()
    if len(counts) < 2:
        raise UserError(f"The target '{name}' has one value only ({clean.iloc[0]}), so there is nothing to learn.")
    found = _infer_kind(clean, len(counts), as_numbers) if asked is None else asked
    _check_classes(found, name, len(counts), cells)
    if leaves_out and len(clean) < len(values):
        notes.insert(
            0, f"Left out {len(values) - len(clean):,} of {len(values):,} rows: {_unread(name, values, clean)}."
        )
    left_out: tuple[Any, ...] = ()
    if found.classifies and not keep_rare:
        left_out, rare = _rare_classes(name, counts, cells)
        notes += rare
    if asked is None:
        distinct = len(counts) - len(left_out)
        found = kind_of_classes(distinct) if found.classifies else found
        notes.append(f"'{name}' is taken for {found.name} ({distinct:,} different values); --kind overrides.")
    if as_numbers and cells.notation != PLAIN:
        read = notation_notes(cells.cells, cells.numbers, cells.notation)
        notes.append(f"Target '{name}': {'; '.join(read)}.")
    far = [] if found.classifies else far_note(name, clean)
    notation = cells.notation if as_numbers else None
    return Target(name, found.name, notation, codes, left_out, bool(far), (*notes, *far))


def _unread(name: str, values: pd.Series, clean: pd.Series) -> str:
    """Return why rows are left out: they have no target, or cells such as the most frequent one are none."""
    written = _as_text(values.drop(clean.index).dropna())
    written = written[written != ""]
    if not len(written):
        return f"no readable target '{name}'"
    return f"no readable target '{name}' (e.g. '{written.value_counts().index[0][:40]}')"


@dataclass(frozen=True)
class _Cells:
    """The cells of a target, read as numbers.

    Attributes:
        present: those that are not empty and not given as missing.
        cells: of these, those that are not words for "no value".
        notation: how their numbers are written.
        numbers: of ``cells``; NaN for one that is not a number.
    """

    present: pd.Series
    cells: pd.Series
    notation: str
    numbers: pd.Series

    @property
    def share(self) -> float:
        """Fraction of the cells that are numbers."""
        return float(self.numbers.notna().mean()) if len(self.cells) else 0.0

    @property
    def example(self) -> str:
        """A cell that is not a number; empty when all are."""
        return str(self.cells[self.numbers.isna()].iloc[0])[:40] if len(self.cells) and self.share < 1 else ""

    @property
    def way_to_numbers(self) -> str:
        """A sentence on what to do where most cells are numbers, but not enough of them; else empty."""
        if not 0.5 < self.share < 1:
            return ""
        return (
            f" {as_percent(self.share)} of its cells are numbers: leave cells such as '{self.example}' empty to learn "
            "these."
        )

    def are_numbers(self, asked: RowKind | None) -> bool:
        """Return whether the target is read as numbers; a few other cells are then left out where these may be."""
        number = asked is not None and not asked.classifies
        if pd.api.types.infer_dtype(self.cells) == "boolean" and not number:
            return False
        return self.share == 1 or (self.share >= MOSTLY and (asked is None or number))


def _read_cells(values: pd.Series, missing: Sequence[str] | None) -> _Cells:
    present = values.dropna()
    strange = strange_cells(present)
    if strange or pd.api.types.is_datetime64_any_dtype(values):
        sort = strange or "dates and times"
        raise UserError(f"The target '{values.name}' holds {sort}; numbers, text or true and false can be learned.")
    present = present[~_as_text(present).isin(list(missing or ()))]
    cells = present if pd.api.types.is_numeric_dtype(present) else present[~is_word(present)]
    notation = infer_number_format(cells)
    return _Cells(present, cells, notation, read_numbers(cells, notation))


def _check_asked(asked: RowKind | None, name: str, cells: _Cells) -> None:
    """Refuse a regression of cells that are mostly not numbers."""
    if asked is not None and not asked.classifies and cells.share < MOSTLY and len(cells.cells):
        raise UserError(
            f"The target '{name}' is not numeric (e.g. '{cells.example}'), so it cannot be {asked.name}."
            f"{cells.way_to_numbers}"
        )


def _check_classes(kind: RowKind, name: str, distinct: int, cells: _Cells) -> None:
    """Refuse a number of classes that the kind cannot have."""
    if kind.n_classes is not None and distinct != kind.n_classes:
        raise UserError(
            f"The target '{name}' has {distinct:,} different values, but {kind.name} needs exactly {kind.n_classes}."
        )
    if kind.classifies and distinct > MAX_CLASSES:
        way_out = (
            "learn it with --kind regression"
            if cells.share >= MOSTLY
            else f"one of numbers ('{cells.example}' is none)"
        )
        raise UserError(
            f"The target '{name}' has {distinct:,} different values, more than the {MAX_CLASSES} classes that are "
            f"learned. Choose another target, or {way_out}."
        )


def _clean_numbers(
    name: str, cells: _Cells, missing: Sequence[str] | None
) -> tuple[pd.Series, tuple[str, ...], list[str]]:
    """Return the numbers that can be learned, the codes of missing ones, as text, and notes."""
    codes, notes = tuple(missing or ()), []
    if missing is None:
        found = infer_codes({name: cells.numbers}).get(name, ())
        codes = tuple(map(code_text, found))
        notes += code_notes(name, cells.numbers, found)
    return drop_codes(cells.numbers, code_numbers(codes)).dropna(), codes, notes


def _clean_labels(
    name: str, cells: _Cells, missing: Sequence[str] | None
) -> tuple[pd.Series, tuple[str, ...], list[str]]:
    """Return the labels that can be learned, the cells given as missing, and notes."""
    labels = cells.present.astype(object).map(_label)  # a categorical would keep classes without rows
    clean = labels[~_is_no_label(labels)]
    return clean, tuple(missing or ()), [*word_notes(name, clean), *spelling_notes(name, clean)]


def clean_target(frame: pd.DataFrame, target: Target) -> pd.DataFrame:
    """Return the rows with a target that can be learned, with a clean target.

    Args:
        frame: the table as read.
        target: how its column is read.

    Returns:
        The rows, renumbered; the target is float64, or classes as int, float, bool or text.
    """
    values = frame[target.name]
    if target.notation is None:
        clean = values.map(_label, na_action="ignore").astype(object)
        clean = clean.mask(_is_no_label(clean) | _as_text(clean).isin(target.missing))
    else:
        clean = drop_codes(read_numbers(values, target.notation), code_numbers(target.missing))
    rows = clean.notna() & ~clean.isin(list(target.left_out))
    clean = clean[rows].infer_objects()  # true and false with missing cells are objects
    if target.notation is not None and row_kind(target.kind).classifies and bool((clean % 1 == 0).all()):
        clean = clean.astype(np.int64)
    return frame.loc[rows].reset_index(drop=True).assign(**{target.name: clean.to_numpy()})


def code_numbers(codes: Sequence[str]) -> list[float]:
    """Return those of the cells that mean "no value" which are numbers."""
    return [float(number) for number in pd.to_numeric(pd.Series(list(codes), dtype=object), errors="coerce").dropna()]


def _as_text(values: pd.Series) -> pd.Series:
    text = values.astype(object).astype(str).str.strip()
    return text.str.replace(r"^([-+]?\d+)\.0$", r"\1", regex=True)


def _is_no_label(labels: pd.Series) -> pd.Series:
    return labels.astype(object).astype(str).str.strip().str.lower().isin(NO_LABEL)


def _label(value: Any) -> Any:
    """Return a class as it is learned: letters that macOS wrote in parts are composed (NFC)."""
    return bool(value) if isinstance(value, bool | np.bool_) else unicodedata.normalize("NFC", str(value)).strip()


def _rare_classes(name: str, counts: pd.Series, cells: _Cells) -> tuple[tuple[Any, ...], list[str]]:
    rare = counts[counts < MIN_CLASS_ROWS]
    if not len(rare):
        return (), []
    if len(counts) - len(rare) < 2:
        raise UserError(
            f"The target '{name}' has {len(counts) - len(rare)} class(es) with {MIN_CLASS_ROWS} or more rows, but two "
            "are needed, with a row in each split. Merge rare classes or choose another target."
            f"{cells.way_to_numbers}"
        )
    shown = ", ".join(f"'{_shown(label)}' ({count})" for label, count in rare.iloc[:SHOWN].items())
    more = f" and {len(rare) - SHOWN} more" if len(rare) > SHOWN else ""
    few = f"classes with fewer than {MIN_CLASS_ROWS} rows, too few to split: {shown}{more}"
    return tuple(rare.index), [f"Left out {row_count(int(rare.sum()))} of {few}."]


def _shown(label: Any) -> str:
    return f"{label:g}" if isinstance(label, float) else str(label)


def _infer_kind(clean: pd.Series, distinct: int, as_numbers: bool) -> RowKind:
    few = distinct <= FEW_VALUES and len(clean) >= 5 * distinct
    whole = as_numbers and bool((clean % 1 == 0).all())
    if distinct == 2 or not as_numbers or (whole and few):
        return kind_of_classes(distinct)
    return row_kind("regression")
