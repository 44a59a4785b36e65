"""Texts of the user's own: what is learned of them, what is refused, and that a model says the same after loading."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from search_spaces import UserError
from tests.reviews import BAD, GOOD, reviews, write_reviews
from trainables import Splits, get_task, load_predictor
from trainables.base.prediction_input import predict_table_file
from trainables.base.text.characters import Characters
from trainables.base.text.networks import build_text_model
from trainables.base.text.text_predictor import TextPredictor
from trainables.base.training.ensemble import EnsemblePredictor
from trainables.text import Text
from tunelab.figures.evidence import gather
from tunelab.figures.kinds import kind_figures
from tunelab.figures.rendering.png import png_bytes
from tunelab.records.trial import TrialRecord, TrialStatus

FAMILIES = ("ngrams", "recurrent", "attention")


def configuration(task: Text, family: str) -> dict[str, Any]:
    return dict(task.space().config({**task.reference, "family": family}))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Text, Splits]:
    task = Text(write_reviews(tmp_path_factory.mktemp("texts")), "글", "평")
    return task, task.load()


def train(task: Text, splits: Splits, family: str, epochs: int = 15) -> TextPredictor:
    config = configuration(task, family)
    *_, last = task.fit(config, splits.training, 0, max_epochs=epochs)
    assert last.weights is not None
    return task.predictor(config, last.weights, splits)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_learns_korean_reviews_and_is_kept(
    family: str, learned: tuple[Text, Splits], tmp_path: Path
) -> None:
    task, splits = learned
    model = train(task, splits, family, epochs=20)
    test = splits.test.open()
    assert task.scores(model, test)["accuracy"] >= 0.8
    model.save(tmp_path)
    loaded = load_predictor(tmp_path)
    pd.testing.assert_frame_equal(loaded.predict(test.inputs), model.predict(test.inputs), check_exact=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_model_says_of_a_text_does_not_depend_on_its_neighbours(
    family: str, learned: tuple[Text, Splits]
) -> None:
    task, splits = learned
    config = configuration(task, family)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_text_model(config, splits.training.facts).eval()
    if family == "ngrams":
        torch.nn.init.normal_(network.table)  # type: ignore[arg-type]
    x = torch.from_numpy(splits.training.arrays["x_val"])
    with torch.inference_mode():
        alone = torch.cat([network(row[None]) for row in x])
        torch.testing.assert_close(network(x), alone, rtol=1e-4, atol=1e-5)


def test_a_number_is_learned_of_texts(tmp_path: Path) -> None:
    task = Text(write_reviews(tmp_path), "글", "점수")
    splits = task.load()
    model = train(task, splits, "ngrams")
    assert (task.facts.kind, task.facts.score) == ("regression", "rmse")
    assert task.scores(model, splits.test.open())["r2"] > 0.5


def test_leaving_a_word_out_shows_what_it_contributes(learned: tuple[Text, Splits]) -> None:
    model = train(*learned, "ngrams")
    found = model.explain("배우의 연기가 정말 지루했다.")
    assert found["word"].tolist() == ["배우의", "연기가", "정말", "지루했다."]
    assert found.set_index("word")["contribution"].idxmax() == "지루했다."


@pytest.mark.parametrize(("target", "kind"), [("평", "binary"), ("점수", "regression")])
def test_the_report_shows_what_words_contribute(target: str, kind: str, tmp_path: Path) -> None:
    task = Text(write_reviews(tmp_path), "글", target)
    splits = task.load()
    model = train(task, splits, "ngrams", epochs=20)
    trial = TrialRecord(0, {}, {}, 0, 1, TrialStatus.FINISHED, ())
    evidence = gather(task.facts, trial, model, splits.train, splits.test.open(), splits.training.facts)
    figures = kind_figures(kind)
    measured = figures.measure(evidence)
    assert len(measured.texts) == 4
    best = measured.texts[0]
    strongest = best.words[int(np.argmax(np.abs(best.contributions)))]
    decisive = " ".join((*GOOD, *BAD)).split()
    assert any(word in strongest for word in decisive)
    drawing = figures.report_drawings(measured, "")[-1]
    assert (drawing.name, len(drawing.charts)) == ("words", 4)
    assert png_bytes(drawing)[:4] == b"\x89PNG"


def test_texts_that_are_cut_are_said_before_training_and_at_prediction(tmp_path: Path) -> None:
    frame = reviews(60)
    frame.loc[3, "글"] = "아주 " * 300
    path = tmp_path / "long.csv"
    frame.to_csv(path, index=False)
    task = Text(path, "글", "평")
    splits = task.load()
    length = splits.training.facts["length"] - 2
    assert f"1 of 60 texts in '글' are longer than the {length} characters" in task.description()["notes"][-1]
    model = train(task, splits, "ngrams", epochs=1)
    for predictor in (model, EnsemblePredictor([model, model], [0.5, 0.5])):
        found = predict_table_file(predictor, path.read_bytes())
        assert found.notes[-1].startswith(f"1 of 60 texts in '글' are longer than the {length} characters")


def test_a_file_is_predicted_with_its_cells_as_they_were(learned: tuple[Text, Splits]) -> None:
    model = train(*learned, "ngrams")
    frame = reviews(5, seed=1).assign(id=["007", "1E5", "NA", "", "true"])
    found = predict_table_file(model, frame.to_csv(index=False).encode()).frame
    assert found["id"].tolist() == ["007", "1E5", "NA", "", "true"]
    assert set(found["prediction"]) <= {"좋음", "나쁨"}
    np.testing.assert_allclose(found[["p_나쁨", "p_좋음"]].sum(axis=1), 1, rtol=1e-6)
    nothing = predict_table_file(model, "글,평\n".encode()).frame
    assert list(nothing.columns) == ["글", "평", "prediction", "p_나쁨", "p_좋음"]
    assert nothing.empty
    with pytest.raises(UserError, match="lacks the column '글'"):
        predict_table_file(model, b"a,b\n1,2\n")


def test_copies_of_a_text_stay_in_one_split(tmp_path: Path) -> None:
    path = tmp_path / "copies.csv"
    pd.concat([reviews(40)] * 3).to_csv(path, index=False)
    splits = Text(path, "글", "평").load()
    train, validation, test = (set(part.inputs["글"]) for part in (splits.train, splits.validation, splits.test.open()))
    assert train.isdisjoint(validation | test)
    assert validation.isdisjoint(test)


def test_characters_that_training_never_saw_are_unknown_and_long_texts_are_cut() -> None:
    known = Characters.fit(["가나다 가나다", "가나다"])
    assert set(known.alphabet) == {"가", "나", "다"}  # one blank is rare
    assert known.transform(["가X", "가나다가나다가나다"]).tolist()[0][:4] == [2, 4, 1, 3]
    assert known.transform(["가" * 50]).shape == (1, known.length)
    assert known.cut(["가" * 50, "가"]) == 1
    assert known.transform(["\u1100\u1161"])[0, 1] == known.transform(["가"])[0, 1]  # composed or not


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({}, {"text": None}, "needs --text, the column with the texts. It is one of: 글, 평, 점수"),
        ({}, {"target": None}, "needs --target, the column to predict"),
        ({}, {"text": "글씨"}, "Did you mean '글'"),
        ({}, {"target": "글"}, "a model would only copy it"),
        ({"평": "좋음"}, {}, "one value only"),
        ({"글": None}, {}, "'글' has no text in any row"),
        ({"글": "같은 글"}, {}, "1 different texts"),
        ({}, {"rows": 3}, "at least 20|row\\(s\\)|class"),
        (
            {"평": ["모름" if i % 12 == 0 else i * 0.5 for i in range(40)]},
            {},
            "90 % of its cells are numbers: leave cells such as '모름' empty to learn these",
        ),
        ({}, {"data": "."}, "The table '.' is a folder"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_sentence(
    change: dict[str, Any], options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    given = {"data": path, "text": "글", "target": "평", **options}
    reviews(given.pop("rows", 40)).assign(**change).to_csv(path, index=False)
    with pytest.raises(UserError, match=says):
        get_task("text", **given)


def test_hangul_is_the_same_composed_and_in_parts(tmp_path: Path) -> None:
    frame, path = reviews(40), tmp_path / "mac.csv"
    labels = [unicodedata.normalize("NFD" if i % 2 else "NFC", label) for i, label in enumerate(frame["평"])]
    header, *rows = frame.assign(평=labels).to_csv(index=False).splitlines(keepends=True)
    path.write_text(unicodedata.normalize("NFD", header) + "".join(rows), "utf-8")
    task = Text(path, "글", "평")
    assert task.facts.kind == "binary"
    assert task.load().training.facts["classes"] == ["나쁨", "좋음"]


@pytest.mark.parametrize("written", ["😀", "\u200b\u200c", "e\u0301 \U0001f468\u200d\U0001f469", "123"])
def test_texts_of_signs_alone_are_learned(written: str, tmp_path: Path) -> None:
    texts = [written * (1 + i % 20) + "!" * (i // 20 + 1) for i in range(40)]
    reviews(40).assign(글=texts).to_csv(tmp_path / "signs.csv", index=False)
    task = Text(tmp_path / "signs.csv", "글", "평")
    splits = task.load()
    (report,) = task.fit(task.space().config(task.reference), splits.training, 0, max_epochs=1)
    assert math.isfinite(report.val_loss)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"글": [0.5 + i for i in range(40)]},
            "'글' holds numbers, which are read as text here; `tunelab sweep table`",
        ),
        (
            {"글": [f"글 {i % 39}" for i in range(40)], "평": ["좋음", "나쁨"] * 20},
            "Texts have more than one class, in copies of them (1)",
        ),
        (
            {"글": [f"글 {i % 39}" for i in range(40)]},
            "Texts that repeat another one are kept in one split with it (1).",
        ),
        (
            {"글": [f"{i}: {['좋음', '나쁨'][i % 2]}" for i in range(40)], "평": ["좋음", "나쁨"] * 20},
            "name of its class",
        ),
    ],
)
def test_what_a_person_should_know_of_the_texts_is_said(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    plain = {"글": [f"글 {i}" for i in range(40)], "평": ["나쁨", "좋음"] * 20}
    pd.DataFrame({**plain, **change}).to_csv(tmp_path / "own.csv", index=False)
    assert says in " ".join(Text(tmp_path / "own.csv", "글", "평").description()["notes"])
    pd.DataFrame(plain).to_csv(tmp_path / "own.csv", index=False)
    assert says not in " ".join(Text(tmp_path / "own.csv", "글", "평").description()["notes"])


def test_values_that_are_not_texts_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"글": [[1, 2], [3]] * 20, "평": ["좋음", "나쁨"] * 20}).to_parquet(tmp_path / "own.parquet")
    with pytest.raises(UserError, match=r"'글' holds values of type .*; --text needs a column of texts"):
        Text(tmp_path / "own.parquet", "글", "평")


def test_short_texts_are_read_to_their_end() -> None:
    assert Characters.fit(["가" * 5] * 300 + ["나" * 40]).length == 42
    assert Characters.fit(["가" * 100] * 300 + ["나" * 400]).length == 102


def test_a_file_is_needed() -> None:
    with pytest.raises(UserError, match="--text review --target stars"):
        get_task("text")
