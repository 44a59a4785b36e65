"""The user's own table, from the file's bytes to predictions: what is read, inferred, refused and said."""

from __future__ import annotations

import gzip
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainables
from search_spaces import UserError
from trainables.base.prediction_input import predict_table_file
from trainables.base.tables.predictor import TablePredictor
from trainables.base.tables.reading.file import read_table_bytes
from trainables.table import Table

ROWS = 120


def houses() -> pd.DataFrame:
    """Columns of every sort, with the price as a function of some."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "Id": np.arange(ROWS) + 1,
            "면적": rng.normal(100, 20, ROWS).round(1),
            "rooms": rng.integers(1, 6, ROWS),
            "지역": rng.choice(["서울", "부산", "대구"], ROWS),
            "new": rng.random(ROWS) < 0.3,
            "built": pd.date_range("2000-01-01", periods=ROWS, freq="W").strftime("%Y-%m-%d"),
            "country": "KR",
            "empty": np.nan,
            "note": [f"remark {i}" for i in range(ROWS)],
            "mixed": ["n.a." if i % 40 == 7 else str(i % 9) for i in range(ROWS)],
            "part": ["train"] * 80 + ["val"] * 20 + ["test"] * 20,
            "owner": np.arange(ROWS) // 4,
        }
    )
    frame["price"] = frame["면적"] * 3 + frame["rooms"] * 10 + (frame["지역"] == "서울") * 100
    frame.loc[5, "면적"] = np.nan
    return frame


def written(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "houses.csv"
    frame.to_csv(path, index=False)
    return path


def trained(task: trainables.Task) -> TablePredictor:
    splits = task.load()
    config = task.space().config(task.reference)
    *_, last = task.fit(config, splits.training, 1, max_epochs=2)
    assert last.weights is not None
    predictor = task.predictor(config, last.weights, splits)
    assert isinstance(predictor, TablePredictor)
    return predictor


FILES: dict[str, Any] = {
    "comma": lambda f: f.to_csv(index=False).encode(),
    "tab": lambda f: f.to_csv(index=False, sep="\t").encode(),
    "semicolon": lambda f: f.to_csv(index=False, sep=";").encode(),
    "bar": lambda f: f.to_csv(index=False, sep="|").encode(),
    "utf-8 bom": lambda f: f.to_csv(index=False).encode("utf-8-sig"),
    "utf-16": lambda f: f.to_csv(index=False, sep="\t").encode("utf-16"),
    "cp949": lambda f: f.to_csv(index=False).encode("cp949"),
    "crlf": lambda f: f.to_csv(index=False, lineterminator="\r\n").encode(),
    "excel's hint": lambda f: b"sep=;\r\n" + f.to_csv(index=False, sep=";").encode(),
    "gzip": lambda f: gzip.compress(f.to_csv(index=False).encode("cp949")),
    "parquet": lambda f: f.to_parquet(index=False),
    "parquet gz": lambda f: gzip.compress(f.to_parquet(index=False)),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_sort_of_file_reads_the_same(kind: str) -> None:
    frame = houses()
    read = read_table_bytes(FILES[kind](frame), "houses").frame
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"a,b\n", "no rows"),
        (b"a b\n1 2\n3 4\n", "single column"),
        (b"a,b\n1,2\n1,2,3\n", "line 3"),
        (b"a,b\n1,2,3\n1,2,3\n", "more cells than its header"),
        (b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "is JSON"),
        (b'[\n {"a": 1, "b": 2}]', "is JSON"),
        (b"<!DOCTYPE html><table>", "is HTML"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\x1f\x8bno gzip", "damaged gzip"),
        (b"PAR1no parquet", "damaged Parquet"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "binary"),
        ("名前,値\n東京のひと,1\n大阪,2\n".encode("shift_jis"), "not text in UTF-8"),
        ("имя,ч\nМосква,1\nКазань,2\n".encode("cp1251"), "not text in UTF-8"),
    ],
)
def test_files_that_are_not_tables_are_refused_in_one_sentence(content: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_table_bytes(content, "houses.csv")


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(alphabet='a1,;\t|"\n .가', max_size=80).map(str.encode)))
def test_no_bytes_end_in_anything_but_a_table_or_a_user_error(content: bytes) -> None:
    try:
        frame = read_table_bytes(content, "input").frame
    except UserError:
        return
    assert len(frame)
    assert not frame.columns.duplicated().any()


def test_columns_are_understood_and_the_rest_left_out_with_its_reason(tmp_path: Path) -> None:
    frame = houses()
    frame.loc[3, "price"] = np.nan
    shown = Table(written(tmp_path, frame), "price", ignore="part, owner").description()
    assert shown["kind"] == "regression"
    assert shown["numeric"] == ["면적", "rooms", "mixed"]
    assert shown["categorical"] == ["지역", "new"]
    assert shown["dates"] == ["built"]
    assert shown["dropped"] == {
        "part": "ignored as asked",
        "owner": "ignored as asked",
        "Id": "numbers the rows",
        "country": "has one value only",
        "empty": "has no value",
        "note": "has another text in every row",
    }
    assert (shown["rows"], shown["rows_used"]) == (ROWS, ROWS - 1)
    assert any("3 cells are not numbers" in note for note in shown["notes"])


@pytest.mark.parametrize(
    ("target", "kind", "classes"),
    [
        ("지역", "multiclass", ["대구", "부산", "서울"]),
        ("new", "binary", [False, True]),
        ("rooms", "multiclass", [1, 2, 3, 4, 5]),
    ],
)
def test_the_kind_is_inferred_and_can_be_overridden(tmp_path: Path, target: str, kind: str, classes: list[Any]) -> None:
    path = written(tmp_path, houses())
    task = Table(path, target)
    assert task.facts.kind == kind
    assert task.facts.score == "accuracy"
    assert task.load().training.facts["classes"] == classes
    prediction = trained(task).predict(houses().head(3))
    assert list(prediction.columns) == ["prediction", *(f"p_{name}" for name in classes)]
    if target == "rooms":
        assert Table(path, target, kind="regression").facts.score == "rmse"


def test_rows_are_parted_as_asked(tmp_path: Path) -> None:
    path = written(tmp_path, houses())
    named = Table(path, "price", split_column="part").load()
    assert [len(s.targets) for s in (named.train, named.validation, named.test.open())] == [80, 20, 20]
    by_time = Table(path, "price", time_column="built")
    frame = by_time.read()
    rows = by_time.split(frame, 1)
    assert frame["built"].iloc[rows.train].max() < frame["built"].iloc[rows.test].min()
    by_group = Table(path, "price", group_column="owner")
    rows = by_group.split(frame, 1)
    assert not set(frame["owner"].iloc[rows.train]) & set(frame["owner"].iloc[rows.test])
    assert "owner" not in by_group.numeric


def plain() -> pd.DataFrame:
    """A table of plain numbers and ISO dates."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "size": (rng.normal(size=ROWS) * 100).round(2),
            "price": rng.integers(100, 5_000_000, ROWS),
            "share": rng.uniform(0, 100, ROWS).round(1),
            "open": rng.integers(0, 24, ROWS) + 0.5,
            "sold": pd.date_range("2020-01-01", periods=ROWS, freq="9D").strftime("%Y-%m-%d"),
            "paid": rng.integers(1000, 9_000_000, ROWS),
        }
    )


