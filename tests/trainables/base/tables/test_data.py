"""What every task's data promises: undamaged files, honest splits, preprocessing that saw training rows only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st

import trainables
from search_spaces import UserError
from trainables import TabularTask
from trainables.base.contract.files import bundled
from trainables.base.contract.splits import split_groups, split_named, split_rows, split_time
from trainables.base.tables.columns.selection import Columns
from trainables.base.tables.preprocessing import TablePreprocessing

TABLES = sorted(
    name for name, cls in trainables.task_classes().items() if issubclass(cls, TabularTask) and not cls.options
)


def test_a_damaged_bundled_file_is_refused(tmp_path: Path) -> None:
    content = bytearray((bundled.DATA / "auto_mpg.csv.gz").read_bytes())
    content[100] ^= 1
    (tmp_path / "auto_mpg.csv.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"auto_mpg.csv.gz.*damaged"):
        bundled.read_bytes("auto_mpg.csv.gz", tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        bundled.read_bytes("wine.csv.gz", tmp_path)


def test_a_wine_table_that_is_another_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.wine.DIGEST", "0" * 64)
    with pytest.raises(UserError, match="table 'wine' is not the one that is known"):
        trainables.get_task("wine").load()


@pytest.mark.parametrize("name", [*(name for name in TABLES if name != "wine"), "mnist", "kogpt2"])
def test_damage_is_seen_before_anything_starts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = trainables.get_task(name)
    task.check_data()
    monkeypatch.setattr(bundled, "checksums", lambda: dict.fromkeys(task.bundled_files, "0" * 64))
    with pytest.raises(UserError, match="is damaged"):
        task.check_data()


@pytest.mark.parametrize("name", [name for name in TABLES if name != "diamonds"])  # the same code, the largest table
def test_nothing_is_fitted_on_rows_that_are_not_training_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = trainables.get_task(name)
    assert isinstance(task, TabularTask)
    frame = task.read()
    rows = task.split(frame, trainables.SPLIT_SEED)
    spoiled = frame.copy()
    held_out = np.concatenate([rows.validation, rows.test])
    for column in task.numeric:
        values = spoiled[column].astype(np.float64).to_numpy(copy=True)
        values[held_out] = values[held_out] * 1000 + 7
        spoiled[column] = values
    for column in task.categorical:
        values = spoiled[column].astype(object).to_numpy(copy=True)
        values[held_out] = "a value of the held-out rows"
        spoiled[column] = values
    honest = task.load()
    monkeypatch.setattr(task, "read", lambda: spoiled)
    monkeypatch.setattr(task, "split", lambda frame, seed: rows)
    leaked = task.load()
    assert np.array_equal(honest.training.arrays["x_train"], leaked.training.arrays["x_train"])
    assert honest.training.facts == leaked.training.facts
    assert honest.training.digest != leaked.training.digest


@pytest.mark.parametrize("name", ["auto_mpg", "california_housing"])
def test_the_target_is_scaled_by_training_rows_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = trainables.get_task(name)
    assert isinstance(task, TabularTask)
    frame = task.read()
    rows = task.split(frame, trainables.SPLIT_SEED)
    spoiled = frame.copy()
    spoiled[task.target] = spoiled[task.target].astype(np.float64)
    spoiled.loc[np.concatenate([rows.validation, rows.test]), task.target] += 1e6
    facts = task.load().training.facts
    monkeypatch.setattr(task, "read", lambda: spoiled)
    monkeypatch.setattr(task, "split", lambda frame, seed: rows)
    assert task.load().training.facts == facts


def test_missing_cells_and_unseen_categories_have_their_place() -> None:
    train = pd.DataFrame({"size": [1.0, 2.0, np.nan, 4.0], "town": ["서울", "부산", None, "부산"]})
    preprocessing = TablePreprocessing.fit(train, Columns(("size",), ("town",)))
    x = preprocessing.transform(pd.DataFrame({"town": ["제주", None, "서울"], "size": [np.inf, "big", "2"]}))
    assert np.isfinite(x).all()
    names = preprocessing.feature_names
    towns = [i for i, name in enumerate(names) if name.startswith("town")]
    assert not x[0, towns].any()  # never seen: all zero
    assert x[2, names.index("town_서울")] == 1
    assert np.array_equal(x[0, [0, 1]], x[1, [0, 1]])  # infinite and unreadable numbers are missing alike


def test_a_column_without_values_in_the_training_rows_keeps_its_place() -> None:
    train = pd.DataFrame({"a": [1.0, 2.0, 3.0], "later": [np.nan] * 3, "sold": [None, None, None]})
    columns = Columns(("later", "a"), dates=("sold",), formats={"sold": "year first"})
    preprocessing = TablePreprocessing.fit(train, columns)
    x = preprocessing.transform(train.assign(later=5.0, sold="2024-03-05"))
    assert np.isfinite(x).all()
    parts = ("year", "month", "day_of_week", "day_of_year", "hour", "days")
    assert preprocessing.feature_names[: preprocessing.n_numeric] == ["later", "a", *(f"sold:{p}" for p in parts)]


def test_a_task_of_ones_own_needs_no_order_of_its_dates() -> None:
    train = pd.DataFrame({"sold": ["01/02/2024", "13/02/2024", "14/03/2024"]})
    preprocessing = TablePreprocessing.fit(train, Columns((), dates=("sold",)))
    assert preprocessing.columns.formats == {"sold": "day first"}
    with pytest.raises(UserError, match="'sold' holds no dates"):
        TablePreprocessing.fit(train.assign(sold=["1-3", "4-6", "7-9"]), Columns((), dates=("sold",)))


def test_a_saved_preprocessing_of_a_foreign_type_is_not_loaded(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]})
    TablePreprocessing.fit(frame, Columns(("a",), ("b",))).save(tmp_path)
    assert np.isfinite(TablePreprocessing.load(tmp_path).transform(frame)).all()
    skops.io.dump(Hostile(tmp_path / "touched"), tmp_path / "preprocessing.skops")
    with pytest.raises(UserError, match=r"types that are not loaded: .*Hostile"):
        TablePreprocessing.load(tmp_path)
    assert not (tmp_path / "touched").exists()


class Hostile:
    """Writes a file when it is made from its state."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __setstate__(self, state: dict[str, str]) -> None:
        Path(state["path"]).touch()


