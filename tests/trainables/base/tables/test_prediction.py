"""Predictions of people's files: what comes back, what is unseen, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from search_spaces import UserError
from trainables.base.prediction_input import predict_table_file
from trainables.base.tables.columns.selection import Columns
from trainables.base.tables.predictor import TablePredictor
from trainables.base.tables.preprocessing import TablePreprocessing
from trainables.table import Table

ROWS = 120
RNG = np.random.default_rng(5)


def trained(folder: Path, frame: pd.DataFrame, **options: Any) -> TablePredictor:
    """A model of the column y, saved and loaded."""
    frame.to_csv(folder / "train.csv", index=False, header=not options.get("no_header"))
    task = Table(folder / "train.csv", **{"target": "y", **options})
    splits = task.load()
    config = task.space().config(task.reference)
    *_, last = task.fit(config, splits.training, 1, max_epochs=2)
    assert last.weights is not None
    predictor = task.predictor(config, last.weights, splits)
    (folder / "model").mkdir()
    predictor.save(folder / "model")
    return TablePredictor.load(folder / "model")


def shops() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "town": RNG.choice(["Aston", "Brook", "Clay"], ROWS),
            "open": RNG.choice(["true", "false"], ROWS),
            "size": RNG.normal(50, 9, ROWS).round(1).astype(str),
            "note": [f"shop {i} with {'wide' if i % 3 else 'narrow'} windows" for i in range(ROWS)],
        }
    )
    frame["y"] = frame["size"].astype(float) * 2 + (frame["town"] == "Clay") * 30
    frame["size"] = frame["size"].str.replace(".", ",") + " m²"
    return frame


def test_cells_come_back_exactly_as_they_are_written(tmp_path: Path) -> None:
    predictor = trained(tmp_path, shops())
    written = b'id,town,open,size,note\n00012,Aston,true,"40,5 m\xc2\xb2",NA\n01E5,Clay,FALSE,"39,0",a shop\n'
    found = predict_table_file(predictor, written).frame
    assert found.drop(columns="prediction").to_csv(index=False).encode() == written
    assert np.isfinite(found["prediction"]).all()
    rows = shops()
    by_town = predictor.predict(rows.set_index("town"))  # a column that is the index is read all the same
    assert by_town.index.tolist() == rows["town"].tolist()
    assert by_town["prediction"].tolist() == predictor.predict(rows)["prediction"].tolist()


def test_a_column_of_which_no_cell_can_be_read_is_refused(tmp_path: Path) -> None:
    predictor = trained(tmp_path, shops())
    with pytest.raises(UserError, match=r"No cell can be read of 'size' \(e.g. '40.5 sqft'"):
        predict_table_file(predictor, b"town,open,size,note\nClay,true,40.5 sqft,x\n")
    found = predict_table_file(predictor, b"town,open,size,note\nClay,true,-,x\nClay,true,,x\n")
    assert len(found.frame) == 2


def test_an_unseen_category_is_none_of_the_known_ones() -> None:
    train = pd.DataFrame({"town": ["b", "a", "b", "c"], "open": [True, False, True, False]})
    preprocessing = TablePreprocessing.fit(train, Columns((), ("town", "open")))
    assert preprocessing.feature_names == ["town_a", "town_b", "town_c", "open_False", "open_True"]
    x = preprocessing.transform(pd.DataFrame({"town": ["z", "a"], "open": ["TRUE", "?"]}))
    assert x.tolist() == [[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]


def test_rare_values_of_a_wide_column_share_an_indicator_with_unseen_ones() -> None:
    rows = 200_000
    values = np.where(np.arange(rows) < 200, [f"rare {i}" for i in range(200)] * (rows // 200), np.arange(rows) % 40)
    train = pd.DataFrame({"dong": values.astype(str)})
    preprocessing = TablePreprocessing.fit(train, Columns((), ("dong",)))
    assert preprocessing.feature_names[-1] == "dong_other"
    assert preprocessing.pooled_categories["dong"] > 100
    assert preprocessing.transform(pd.DataFrame({"dong": ["new"]}))[0, -1] == 1


def test_many_values_keep_their_own_indicator_where_rows_are_few() -> None:
    train = pd.DataFrame({"dong": [f"d{i % 300}" for i in range(3000)]})
    assert len(TablePreprocessing.fit(train, Columns((), ("dong",))).feature_names) == 300


@pytest.mark.parametrize("numeric", ["standard", "quantile"])
def test_numbers_outside_what_training_saw_are_taken_for_the_nearest(numeric: Any) -> None:
    train = pd.DataFrame({"a": RNG.normal(size=400), "flag": 0.0})
    preprocessing = TablePreprocessing.fit(train, Columns(("a", "flag")), numeric)
    low, x, high = preprocessing.transform(pd.DataFrame({"a": [-1e9, 0.0, 1e9], "flag": [0.0, 1.0, 1e9]}))
    known = preprocessing.transform(train)
    assert (low[0], high[0]) == (known[:, 0].min(), known[:, 0].max())
    assert x[1] == high[1] == known[0, 1]


def test_names_that_preprocessing_makes_never_collide() -> None:
    train = pd.DataFrame(
        {
            "colour": ["red", "blue", "red"],
            "colour_red": [1.0, 2.0, 3.0],
            "a": [1.0, np.nan, 2.0],
            "a_missing": [3.0, 1.0, 2.0],
            "missingindicator_a": [3.0, 1.0, 5.0],
            "d": ["2024-01-01", "2024-02-01", "2024-03-01"],
            "d:year": [1.0, 2.0, 4.0],
        }
    )
    columns = Columns(("colour_red", "a", "a_missing", "missingindicator_a", "d:year"), ("colour",), ("d",))
    preprocessing = TablePreprocessing.fit(train, columns)
    names = preprocessing.feature_names
    assert len(set(names)) == len(names) == preprocessing.transform(train).shape[1]


def test_free_text_decides_where_it_is_all_there_is(tmp_path: Path) -> None:
    spam = [i % 3 == 0 for i in range(ROWS)]
    text = [
        f"win a {'big' if i % 2 else 'free'} prize now {i}" if s else f"see you at {i} then" for i, s in enumerate(spam)
    ]
    frame = pd.DataFrame({"text": text, "y": np.where(spam, "spam", "ham")})
    frame.to_csv(tmp_path / "sms.csv", index=False)
    task = Table(tmp_path / "sms.csv", "y")
    assert task.columns().text == ("text",)
    splits = task.load()
    x, y = splits.training.arrays["x_train"], splits.training.arrays["y_train"]
    x_val, y_val = splits.training.arrays["x_val"], splits.training.arrays["y_val"]
    weights = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y.ravel(), rcond=None)[0]
    assert np.mean((np.column_stack([x_val, np.ones(len(x_val))]) @ weights > 0.5) == (y_val.ravel() > 0.5)) > 0.9
    splits.preprocessing.save(tmp_path)
    again = TablePreprocessing.load(tmp_path).transform(frame[["text"]])
    assert np.array_equal(again, splits.preprocessing.transform(frame[["text"]]))


def test_a_model_of_a_file_without_a_header_reads_one_without(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": RNG.normal(size=ROWS), "b": RNG.normal(size=ROWS), "y": RNG.normal(size=ROWS)})
    predictor = trained(tmp_path, frame, target="column_3", no_header=True)
    assert len(predict_table_file(predictor, b"0.5,0.25,0\n0.5,0.3,0\n").frame) == 2


def test_rare_positives_are_said_above_a_threshold_set_on_the_validation_rows(tmp_path: Path) -> None:
    x = RNG.normal(size=600)
    predictor = trained(tmp_path, pd.DataFrame({"x": x, "y": np.where(x + RNG.normal(size=600) > 2.6, "yes", "no")}))
    threshold = predictor.facts["threshold"]
    frame = predictor.predict(pd.DataFrame({"x": x}))
    assert ((frame["p_yes"] > threshold) == (frame["prediction"] == "yes")).all()
    assert (frame["prediction"] == "yes").any()
