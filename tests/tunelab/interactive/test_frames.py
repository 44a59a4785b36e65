"""Data in memory as a file beside the store: every kind of table and arrays through one door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import torch

from search_spaces import UserError
from tunelab.interactive.frames import keep_frame

FRAME = pd.DataFrame({"city": ["서울", None, "부산"], "area": [59.5, 84.0, np.nan], "price": [7, 11, 5]})
INPUTS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def polars_frame() -> Any:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    return polars.DataFrame({"city": ["서울", None, "부산"], "area": [59.5, 84.0, None], "price": [7, 11, 5]})


@pytest.mark.parametrize(
    "make", [lambda: FRAME, polars_frame, lambda: pa.Table.from_pandas(FRAME)], ids=["pandas", "polars", "Arrow"]
)
def test_a_table_is_kept_as_its_rows_are(make: Callable[[], Any], tmp_path: Path) -> None:
    table = make()
    path = keep_frame(table, tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), FRAME)
    assert keep_frame(table, tmp_path) == path
    assert [file.name for file in (tmp_path / "data").iterdir()] == [path.name]


@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor, np.ndarray.tolist], ids=["numpy", "torch", "lists"])
def test_arrays_are_named_columns(convert: Callable[[Any], Any], tmp_path: Path) -> None:
    kept = pd.read_parquet(keep_frame((convert(INPUTS), convert(INPUTS[:, 0])), tmp_path))
    assert kept.columns.tolist() == ["x0", "x1", "y"]
    assert kept.to_numpy().tolist() == np.column_stack([INPUTS, INPUTS[:, 0]]).tolist()


def test_a_named_index_is_a_column(tmp_path: Path) -> None:
    dates = pd.date_range("2026-01-01", periods=3, name="date")
    kept = pd.read_parquet(keep_frame(FRAME.set_index(dates), tmp_path))
    assert kept.columns.tolist() == ["city", "area", "price", "date"]
    assert kept["date"].tolist() == dates.tolist()
    again = pd.read_parquet(keep_frame(kept.set_index(["date", "city"]), tmp_path))
    assert set(again.columns) == set(kept.columns)


def test_cells_that_no_table_holds_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="data= cannot be kept as a Parquet file"):
        keep_frame(pd.DataFrame({"a": [1, "b", object()]}), tmp_path)
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (pd.DataFrame({("x", "a"): [1], ("t", ""): [2]}), ["x.a", "t"]),
        (pd.DataFrame(np.ones((1, 2))), ["0", "1"]),
        (pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 1.0])}), ["a"]),
        (pd.DataFrame({"a": [1, "b", None], "p": [Path("x"), None, Path("y")]}), ["a", "p"]),
        ((scipy.sparse.csr_matrix(INPUTS), INPUTS[:, 0]), ["x0", "x1", "y"]),
        ((torch.tensor(INPUTS, requires_grad=True), torch.tensor(INPUTS[:, :1])), ["x0", "x1", "y"]),
    ],
    ids=["levels", "numbers", "sparse column", "mixed cells", "sparse", "gradient"],
)
def test_what_other_libraries_hand_over_is_a_table(data: Any, columns: list[str], tmp_path: Path) -> None:
    kept = pd.read_parquet(keep_frame(data, tmp_path))
    assert kept.columns.tolist() == columns


def test_a_lazy_frame_is_computed(tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(pd.read_parquet(keep_frame(polars_frame().lazy(), tmp_path)), FRAME)


def test_a_masked_cell_is_missing(tmp_path: Path) -> None:
    masked = np.ma.masked_equal(INPUTS, 4.0)
    kept = pd.read_parquet(keep_frame((masked, INPUTS[:, 0]), tmp_path))
    assert kept["x1"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((INPUTS, INPUTS), r"y must be one column of numbers or labels, got the shape \(3, 2\)"),
        ((INPUTS, None), r"got the shape \(\)"),
        (([[1, 2], [3]], [1, 2]), "the rows of X differ in length"),
        ((INPUTS + 1j, INPUTS[:, 0]), "cannot be kept as a Parquet file"),
        ((FRAME.rename(columns={"price": "y"}), INPUTS[:, 0]), "X has a column 'y' too"),
        ((FRAME, FRAME["price"].iloc[::-1]), "one index, in another order"),
        (pd.concat([FRAME, FRAME[["area"]]], axis=1), "more than one column named 'area'"),
        (FRAME[:0], "no rows"),
        (pd.DataFrame(index=range(3)), "no columns"),
    ],
)
def test_tables_that_would_be_misread_are_refused_and_leave_nothing(data: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        keep_frame(data, tmp_path)
    assert not list(tmp_path.rglob("*.parquet"))


def test_intervals_and_periods_are_text(tmp_path: Path) -> None:
    months = pd.period_range("2026-01", periods=3, freq="M")
    kept = pd.read_parquet(keep_frame(FRAME.assign(size=pd.cut(FRAME["price"], [0, 6, 12]), month=months), tmp_path))
    assert kept["size"].tolist() == ["(6, 12]", "(6, 12]", "(0, 6]"]
    assert kept["month"].tolist() == ["2026-01", "2026-02", "2026-03"]
