"""Data in memory, kept as a file beside the store, so that resuming and reproducing find the same rows later."""

from __future__ import annotations

import os
from numbers import Number
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.files.digests import file_digest
from trainables.base.tables.index_levels import with_index_levels
from tunelab.setup.folders import make_folder

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TARGET = "y"  # column of the targets of arrays ``(X, y)``
DIGITS = 12  # of the digest in a file's name
WITHIN = "."  # between the levels of a column's name
_AS_TEXT = (str, Number, PurePath)  # cells that are written as text where a column mixes them


def keep_frame(data: Any, home: Path) -> Path:
    """Write a table in memory to a Parquet file named by its content.

    Args:
        data: A DataFrame of pandas or polars, an Arrow table, or arrays ``(X, y)``.
        home: Folder of the tracking store.

    Returns:
        The file; the same rows give the same file.

    Raises:
        UserError: It is something else, or it cannot be kept as Parquet.
    """
    import pyarrow as pa

    frame = as_frame(data)
    folder = home / "data"
    make_folder(folder)
    draft = folder / f"draft-{os.getpid()}.parquet"
    try:
        frame.to_parquet(draft, index=False)
        path = folder / f"frame-{file_digest(draft)[:DIGITS]}.parquet"
        draft.replace(path)
    except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:  # cells that Arrow does not know
        raise UserError(
            f"data= cannot be kept as a Parquet file: {str(error).rstrip('.')}. Convert its columns to plain types."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return path


def as_frame(data: Any) -> pd.DataFrame:
    """Convert data in memory to a DataFrame; columns of arrays are called ``x0``, ``x1``, ... and ``y``.

    The levels of an index that have a name, such as ``date``, are columns. Column names are those of ``column_name``.

    Raises:
        UserError: It is no table, has no rows, or two columns have one name.
    """
    frame = _with_targets(*data) if isinstance(data, tuple) and len(data) == 2 else _table(data)
    names = list(map(column_name, frame.columns))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"data= has more than one column named '{twice}'. Rename them.")
    if not len(frame) or not names:
        raise UserError("data= has no rows." if names else "data= has no columns.")
    return _plain_cells(frame.set_axis(names, axis=1))


def column_name(name: object) -> str:
    """Return the name of a column of a DataFrame as text; the levels of one with several are joined by a point."""
    return WITHIN.join(str(level) for level in name if level != "") if isinstance(name, tuple) else str(name)


def _table(data: Any) -> pd.DataFrame:
    """Return a table of any of the libraries for them."""
    import pandas as pd

    if hasattr(data, "collect") and hasattr(data, "lazy"):  # polars computes it now
        data = data.collect()
    if not isinstance(data, pd.DataFrame) and hasattr(data, "to_pandas"):  # polars and Arrow
        data = data.to_pandas()
    if isinstance(data, pd.DataFrame):
        return with_index_levels(data)
    kind = type(data).__name__
    raise UserError(f"data= must be a file, a DataFrame (pandas, polars, Arrow) or arrays (X, y); got {kind}.")


def _with_targets(inputs: Any, targets: Any) -> pd.DataFrame:
    """Return inputs (n, columns) and targets (n,) as one table.

    Raises:
        UserError: They are not of these shapes, or say themselves that they do not belong together row by row.
    """
    import pandas as pd

    is_table = isinstance(inputs, pd.DataFrame) or hasattr(inputs, "to_pandas")
    frame = _table(inputs) if is_table else _columns(_array(inputs, "X"))
    found = _array(targets, "y")
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise UserError(f"data=(X, y): y must be one column of numbers or labels, got the shape {found.shape}.")
    if len(frame) != len(found):
        raise UserError(f"data=(X, y): X has {len(frame)} rows and y has {len(found)}.")
    if TARGET in frame.columns:
        raise UserError(f"data=(X, y): X has a column '{TARGET}' too, which is the name of the targets. Rename it.")
    if _is_reordered(inputs, targets):
        raise UserError("data=(X, y): the rows of X and y have one index, in another order. Give y.loc[X.index].")
    return frame.assign(**{TARGET: found})


def _is_reordered(inputs: Any, targets: Any) -> bool:
    """Return whether both have an index of pandas, with the same labels in another order."""
    import pandas as pd

    of_rows, of_targets = getattr(inputs, "index", None), getattr(targets, "index", None)
    if not isinstance(of_rows, pd.Index) or not isinstance(of_targets, pd.Index):  # lists have an index() too
        return False
    return not of_rows.equals(of_targets) and set(of_rows) == set(of_targets)


def _array(values: Any, name: str) -> np.ndarray:
    """Return numbers or labels as an array: of numpy, scipy's sparse matrices, torch, or nested lists."""
    import numpy as np

    if hasattr(values, "detach"):  # torch, perhaps with a gradient or on a GPU
        values = values.detach().cpu()
    if hasattr(values, "toarray"):  # sparse
        values = values.toarray()
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64 if values.dtype.kind in "fiub" else object), np.nan)
    try:
        found: np.ndarray = np.asarray(values)
    except ValueError as error:
        raise UserError(f"data=(X, y): the rows of {name} differ in length. Give each the same columns.") from error
    return found


def _columns(inputs: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    if inputs.ndim != 2:
        raise UserError(f"data=(X, y): X must have two dimensions (rows, columns), got {inputs.ndim}.")
    return pd.DataFrame(inputs, columns=[f"x{i}" for i in range(inputs.shape[1])])


def _plain_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with columns that Parquet lacks in others: sparse ones, intervals, periods, numbers among text."""
    import pandas as pd

    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.SparseDtype):
            frame = frame.assign(**{name: column.astype(column.dtype.subtype)})
        elif _is_range(column) or (column.dtype == object and _is_mixed(column.dropna())):
            frame = frame.assign(**{name: column.astype(object).map(str, na_action="ignore")})
    return frame


def _is_range(column: pd.Series) -> bool:
    """Return whether cells are intervals, as of ``pandas.cut``, or periods such as a month."""
    import pandas as pd

    values = column.dtype.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    return isinstance(values, pd.IntervalDtype | pd.PeriodDtype)


def _is_mixed(cells: pd.Series) -> bool:
    """Return whether cells are numbers and text, as cells of one column of a workbook are, or paths."""
    types = set(map(type, cells))
    mixed = len(types) > 1 and any(issubclass(one, str) for one in types)
    paths = any(issubclass(one, PurePath) for one in types)
    return (mixed or paths) and all(issubclass(one, _AS_TEXT) for one in types)
