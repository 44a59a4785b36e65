"""What a user's table holds: the target's kind, how each column is treated, what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from search_spaces.errors import UserError, unknown
from trainables.base.kinds.kind import Kind, RowKind
from trainables.base.kinds.registry import row_kind
from trainables.base.tables.cells.missing import code_text, infer_codes
from trainables.base.tables.cells.sizes import check_sizes
from trainables.base.tables.columns.column import TREATMENTS, ColumnRole, chosen_role, infer_role
from trainables.base.tables.columns.selection import SORTS, Columns, category_text
from trainables.base.tables.leaks import find_leak
from trainables.base.tables.target import Target, clean_target, infer_target
from trainables.base.tables.target_notes import code_notes


@dataclass(frozen=True)
class Schema:
    """What a table was found to hold.

    Attributes:
        target: the column to predict and how it is read.
        columns: the columns a model reads, by treatment.
        dropped: why each other column is not read, by name.
        notes: what else the user should know, a sentence each.
    """

    target: Target
    columns: Columns
    dropped: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        """Name of the target's kind."""
        return self.target.kind

    @property
    def target_kind(self) -> RowKind:
        """The target's kind: its metrics, and whether it has classes."""
        return row_kind(self.target.kind)


@dataclass(frozen=True)
class Wishes:
    """What the user said about a table instead of leaving it to be inferred.

    Attributes:
        kind: of the target.
        ignore: names of columns to leave out.
        reserved: columns that are left out because they separate the rows, with the reason.
        treat: how columns are treated, by name: a key of ``TREATMENTS``.
        missing: cells that mean "no value", as text; None to find such numbers.
    """

    kind: str | None = None
    ignore: Sequence[str] = ()
    reserved: Mapping[str, str] | None = None
    treat: Mapping[str, str] | None = None
    missing: Sequence[str] | None = None


def infer_schema(frame: pd.DataFrame, target: str, wishes: Wishes | None = None) -> tuple[pd.DataFrame, Schema]:
    """Infer the schema of a table and clean its target.

    Args:
        frame: the table as read.
        target: name of the target column.
        wishes: what the user chose; everything is inferred without.

    Returns:
        The rows whose target is readable, with a clean target (float64, or classes as int, bool or text), and the
        schema.

    Raises:
        UserError: a column that is not there, a target that cannot be learned, or no column left to learn from.
    """
    wishes = wishes or Wishes()
    reserved, treat = dict(wishes.reserved or {}), dict(wishes.treat or {})
    for name in (target, *wishes.ignore, *reserved, *treat):
        if name not in frame.columns:
            raise unknown("column", name, map(str, frame.columns))
    left_out = dict.fromkeys(wishes.ignore, "ignored as asked") | reserved
    if target in left_out:
        raise UserError(f"The column '{target}' is the target and cannot be ignored or separate the rows as well.")
    if target in treat:
        raise UserError(f"--treat {target}={treat[target]}: '{target}' is the target; give --kind for it.")
    names = [name for name in frame.columns if name != target and name not in left_out]
    roles = {name: _role(frame[name], treat.get(name), wishes.missing) for name in names}
    read = {name: role for name, role in roles.items() if role.name != "dropped"}
    left_out |= {name: role.note for name, role in roles.items() if role.name == "dropped"}
    found = infer_target(frame[target], wishes.kind, missing=wishes.missing, keep_rare=bool(reserved))
    if not read:
        reasons = "; ".join(f"'{name}' {why}" for name, why in left_out.items()) or "the target is the only one"
        raise UserError(f"No column is left to learn '{target}' from: {reasons}.")
    columns, notes = _with_missing(frame, _columns(read), wishes.missing)
    notes = [*found.notes, *(f"Column '{name}': {role.note}." for name, role in read.items() if role.note), *notes]
    clean = clean_target(frame, found)
    is_number = not row_kind(found.kind).classifies
    check_sizes({name: columns.numbers(frame[name]) for name in columns.numeric})
    check_sizes({target: clean[target]} if is_number else {})
    leak = find_leak(clean, target, columns, regression=is_number)
    return clean, Schema(found, columns, left_out, (*notes, *([leak] if leak else [])))


def _role(values: pd.Series, treatment: str | None, missing: Sequence[str] | None) -> ColumnRole:
    if missing:
        values = values.mask(category_text(values).isin(list(missing)))
    return infer_role(values) if treatment is None else chosen_role(values, treatment)


def _columns(read: Mapping[str, ColumnRole]) -> Columns:
    numeric, categorical, dates, text = (
        tuple(name for name, role in read.items() if role.name == sort) for sort in SORTS
    )
    formats = {name: role.format for name, role in read.items() if role.format}
    return Columns(numeric, categorical, dates, text, formats)


def _with_missing(frame: pd.DataFrame, columns: Columns, missing: Sequence[str] | None) -> tuple[Columns, list[str]]:
    """Return the columns with the cells that mean "no value", as given or as found among the numbers."""
    if missing is not None:
        chosen = dict.fromkeys((*columns.numeric, *columns.categorical), tuple(missing)) if missing else {}
        return replace(columns, missing=chosen), []
    numbers = {name: columns.numbers(frame[name]) for name in columns.numeric}
    codes = infer_codes(numbers)
    found = {name: tuple(map(code_text, of_column)) for name, of_column in codes.items()}
    notes = [note for name in numbers for note in code_notes(name, numbers[name], codes.get(name, ()))]
    return replace(columns, missing=found), notes


def parse_treatments(treat: Sequence[str]) -> dict[str, str]:
    """Return how columns are treated, from texts such as ``zip=category,age=number``.

    Raises:
        UserError: a text of another form, or a treatment that is unknown.
    """
    found: dict[str, str] = {}
    for text in treat:
        for part in text.split(",") if text.count("=") > 1 else [text]:
            name, sign, treatment = part.rpartition("=")
            if not sign or not name.strip():
                raise UserError(f"--treat '{part}' must be COLUMN=TREATMENT, e.g. --treat zip=category,age=number.")
            if treatment.strip() not in TREATMENTS:
                raise unknown("treatment", treatment.strip(), TREATMENTS)
            found[name.strip()] = treatment.strip()
    return found
