"""Parquet files, whose few bytes can declare any number of rows and any length of cells."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from search_spaces.errors import UserError
from trainables.base.contract.files.bounded_input import check_size, max_unpacked
from trainables.base.tables.reading.layout import unique_names

MAGIC = b"PAR1"
CELL_BYTES = 8  # at least, of a cell in memory


def read_parquet(content: bytes, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Read the bytes of a Parquet file.

    Args:
        content: the file.
        name: what errors call it.

    Returns:
        The table, times of day as hours, and notes on what was repaired.

    Raises:
        UserError: the file is damaged, or the table is larger than the bound of ``bounded_input``.
    """
    try:
        table = _read(content, name)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"'{name}' is a damaged Parquet file: {str(error).rstrip('.')}.") from error
    columns, notes = unique_names([str(column) for column in table.column_names])
    decimals = [column for column, field in zip(columns, table.schema, strict=True) if pa.types.is_decimal(field.type)]
    frame: pd.DataFrame = table.rename_columns(columns).to_pandas(ignore_metadata=True)
    frame = frame.astype(dict.fromkeys(decimals, float))  # models and JSON know no decimals
    for column in frame.select_dtypes("timedelta"):
        frame[column] = frame[column].dt.total_seconds() / 3600  # hours, as times of day are read
    return frame, notes


def _read(content: bytes, name: str) -> pa.Table:
    """Read a file once its size is known: a dictionary gives a million rows of a long text in a few bytes."""
    file = pq.ParquetFile(pa.BufferReader(content))
    meta, schema = file.metadata, file.schema_arrow
    groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
    stored = sum(group.total_byte_size for group in groups)
    cells = sum(group.column(i).num_values for group in groups for i in range(meta.num_columns))
    check_size(max(stored, CELL_BYTES * max(cells, meta.num_rows * meta.num_columns)), name, "unpacks to")
    if stored * cells <= max_unpacked():  # no cell is longer than all that is stored
        return file.read()
    lists = next((field.name for field in schema if pa.types.is_nested(field.type) and "string" in str(field.type)), "")
    if lists:
        raise UserError(
            f"'{name}': column '{lists}' holds texts in lists or records, which is not read in a table of "
            "this size. Leave it out, or write each text into a column of its own."
        )
    texts = [field.name for field in schema if _is_text(field.type)]
    table = pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts).read()
    chunks = [chunk for column in table.columns if pa.types.is_dictionary(column.type) for chunk in column.chunks]
    check_size(stored + sum(map(_length, chunks)), name, "unpacks to")
    return pa.table([column.cast(field.type) for column, field in zip(table.columns, schema, strict=True)], schema)


def _length(chunk: pa.DictionaryArray) -> int:
    """Return the bytes of a column's texts, each as often as it is there."""
    if not _is_text(chunk.type.value_type):
        return 0
    lengths = pc.binary_length(chunk.dictionary)
    return int(pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))