def as_written(frame: pd.DataFrame) -> pd.DataFrame:
    """The same, as people may write it."""
    sold = pd.to_datetime(frame["sold"])
    return pd.DataFrame(
        {
            "size": frame["size"].map("{:.2f}".format).str.replace(".", ","),
            "price": frame["price"].map("₩{:,}".format),
            "share": frame["share"].map("{:.1f} %".format),
            "open": frame["open"].map(lambda hours: f"{int(hours)}:30"),
            "sold": sold.dt.strftime("%d/%m/%Y"),
            "paid": frame["paid"].map("{:,}원".format),
        }
    )


def test_cells_as_people_write_them_train_and_predict_as_plain_ones(tmp_path: Path) -> None:
    frame = plain()
    tidy = Table(written(tmp_path, frame), "paid")
    task = Table(written(tmp_path, as_written(frame)), "paid")
    assert task.load().training.digest == tidy.load().training.digest
    notes = " ".join(task.description()["notes"])
    for said in ("'₩", "are read as dates, day first", "30' are read as", "hours", "Target 'paid': cells such as"):
        assert said in notes
    predictor = trained(task)
    predictor.save(tmp_path)
    loaded = TablePredictor.load(tmp_path)
    expected = predictor.predict(frame.head(3))["prediction"]
    one_by_one = [
        predict_table_file(loaded, as_written(frame.iloc[[i]]).to_csv(index=False).encode()).frame["prediction"]
        for i in range(3)
    ]
    assert np.concatenate(one_by_one) == pytest.approx(expected, rel=1e-6)


