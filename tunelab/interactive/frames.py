"""Data in memory, kept as a file beside the store, so that resuming and reproducing find the same rows later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.files.digests import file_digest
from trainables.base.tables.index_levels import with_index_levels
from tunelab.setup.folders import make_folder

if TYPE_CHECKING:
    import pandas as pd

TARGET = "y"  # column of the targets of arrays ``(X, y)``
DIGITS = 12  # of the digest in a file's name


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
    frame = as_frame(data)
    folder = home / "data"
    make_folder(folder)
    draft = folder / f"draft-{os.getpid()}.parquet"
    try:
        frame.to_parquet(draft, index=False)
        path = folder / f"frame-{file_digest(draft)[:DIGITS]}.parquet"
        draft.replace(path)
    except (ValueError, TypeError, OverflowError) as error:  # cells that Arrow does not know
        raise UserError(
            f"data= cannot be kept as a Parquet file: {error}. Convert its columns to plain types."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return path


def as_frame(data: Any) -> pd.DataFrame:
    """Convert data in memory to a DataFrame; columns of arrays are called ``x0``, ``x1``, ... and ``y``.

    The levels of an index that have a name, such as ``date``, are columns.
    """
    import numpy as np
    import pandas as pd

    if isinstance(data, tuple) and len(data) == 2:
        inputs, targets = data
        is_table = isinstance(inputs, pd.DataFrame) or hasattr(inputs, "to_pandas")
        frame = as_frame(inputs) if is_table else _columns(np.asarray(inputs))  # of numpy, torch, nested lists
        if len(frame) != len(targets):
            raise UserError(f"data=(X, y): X has {len(frame)} rows and y has {len(targets)}.")
        return frame.assign(**{TARGET: np.asarray(targets)})
    if isinstance(data, pd.DataFrame):
        return with_index_levels(data).rename(columns=str)
    if hasattr(data, "to_pandas"):  # polars and Arrow
        found: pd.DataFrame = data.to_pandas()
        return found
    kind = type(data).__name__
    raise UserError(f"data= must be a file, a DataFrame (pandas, polars, Arrow) or arrays (X, y); got {kind}.")


def _columns(inputs: Any) -> pd.DataFrame:
    import pandas as pd

    if inputs.ndim != 2:
        raise UserError(f"data=(X, y): X must have two dimensions (rows, columns), got {inputs.ndim}.")
    return pd.DataFrame(inputs, columns=[f"x{i}" for i in range(inputs.shape[1])])
