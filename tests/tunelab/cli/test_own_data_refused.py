"""Texts and series that cannot be learned end the command with code 2 and a sentence, before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.pictures import SHAPES, write_pictures
from tests.reviews import reviews
from tests.trainables.test_series import sales
from tunelab.cli.main import main

SERIES = ["series", "--time", "날짜", "--target", "매출"]
TEXT = ["text", "--text", "글", "--target", "평"]


@pytest.mark.parametrize(
    ("words", "change", "rows", "says"),
    [
        (SERIES, {}, 3, "at least"),
        (SERIES, {"매출": None}, 220, "매출"),
        ([*SERIES, "--known", "비"], {"비": None}, 220, "--known '비'"),
        ([*SERIES, "--known", "비"], {"비": sales()["매출"] * 2}, 220, "tells the target of the same moment"),
        (SERIES, {"비": sales()["매출"].shift(-3)}, 220, "tells the target of the moment 3 step(s) after its own"),
        ([*SERIES, "--horizon", "300"], {}, 220, "Choose a smaller --horizon"),
        ([*SERIES, "--group", "가게"], {}, 220, "Unknown column '가게'"),
        (TEXT, {"평": "좋음"}, 40, "one value only"),
        (TEXT, {"글": " "}, 40, "no text in any row"),
        (TEXT, {}, 3, "row"),
        ([*TEXT, "--model", "nowhere"], {}, 40, "is not a folder"),
    ],
)
def test_a_sentence_and_code_2(
    words: list[str],
    change: Mapping[str, Any],
    rows: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frame: pd.DataFrame = sales() if words[0] == "series" else reviews(40)
    frame.assign(**change).head(rows).to_csv(tmp_path / "own.csv", index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tunelab", "sweep", *words, "--data", "own.csv"])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr().err
    assert (ended.value.code, "Traceback" in shown) == (2, False)
    assert says in " ".join(shown.split())
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("one class", "two are needed: one folder a class"),
        ("empty class", "two are needed: one folder a class"),
        ("one picture", "The class 'triangle' has 1 picture(s), but each needs 3"),
        ("deeper", "The classes may be one folder deeper"),
        ("splits", "The folders of 'shapes' are splits"),
        ("a picture", "is a binary file"),
    ],
)
def test_pictures_that_cannot_be_learned_end_the_same_way(
    change: str, says: str, in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = {"one class": SHAPES[:1], "empty class": SHAPES[:1], "splits": ("train", "test")}.get(change, SHAPES)
    root = write_pictures(in_folder, each=10, shapes=shapes)
    if change == "empty class":
        (root / "empty").mkdir()
    elif change == "one picture":
        for path in sorted((root / "triangle").iterdir())[1:]:
            path.unlink()
    data = {"deeper": ".", "a picture": "shapes/circle/0.png"}.get(change, "shapes")
    monkeypatch.setattr(sys, "argv", ["tunelab", "sweep", "images", "--data", data])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr().err
    assert (ended.value.code, "Traceback" in shown) == (2, False)
    assert says in " ".join(shown.split())
    assert [path.name for path in in_folder.iterdir()] == ["shapes"]
