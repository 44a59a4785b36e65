"""What a user's table holds: the target's kind, how each column is treated, what is left out and why."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.errors import UserError, unknown
from trainables.base.preprocessing import Columns, moments, read_numbers
from trainables.base.task import Kind

KINDS: tuple[Kind, ...] = ("regression", "binary", "multiclass")
MAX_CLASSES = 100
FEW_VALUES = 10  # whole-number targets with at most this many values are taken for classes
MOSTLY = 0.95  # share of readable cells from which a column is numbers, or dates
FREE_TEXT = 0.5  # share of distinct values from which text is no category
PROBED = 2000  # cells that are parsed to tell whether text is dates
_CELLS = (str, bool, int, float, np.generic, datetime.date, Decimal)  # what a cell may hold
_ID_NAME = re.compile(r"(^|[_\s.-])(id|idx|index|uuid|key|no)$|^(unnamed: \d+|번호|순번|일련번호)$", re.IGNORECASE)


@dataclass(frozen=True)
class Schema:
    """A table, understood.

    Attributes:
        target: the column to predict.
        kind: what it is; inferred unless the user said.
        columns: the columns a model reads, by treatment.
        dropped: why each other column is not read, by name.
        notes: what else the user should know, a sentence each.
    """

    target: str
    kind: Kind
    columns: Columns
    dropped: Mapping[str, str]
    notes: tuple[str, ...]


def understand(
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
    frame, found, notes = clean_target(frame, target, kind)
    roles: dict[str, list[str]] = {"numeric": [], "categorical": [], "dates": []}
    for name in frame.columns:
        if name == target or name in left_out:
            continue
        role, why = role_of(frame[name])
        if role == "dropped":
            left_out[name] = why
        else:
            roles[role].append(name)
            notes += [f"Column '{name}': {why}."] if why else []
    columns = Columns(**{role: tuple(names) for role, names in roles.items()})
    if not columns.names:
        reasons = "; ".join(f"'{name}' {why}" for name, why in left_out.items()) or "the target is the only one"
        raise UserError(f"No column is left to learn '{target}' from: {reasons}.")
    return frame, Schema(target, found, columns, left_out, tuple(notes))


def clean_target(frame: pd.DataFrame, target: str, kind: str | None) -> tuple[pd.DataFrame, Kind, list[str]]:
    """Rows whose target is readable, its kind, and notes; raises ``UserError`` when it cannot be learned."""
    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    values = frame[target]
    strange = _strange(values.dropna())
    if strange or pd.api.types.is_datetime64_any_dtype(values):
        sort = strange or "dates and times"
        raise UserError(f"The target '{target}' holds {sort}; numbers, text or true and false can be learned.")
    numbers = read_numbers(values)
    present = values.notna()
    if not present.any():
        raise UserError(f"The target '{target}' has no value in any row.")
    number_share = float(numbers[present].notna().mean())
    as_numbers = number_share == 1 or (number_share >= MOSTLY and kind in (None, "regression"))
    if kind == "regression" and not as_numbers:
        example = str(values[present & numbers.isna()].iloc[0])
        raise UserError(f"The target '{target}' is not numeric (e.g. '{example[:40]}'), so it cannot be regression.")
    clean = numbers if as_numbers else values.where(present).map(_label, na_action="ignore")
    rows = clean.notna()
    notes = []
    if not rows.all():
        notes.append(f"Left out {int((~rows).sum()):,} of {len(rows):,} rows: no readable target '{target}'.")
    clean = clean[rows]
    counts = clean.value_counts()
    if len(counts) < 2:
        raise UserError(f"The target '{target}' has one value only ({counts.index[0]}), so there is nothing to learn.")
    found = _kind_of(clean, len(counts), as_numbers) if kind is None else _checked(kind, target, len(counts))
    if found != "regression" and len(counts) > MAX_CLASSES:
        raise UserError(
            f"The target '{target}' has {len(counts):,} different values, more than the {MAX_CLASSES} classes that are "
            "learned. Choose another target, or --kind regression when it is a number."
        )
    if kind is None:
        notes.append(f"'{target}' is taken for {found} ({len(counts):,} different values); --kind overrides.")
    if found != "regression" and as_numbers and bool((clean % 1 == 0).all()):
        clean = clean.astype(bool if values.dtype == bool else np.int64)
    frame = frame.loc[rows].reset_index(drop=True)
    frame[target] = clean.to_numpy() if as_numbers else clean.astype(object).to_numpy()
    return frame, found, notes


def role_of(values: pd.Series) -> tuple[str, str]:
    """How a column is treated (``"numeric"``, ``"categorical"``, ``"dates"``, ``"dropped"``), and what to say of it."""
    present = values.dropna()
    if not len(present):
        return "dropped", "has no value"
    strange = _strange(present)
    if strange:
        return "dropped", f"holds {strange}"
    distinct = int(present.nunique())
    if distinct == 1:
        return "dropped", "has one value only"
    if pd.api.types.is_bool_dtype(values):
        return "categorical", ""
    if pd.api.types.is_datetime64_any_dtype(values):
        return "dates", ""
    numbers = read_numbers(present)
    share = float(numbers.notna().mean())
    if share == 1:
        return ("dropped", "numbers the rows") if _numbers_rows(numbers, distinct, values.name) else ("numeric", "")
    if share >= MOSTLY:
        return "numeric", f"{int(numbers.isna().sum()):,} cells are no numbers and count as missing"
    if share < 1 - MOSTLY and _are_dates(present):
        return "dates", ""
    if distinct == len(present):
        return "dropped", "has another text in every row"
    if distinct > FREE_TEXT * len(present):
        return "dropped", f"is free text ({distinct:,} different values in {len(present):,} rows)"
    mixed = "mixes numbers and text and is read as categories" if share > 0 and distinct > FEW_VALUES else ""
    return "categorical", mixed


def order_in_time(values: pd.Series) -> np.ndarray:
    """(n,) numbers that grow with time, from dates or from numbers (years, seconds).

    Raises:
        UserError: a cell that is missing or neither.
    """
    numbers = read_numbers(values)
    if numbers.isna().any():
        numbers = (moments(values) - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    bad = numbers.isna()
    if bad.any():
        raise UserError(
            f"The time column '{values.name}' holds no date or number in {int(bad.sum()):,} rows "
            f"(e.g. {str(values[bad].iloc[0])[:40]!r}). Fill or remove them."
        )
    return np.asarray(numbers, dtype=np.float64)


def _label(value: Any) -> Any:
    return value if isinstance(value, bool) else str(value).strip()


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


def _numbers_rows(numbers: pd.Series, distinct: int, name: object) -> bool:
    """Whether whole numbers, all different, count the rows or are named like an identifier."""
    if distinct < len(numbers) or bool((numbers % 1 != 0).any()):
        return False
    consecutive = float(numbers.max() - numbers.min()) == len(numbers) - 1 and len(numbers) > FEW_VALUES
    return consecutive or _ID_NAME.search(str(name)) is not None


def _strange(present: pd.Series) -> str:
    """The type of cells that are neither numbers, text, booleans nor dates, in words; empty when there are none."""
    if present.dtype != object:
        return ""
    strange = [type(cell).__name__ for cell in _probe(present) if not isinstance(cell, _CELLS)]
    return f"values of type {strange[0]}" if strange else ""


def _probe(values: pd.Series) -> pd.Series:
    """About ``PROBED`` cells from beginning to end."""
    return values.iloc[:: max(1, len(values) // PROBED)]


def _are_dates(present: pd.Series) -> bool:
    probe = _probe(present).astype(str)
    if not probe.str.contains(r"\d", regex=True).mean() >= MOSTLY:
        return False
    return bool(pd.to_datetime(probe, errors="coerce", utc=True, format="mixed").notna().mean() >= MOSTLY)
