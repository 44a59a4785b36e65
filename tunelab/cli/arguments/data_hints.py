"""What to type for a table of the user's own, with its columns."""

from __future__ import annotations

from pathlib import Path

from search_spaces.errors import UserError

TABLE_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq")


def table_hint(path: str, command: str = "sweep") -> UserError:
    """Return the error for a data file that was given where a task is expected."""
    from trainables.base.tables.reading.file import column_list, read_table_file

    typed = f"Type: tunelab {command} table --data {path} --target COLUMN"
    if not Path(path).expanduser().is_file():
        return UserError(f"'{path}' names a table, which does not exist. {typed}.")
    columns = column_list(read_table_file(Path(path).expanduser()).frame)
    return UserError(f"'{path}' is a table, not a task. {typed}, one of: {columns}.")
