"""A table of the user's own: any CSV, TSV or Parquet file and the name of the column to predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from search_spaces.errors import UserError, unknown
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.names import task_name
from trainables.base.contract.options import TaskOption
from trainables.base.contract.task import SPLIT_SEED
from trainables.base.kinds.kind import TABLE_KINDS
from trainables.base.tables.budget import SMALL_ROWS, table_budget
from trainables.base.tables.references import MLP, table_reference
from trainables.base.tables.tabular import TabularTask

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from trainables.base.contract.data import Splits
    from trainables.base.contract.splits import RowSplit
    from trainables.base.kinds.kind import TargetTransform
    from trainables.base.tables.columns.selection import Columns
    from trainables.base.tables.reading.file import TableFile

CONSTANT = "has one value in the training rows"
TRANSFORMS = ("none", "log", "robust")
MANY_ROWS = 100_000
SEPARATING = {  # what a column that separates the rows is for
    "split_column": "says which split a row is in",
    "group_column": "names the row's group",
    "time_column": "orders the rows in time",
}


class Table(TabularTask):
    """Regression, binary or multi-class, as the target shows; reference 128-64-32 with dropout 0.1.

    The file is read and split at once, so that a table that cannot be learned is refused before anything starts. Its
    name holds those of file and target (``table-houses-price``): each table has an experiment and a champion.

    Args:
        data: path of a CSV, TSV or Parquet file, gzipped or not.
        target: the column to predict.
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"`` instead of the inferred one.
        ignore: columns to leave out, as a list or separated by commas.
        split_column: a column that says train, validation or test of each row.
        group_column: rows of one group stay in one split.
        time_column: the oldest rows train, the newest test.
        treat: how columns are treated where the guess is wrong, ``"zip=category,age=number,built=date,note=text"``.
        missing: cells that mean "no value", as a list or separated by commas; ``"none"`` for no number. Numbers such as
            -999 that lie far from all others are found without.
        no_header: whether the file has no line of names; its columns are then ``column_1``, ``column_2``, ...
        target_transform: ``"log"``, ``"robust"`` or ``"none"`` (see ``TargetScale``); chosen on the validation rows
            where some targets lie far out.

    Raises:
        UserError: no file or no table, a column that is not there, or a target or rows that cannot be learned from.
    """

    facts = TaskFacts(
        name="table",
        title="A table of your own (--data houses.csv --target price)",
        kind="regression",
        source="the user's file",
        licence="the user's own",
        score="rmse",
        score_direction="minimize",
        note="The kind is inferred from the target and shown before training.",
    )
    options = (
        TaskOption("data", "Table to learn from: CSV or TSV (also .gz) or Parquet."),
        TaskOption("target", "Column to predict."),
        TaskOption("kind", "What the target is.", choices=TABLE_KINDS, default="inferred from the target"),
        TaskOption("ignore", "Column to leave out; repeat it, or separate names by commas.", repeatable=True),
        TaskOption("split_column", "Column that says train, validation or test of each row."),
        TaskOption("group_column", "Column whose equal values stay in one split."),
        TaskOption("time_column", "Column to split by: the oldest rows train, the newest test."),
        TaskOption("treat", "COLUMN=number, category, date or text, where the guess is wrong.", repeatable=True),
        TaskOption("missing", "Cell that means 'no value', e.g. -200; none to keep all.", repeatable=True),
        TaskOption("no_header", "The first line is data, not names.", bool),
        TaskOption(
            "target_transform", "Scale to learn a number on.", choices=TRANSFORMS, default="none, or by validation"
        ),
    )

    def __init__(
        self,
        data: str | Path | None = None,
        target: str | None = None,
        kind: str | None = None,
        ignore: str | Sequence[str] | None = None,
        split_column: str | None = None,
        group_column: str | None = None,
        time_column: str | None = None,
        treat: str | Sequence[str] | None = None,
        missing: str | Sequence[str] | None = None,
        no_header: bool = False,
        target_transform: str | None = None,
    ) -> None:
        from trainables.base.tables.cells.missing import given_codes
        from trainables.base.tables.reading.file import column_list
        from trainables.base.tables.schema import Wishes, infer_schema, parse_treatments

        if data is None or not str(data).strip():
            raise UserError("Task 'table' needs a file and a target: --data houses.csv --target price.")
        columns = {"split_column": split_column, "group_column": group_column, "time_column": time_column}
        texts = {"data": data, "target": target, "kind": kind, "target_transform": target_transform, **columns}
        _check_text(texts | {"ignore": ignore, "treat": treat})
        _check_one_way(columns)
        if target_transform is not None and target_transform not in TRANSFORMS:
            raise unknown("target transform", target_transform, TRANSFORMS)
        self.split_column, self.group_column, self.time_column = split_column, group_column, time_column
        self.path, self._header = Path(data).expanduser(), not no_header
        table = self._read_file()
        if target is None:
            raise UserError(f"Which column is to be predicted? Add --target with one of: {column_list(table.frame)}.")
        self._rows_read, self._file_notes = len(table.frame), table.notes
        self._frame: pd.DataFrame | None
        wishes = Wishes(
            kind=kind,
            ignore=_names(ignore, table.frame),
            reserved={column: SEPARATING[option] for option, column in columns.items() if column is not None},
            treat=parse_treatments([treat] if isinstance(treat, str) else list(treat or ())),
            missing=given_codes(missing),
        )
        self._frame, self.schema = infer_schema(table.frame, target, wishes)
        if target_transform == "log" and not self.schema.target_kind.classifies:
            _check_positive(self._frame[target])
        self._chosen_transform = cast("TargetTransform | None", target_transform)
        self._constant: frozenset[str] = frozenset()
        self._split_notes: tuple[str, ...] = ()
        self._load_notes: tuple[str, ...] = ()
        self._take_on(self._frame)
        self.split(self._frame, SPLIT_SEED)

    def _take_on(self, frame: pd.DataFrame) -> None:
        """Set what a task says of itself from what the table turned out to be."""
        schema, rows = self.schema, len(frame)
        kind = schema.target_kind
        self.target = schema.target.name
        self.numeric, self.categorical, self.dates = (
            schema.columns.numeric,
            schema.columns.categorical,
            schema.columns.dates,
        )
        self.numeric_transform = "standard" if rows < 1_000 else "quantile"  # a thousand rows make fair quantiles
        self.facts = replace(
            type(self).facts,
            name=task_name("table", self.path, self.target),
            title=f"{self.target} of the table {self.path.name}",
            kind=schema.kind,
            source=self.path.name,
            score=kind.score_for(frame[self.target]),
            score_direction=kind.score_direction,
            note="",
            **table_budget(rows),
        )
        small = rows < SMALL_ROWS
        self.space_name = "tabular_small" if small else "tabular"
        self.reference = table_reference({**MLP, "batch_size": 512 if rows > MANY_ROWS else 64}, small=small)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_frame": None}  # a task that travels to a worker leaves its rows at home

    def read(self) -> pd.DataFrame:
        from trainables.base.tables.target import clean_target

        if self._frame is None:
            self._frame = clean_target(self._read_file().frame, self.schema.target)
        return self._frame

    def _read_file(self) -> TableFile:
        """Return the examples in the file."""
        from trainables.base.tables.reading.file import TableFile, read_table_file
        from trainables.base.tables.totals import without_totals

        table = read_table_file(self.path, header=self._header)
        examples, notes = without_totals(table.frame)
        return TableFile(examples, (*table.notes, *notes))

    def columns(self) -> Columns:
        return self.schema.columns.without(self._constant)

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        from trainables.base.tables.split_notes import pooled_notes
        from trainables.base.tables.target_choice import choose_transform

        self.target_transform = self._chosen_transform or "none"
        splits = super().load(split_seed)
        notes = pooled_notes(splits.preprocessing)
        if self._chosen_transform is None and self.schema.target.far:
            choice = choose_transform(splits, positive=bool((self.read()[self.target] > 0).all()))
            notes.append(choice.note)
            if choice.transform != self.target_transform:
                self.target_transform = choice.transform
                splits = super().load(split_seed)
        self._load_notes = tuple(notes)
        return splits

    def split(self, frame: pd.DataFrame, split_seed: int) -> RowSplit:
        """Return the row positions of the splits.

        Raises:
            UserError: the rows cannot be split this way, or those that train hold one class only.
        """
        from trainables.base.contract.splits import uneven
        from trainables.base.tables.copies import copied_rows, copies_note
        from trainables.base.tables.split_notes import class_notes, constant_columns

        copies = None if self._separates() else copied_rows(frame[[*self.schema.columns.names, self.target]])
        rows = self._parted(frame, split_seed, copies)
        notes = [] if self.split_column is not None else [uneven(rows)]
        if copies is not None:
            notes.append(copies_note(copies))
        if self.schema.target_kind.classifies:
            classes = frame[self.target]
            trained = set(classes.iloc[rows.train].unique())
            if len(trained) < 2:
                raise UserError(
                    f"The training rows hold one class of '{self.target}' only. Split the rows another way."
                )
            unseen = [str(name) for name in classes.unique() if name not in trained]
            if unseen:
                more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
                named = ", ".join(unseen[:5]) + more
                notes.append(f"Classes that no training row has, so that no model can learn them: {named}.")
            notes += class_notes(classes)
        self._constant = frozenset(constant_columns(frame.iloc[rows.train], self.schema.columns))
        if not self.schema.columns.without(self._constant).names:
            raise UserError("Every column has one value in all training rows. Split the rows another way.")
        self._split_notes = tuple(note for note in notes if note)
        return rows

    def _separates(self) -> bool:
        """Return whether a column separates the rows."""
        return any(column is not None for column in (self.split_column, self.group_column, self.time_column))

    def _parted(self, frame: pd.DataFrame, split_seed: int, copies: np.ndarray | None) -> RowSplit:
        from trainables.base.contract.splits import split_distinct, split_groups, split_named, split_time
        from trainables.base.tables.columns.column import order_in_time

        if self.split_column is not None:
            return split_named(frame[self.split_column].to_numpy(), self.split_column)
        if self.group_column is not None:
            return split_groups(_groups(frame[self.group_column]), split_seed)
        if self.time_column is not None:
            return split_time(order_in_time(frame[self.time_column]))
        if copies is not None:
            classes = frame[self.target].to_numpy() if self.schema.target_kind.classifies else None
            return split_distinct(copies, split_seed, classes)
        return super().split(frame, split_seed)

    def description(self) -> dict[str, Any]:
        from trainables.base.tables.columns.selection import SORTS

        frame, schema, columns = self.read(), self.schema, self.columns()
        shown: dict[str, Any] = {
            "data": str(self.path),
            "rows": self._rows_read,
            "rows_used": len(frame),
            "target": self.target,
            "kind": schema.kind,
            **{sort: list(getattr(columns, sort)) for sort in SORTS if sort != "text" or columns.text},
            "dropped": {**schema.dropped, **dict.fromkeys(sorted(self._constant), CONSTANT)},
            "notes": [*self._file_notes, *schema.notes, *self._split_notes, *self._load_notes],
        }
        if schema.target_kind.classifies:
            shown["classes"] = {str(name): int(n) for name, n in frame[self.target].value_counts().items()}
        return shown


def _check_text(options: Mapping[str, object]) -> None:
    """Refuse what a YAML file may give instead of text: ``target: 2020``, ``split_column: [a]``."""
    for option, value in options.items():
        for part in value if option in ("ignore", "treat") and isinstance(value, list | tuple) else [value]:
            if not isinstance(part, str | Path | None):
                flag = f"--{option.replace('_', '-')}"
                raise UserError(f"{flag} of task 'table' must be text, got {part!r}. Put it in quotes in a YAML file.")


def _check_one_way(columns: Mapping[str, str | None]) -> None:
    """Refuse more than one column that separates the rows, by option."""
    given = [f"--{option.replace('_', '-')}" for option, column in columns.items() if column is not None]
    if len(given) > 1:
        raise UserError(f"Rows are separated in one way, but {' and '.join(given)} are given. Choose one.")


def _check_positive(target: pd.Series) -> None:
    least = target.min()
    if least <= 0:
        raise UserError(f"--target-transform log needs a positive target, but the least '{target.name}' is {least:g}.")


def _names(ignore: str | Sequence[str] | None, frame: pd.DataFrame) -> list[str]:
    """Column names, given one by one or parted by commas; a column whose own name has a comma is taken as it is."""
    given = [ignore] if isinstance(ignore, str) else list(ignore or ())
    parts = [[text] if text in frame.columns else text.split(",") for text in given]
    return [name.strip() for part in parts for name in part if name.strip()]


def _groups(column: pd.Series) -> np.ndarray:
    """Return the group of each row as text; raises ``UserError`` when a row has none."""
    missing = int(column.isna().sum())
    if missing:
        raise UserError(f"The group column '{column.name}' has no value in {missing:,} rows. Fill or remove them.")
    return column.astype(str).to_numpy(dtype=object)
