"""What a user's table holds: the target's kind, how each column is treated, what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.errors import UserError, unknown
from trainables.base.kinds.kind import Kind
from trainables.base.tables.column import FEW_VALUES, infer_role, reading, strange_cells
from trainables.base.tables.dates import MOSTLY
from trainables.base.tables.numbers import PLAIN, infer_number_format, read_numbers
from trainables.base.tables.preprocessing import Columns

KINDS: tuple[Kind, ...] = ("regression", "binary", "multiclass")
SORTS = ("numeric", "categorical", "dates")
MAX_CLASSES = 100


@dataclass(frozen=True)
class Schema:
    """A table, understood.

    Attributes:
        target: the column to predict.
        kind: what it is; inferred unless the user said.
        target_notation: how the target's numbers are written; None when its cells are labels.
        columns: the columns a model reads, by treatment.
        dropped: why each other column is not read, by name.
        notes: what else the user should know, a sentence each.
    """

    target: str
    kind: Kind
    target_notation: str | None
    columns: Columns
    dropped: Mapping[str, str]
    notes: tuple[str, ...]


def infer_schema(
    frame: pd.DataFrame,
    target: str,
    *,
    kind: str | None = None,
    ignore: Sequence[str] = (),
    reserved: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, Schema]:
    """Infers the schema of ``frame`` and cleans its target.

    Args:
        frame: the table as read.
        target: name of the target column.
        kind: overrides the inferred kind.
        ignore: names of columns to leave out.
        reserved: columns that are left out because they part the rows, with the reason.

    Returns:
        The rows whose target is readable, with a clean target (float64, or classes as int, bool or text), and the
        schema.

    Raises:
        UserError: a column that is not there, a target that cannot be learned, or no column left to learn from.
    """
    for name in (target, *ignore, *(reserved or {})):
        if name not in frame.columns:
            raise unknown("column", name, map(str, frame.columns))
    left_out = dict.fromkeys(ignore, "ignored as asked") | dict(reserved or {})
    if target in left_out:
        raise UserError(f"The column '{target}' is the target and cannot be ignored or part the rows as well.")
    roles = {name: infer_role(frame[name]) for name in frame.columns if name != target and name not in left_out}
    read = {name: role for name, role in roles.items() if role.name != "dropped"}
    left_out |= {name: role.note for name, role in roles.items() if role.name == "dropped"}
    named = {sort: tuple(name for name, role in read.items() if role.name == sort) for sort in SORTS}
    columns = Columns(**named, formats={name: role.format for name, role in read.items() if role.format})
    found, notation, notes = infer_target(frame[target], kind)
    if not columns.names:
        reasons = "; ".join(f"'{name}' {why}" for name, why in left_out.items()) or "the target is the only one"
        raise UserError(f"No column is left to learn '{target}' from: {reasons}.")
    notes += [f"Column '{name}': {role.note}." for name, role in read.items() if role.note]
    schema = Schema(target, found, notation, columns, left_out, tuple(notes))
    return clean_target(frame, target, found, notation), schema


def infer_target(values: pd.Series, kind: str | None) -> tuple[Kind, str | None, list[str]]:
    """A target's kind, the notation of its numbers (None when its cells are labels), and notes.

    Raises:
        UserError: it cannot be learned, or not as ``kind``.
    """
    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    target, present = str(values.name), values.dropna()
    strange = strange_cells(present)
    if strange or pd.api.types.is_datetime64_any_dtype(values):
        sort = strange or "dates and times"
        raise UserError(f"The target '{target}' holds {sort}; numbers, text or true and false can be learned.")
    if not len(present):
        raise UserError(f"The target '{target}' has no value in any row.")
    notation = infer_number_format(present)
    numbers = read_numbers(present, notation)
    share = float(numbers.notna().mean())
    example = str(present[numbers.isna()].iloc[0])[:40] if share < 1 else ""
    if kind == "regression" and share < MOSTLY:
        raise UserError(f"The target '{target}' is not numeric (e.g. '{example}'), so it cannot be regression.")
    boolean = pd.api.types.infer_dtype(present) == "boolean" and kind != "regression"
    as_numbers = not boolean and (share == 1 or (share >= MOSTLY and kind in (None, "regression")))
    clean = numbers.dropna() if as_numbers else present.map(_label)
    distinct = clean.nunique()
    if distinct < 2:
        raise UserError(f"The target '{target}' has one value only ({clean.iloc[0]}), so there is nothing to learn.")
    found = _kind_of(clean, distinct, as_numbers) if kind is None else _checked(kind, target, distinct)
    if found != "regression" and distinct > MAX_CLASSES:
        way_out = "learn it with --kind regression" if share >= MOSTLY else f"one of numbers ('{example}' is none)"
        raise UserError(
            f"The target '{target}' has {distinct:,} different values, more than the {MAX_CLASSES} classes that are "
            f"learned. Choose another target, or {way_out}."
        )
    notes = []
    if len(clean) < len(values):
        notes.append(f"Left out {len(values) - len(clean):,} of {len(values):,} rows: no readable target '{target}'.")
    if kind is None:
        notes.append(f"'{target}' is taken for {found} ({distinct:,} different values); --kind overrides.")
    if as_numbers and notation != PLAIN:
        notes.append(f"Target '{target}': {reading(present, numbers, notation)}.")
    return found, notation if as_numbers else None, notes


def clean_target(frame: pd.DataFrame, target: str, kind: Kind, notation: str | None) -> pd.DataFrame:
    """The rows whose target is readable, with a clean target: float64, or classes as int, float, bool or text.

    Args:
        frame: the table as read.
        target, kind, notation: of its ``Schema``.
    """
    values = frame[target]
    if notation is None:
        clean = values.map(_label, na_action="ignore").astype(object)
    else:
        clean = read_numbers(values, notation)
    rows = clean.notna()
    clean = clean[rows].infer_objects()  # true and false with missing cells are objects
    if notation is not None and kind != "regression" and bool((clean % 1 == 0).all()):
        clean = clean.astype(np.int64)
    return frame.loc[rows].reset_index(drop=True).assign(**{target: clean.to_numpy()})


def _label(value: Any) -> Any:
    return bool(value) if isinstance(value, bool | np.bool_) else str(value).strip()


def _kind_of(clean: pd.Series, distinct: int, as_numbers: bool) -> Kind:
    if distinct == 2:
        return "binary"
    few = distinct <= FEW_VALUES and len(clean) >= 5 * distinct
    whole = as_numbers and bool((clean % 1 == 0).all())
    return "multiclass" if not as_numbers or (whole and few) else "regression"


def _checked(kind: str, target: str, distinct: int) -> Kind:
    if kind == "binary" and distinct != 2:
        raise UserError(f"The target '{target}' has {distinct:,} different values, but binary needs exactly 2.")
    return next(known for known in KINDS if known == kind)