def test_a_column_of_text_is_read_alike_when_a_file_holds_only_plain_looking_cells(tmp_path: Path) -> None:
    frame = plain().assign(size=lambda f: (f["price"] / 1000).map("{:,.3f}".format).str.translate({44: 46, 46: 44}))
    predictor = trained(Table(written(tmp_path, frame), "paid", ignore="price"))
    rows = [frame.assign(size=text).head(1).to_csv(index=False).encode() for text in ("1.500", "1500,0")]
    first, second = (predict_table_file(predictor, row).frame["prediction"] for row in rows)
    assert np.array_equal(first, second)


def test_ids_are_left_out_and_years_are_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = houses().assign(
        PassengerId=rng.permutation(5000)[:ROWS],
        customerId=rng.permutation(9000)[:ROWS],
        회원번호=rng.permutation(9000)[:ROWS],
        counter=np.arange(ROWS) + 7,
        year=np.arange(1900, 1900 + ROWS),
        built_in=np.arange(1850, 1850 + ROWS),
        customer_id=rng.integers(0, 40, ROWS),
    )
    frame.loc[[3, 7], "price"] = np.nan  # the counter has gaps once these rows are gone
    shown = Table(written(tmp_path, frame), "price").description()
    assert {"PassengerId", "customerId", "회원번호", "counter", "Id"} <= set(shown["dropped"])
    assert {"year", "built_in", "customer_id"} <= set(shown["numeric"])
    assert any("'customer_id'" in note and "--group-column" in note for note in shown["notes"])


def test_true_and_false_with_missing_cells_stay_true_and_false(tmp_path: Path) -> None:
    frame = houses().astype({"new": object})
    frame.loc[[2, 9], "new"] = np.nan
    task = Table(written(tmp_path, frame), "new")
    assert task.load().training.facts["classes"] == [False, True]
    assert pickle.loads(pickle.dumps(task)).load().training.facts["classes"] == [False, True]


def test_a_numeric_class_target_with_unreadable_cells_reads_alike_on_a_worker(tmp_path: Path) -> None:
    frame = houses().astype({"rooms": object})
    frame.loc[[2, 9], "rooms"] = "many"
    task = Table(written(tmp_path, frame), "rooms")
    assert task.load().training.facts["classes"] == [1, 2, 3, 4, 5]
    assert pickle.loads(pickle.dumps(task)).load().training.digest == task.load().training.digest


def test_dates_out_of_range_are_missing_in_training_and_prediction(tmp_path: Path) -> None:
    frame = houses()
    frame.loc[frame.index % 3 == 0, "built"] = "9999-12-31"
    frame.loc[7, "built"] = "0001-01-01"
    task = Table(written(tmp_path, frame), "price")
    assert task.dates == ("built",)
    assert any("41 cells are not dates" in note for note in task.description()["notes"])
    found = predict_table_file(trained(task), frame.assign(built="9999-12-31").head(4).to_csv(index=False).encode())
    assert any("'built': cells that are not dates from 1678 to 2261" in note for note in found.notes)


def test_dates_written_day_first_split_by_time(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=ROWS)
    task = Table(written(tmp_path, houses().assign(day=days.strftime("%d/%m/%Y"))), "price", time_column="day")
    rows = task.split(task.read(), 1)
    assert days[rows.train].max() < days[rows.validation].min() < days[rows.test].min()
    refused(tmp_path, "may be day first", houses().assign(day="01/02/2024"), time_column="day")


def test_splits_that_say_little_are_noted(tmp_path: Path) -> None:
    frame = houses().assign(owner=[0] * 100 + list(range(20)))
    notes = Table(written(tmp_path, frame), "price", group_column="owner").description()["notes"]
    assert any("far from 64/16/20" in note for note in notes)
    late = houses().assign(grade=["a", "b"] * 50 + ["c"] * 20)
    notes = Table(written(tmp_path, late), "grade", time_column="built").description()["notes"]
    assert any("no training row has" in note and note.endswith(": c.") for note in notes)


def refused(folder: Path, says: str, frame: pd.DataFrame | None = None, **options: Any) -> None:
    path = written(folder, houses() if frame is None else frame)
    with pytest.raises(UserError, match=says) as error:
        trainables.get_task("table", **({"data": path, "target": "price"} | options))
    assert "\n" not in str(error.value)