def test_missing_columns_are_named_and_order_does_not_matter() -> None:
    train = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [3.0, 1.0, 2.0]})
    preprocessing = TablePreprocessing.fit(train, Columns(("a", "b")))
    assert np.array_equal(preprocessing.transform(train[["b", "a"]]), preprocessing.transform(train))
    with pytest.raises(UserError, match="'b'"):
        preprocessing.transform(train[["a"]])


@settings(max_examples=25, deadline=None)
@given(
    n_rows=st.integers(20, 400), seed=st.integers(0, 2**31), classes=st.integers(0, 4), names=st.sampled_from("ab가")
)
def test_splits_hold_every_row_once_in_fixed_shares(n_rows: int, seed: int, classes: int, names: str) -> None:
    labels = np.array([f"{names}{i % classes}" for i in range(n_rows)]) if classes > 1 else None
    split = split_rows(n_rows, seed, labels)
    parts = (split.train, split.validation, split.test)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(n_rows))
    assert [abs(len(part) - share * n_rows) <= 2 for part, share in zip(parts, (0.64, 0.16, 0.20), strict=True)] == [
        True
    ] * 3
    again = split_rows(n_rows, seed, labels)
    assert all(np.array_equal(a, b) for a, b in zip(parts, (again.train, again.validation, again.test), strict=True))
    if labels is not None:
        for part in parts:
            shares = np.array([np.mean(labels[part] == label) for label in np.unique(labels)])
            assert np.abs(shares * len(part) - len(part) / classes).max() <= 2


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=8, max_size=40).filter(lambda s: sum(s) >= 20), seed=st.integers(0, 99)
)
def test_no_group_stands_in_two_splits(sizes: list[int], seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    split = split_groups(groups, seed)
    sets = [set(groups[part].tolist()) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, sets)) == len(set().union(*sets)) == len(sizes)


def test_time_splits_never_train_on_the_future() -> None:
    times = np.repeat(np.arange(30), 3)[::-1].copy()
    split = split_time(times)
    assert times[split.train].max() < times[split.validation].min()
    assert times[split.validation].max() < times[split.test].min()
    with pytest.raises(UserError, match="too few distinct times"):
        split_time(np.zeros(30))


def test_splits_refuse_what_cannot_be_split() -> None:
    with pytest.raises(UserError, match="19 usable rows"):
        split_rows(19, 0)
    with pytest.raises(UserError, match="rarest class has 1 row"):
        split_rows(40, 0, np.array(["a"] * 39 + ["b"]))
    with pytest.raises(UserError, match="3 group"):
        split_groups(np.arange(30) % 3, 0)
    with pytest.raises(UserError, match="'later'"):
        split_named(np.array(["train"] * 10 + ["later"]), "part")
    with pytest.raises(UserError, match="no row for validation"):
        split_named(np.array(["train", "Test"] * 10), "part")