def test_bad_training_data_is_refused_in_one_sentence(tmp_path: Path) -> None:
    frame = houses()
    refused(tmp_path, "Did you mean 'price'", target="prise")
    refused(tmp_path, "Unknown column 'x'", ignore=["x"])
    refused(tmp_path, "does not exist", data=tmp_path / "none.csv")
    refused(tmp_path, "Which column is to be predicted[?] Add --target with one of: Id, ", target=None)
    refused(tmp_path, "needs a file and a target", data=None)
    refused(tmp_path, "needs a file and a target", data="")
    refused(tmp_path, "is an address, but tables are files", data="https://example.com/houses.csv")
    refused(tmp_path, "one value only", frame.assign(price=1))
    refused(tmp_path, "no value in any row", frame.assign(price=np.nan))
    refused(tmp_path, "not numeric", target="지역", kind="regression")
    refused(tmp_path, "needs exactly 2", target="지역", kind="binary")
    refused(tmp_path, "Unknown kind", kind="classes")
    refused(tmp_path, "'remark 0' is none", target="note")
    refused(tmp_path, "--kind regression", frame.assign(price=range(ROWS)), kind="multiclass")
    refused(tmp_path, "--target of task 'table' must be text, got 5", target=5)
    refused(tmp_path, "--data", data=5)
    refused(tmp_path, "--split-column", split_column=["part"])
    refused(tmp_path, "--ignore", ignore=[["part"]])
    refused(tmp_path, "Unknown column 'x'", ignore=["part,x"])
    refused(tmp_path, "10 usable rows", frame.head(10))
    refused(tmp_path, "No column is left", frame[["Id", "price"]])
    refused(tmp_path, "one way", group_column="owner", time_column="built")
    refused(tmp_path, "no date or number", time_column="note")
    refused(
        tmp_path, "no value in 1 row", frame.assign(owner=frame["owner"].where(frame.index > 0)), group_column="owner"
    )
    refused(tmp_path, "is the target", ignore="price")
    refused(
        tmp_path, "one class", frame.assign(late=(frame.index > 90).astype(int)), target="late", time_column="built"
    )


def test_cells_of_other_types_are_left_out_or_refused_as_target(tmp_path: Path) -> None:
    path = tmp_path / "houses.parquet"
    tags = pd.Series([[i] for i in range(ROWS)])
    houses().assign(
        tags=tags,
        lasted=pd.to_timedelta(np.arange(ROWS) * 90, unit="min"),
        when=pd.date_range("2020", periods=ROWS),
        kind=houses()["지역"].astype("category"),
    ).to_parquet(path)
    task = Table(path, "price")
    assert task.schema.dropped["tags"] == "holds values of type ndarray"
    assert task.dates == ("built", "when")
    assert "kind" in task.categorical
    assert "lasted" in task.numeric
    assert task.read()["lasted"].tolist()[:3] == [0.0, 1.5, 3.0]  # hours
    for target in ("tags", "when"):
        with pytest.raises(UserError, match=f"The target '{target}' holds"):
            Table(path, target)


def test_a_header_over_two_lines_is_one_name() -> None:
    assert list(read_table_bytes(b'"living\narea",price\n1,2\n3,4\n', "h.csv").frame.columns) == [
        "living area",
        "price",
    ]


def test_a_task_that_travels_leaves_its_rows_at_home(tmp_path: Path) -> None:
    task = Table(written(tmp_path, houses()), "price")
    packed = pickle.dumps(task)
    assert len(packed) < 5000
    assert pickle.loads(packed).load().training.digest == task.load().training.digest


def test_predictions_of_a_file_keep_its_rows_and_say_what_was_not_used(tmp_path: Path) -> None:
    predictor = trained(Table(written(tmp_path, houses()), "price", ignore=["part", "owner", "built"]))
    asked = houses().head(6)[["rooms", "지역", "new", "mixed", "면적", "Id"]]  # reordered, one more
    asked = asked.assign(price=0, prediction="old")
    asked["지역"] = ["제주", *asked["지역"].tolist()[1:]]
    asked["rooms"] = ["two", *asked["rooms"].astype(str).tolist()[1:]]
    found = predict_table_file(predictor, asked.to_csv(index=False).encode("cp949"))
    assert list(found.frame.columns) == [*asked.columns[:-1], "prediction"]
    assert np.isfinite(found.frame["prediction"].astype(float)).all()
    said = " ".join(found.notes)
    for part in (
        "Ignored, as the model does not read them: Id, price.",
        "Replaced",
        "'two'",
        "training never saw",
        "'제주'",
    ):
        assert part in said
    plain = predictor.predict(pd.read_csv(io.BytesIO(asked.to_csv(index=False).encode())))["prediction"]
    assert np.array_equal(found.frame["prediction"], plain)
    with pytest.raises(UserError, match="'지역', 'new'"):
        predict_table_file(predictor, asked.drop(columns=["지역", "new"]).to_csv(index=False).encode())
