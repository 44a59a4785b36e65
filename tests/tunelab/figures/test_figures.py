"""Pictures of a winner: drawn for every kind of task, empty ones left out, Hangul and units in place."""

from __future__ import annotations

import html
import io
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from PIL import Image

from tests.korean import HANGUL
from trainables import RawSplit, Splits, Task, get_task
from tunelab.analysis.permutation_importance import column_importance
from tunelab.documents.blocks import Figure, Panels
from tunelab.evaluation.baselines import baselines
from tunelab.figures.charts import Bars, Chart, Drawing, Heatmap, Histogram, Line
from tunelab.figures.classification import classification_tables, reliability_bins
from tunelab.figures.drawings import drawings_of, write_drawings
from tunelab.figures.evidence import Evidence, gather
from tunelab.figures.kinds import kind_figures
from tunelab.figures.packing import pack_pictures, unpack_pictures
from tunelab.figures.rendering import fonts
from tunelab.figures.rendering.fonts import hangul_font
from tunelab.figures.rendering.html import figures_page, page_figure
from tunelab.figures.rendering.png import png_bytes
from tunelab.figures.ticks import log_axis, wants_log
from tunelab.records.assessment.importance import Importance
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.system.terminal import printable

CONFIG: dict[str, Any] = {"hidden_sizes": [16], "dropout": 0.1, "lr": 1e-2, "weight_decay": 1e-3, "batch_size": 32}
IMAGES = {**CONFIG, "family": "mlp", "augment": False}


def evidence_of(task: Task, splits: Splits, config: dict[str, Any], epochs: int = 3) -> Evidence:
    """A winner as a sweep would have it: trained, on the opened test split."""
    curve, weights = [], None
    for report in task.fit(config, splits.training, 0, max_epochs=epochs):
        curve.append(Epoch.from_row([report.epoch, report.val_loss, report.metrics, float(report.epoch)]))
        weights = report.weights
    assert weights is not None
    predictor = task.predictor(config, weights, splits)
    assert predictor is not None
    trial = TrialRecord(7, {}, config, 0, epochs, TrialStatus.FINISHED, tuple(curve))
    return gather(task.facts, trial, predictor, splits.train, splits.test.open(), splits.training.facts)


def page_traces(drawing: Drawing) -> list[Mapping[str, Any]]:
    """What the charts of a drawing show on a page."""
    block = page_figure(drawing)
    return [trace for figure in (block.figures if isinstance(block, Panels) else [block]) for trace in figure.data]


def test_losses_are_on_a_logarithmic_axis_only_where_they_are_far_apart() -> None:
    assert log_axis([0.03, 2.0])["ticktext"][:4] == ["0.01", "0.02", "0.05", "0.1"]
    assert log_axis([1e-6, 10.0])["tickvals"][:2] == [1e-6, 1e-5]
    assert wants_log([0.1, 2.0])
    assert not wants_log([0.21, 0.36])  # two ticks at most would lie between
    assert not wants_log([0.0, 2.0])


@dataclass(frozen=True)
class Winner:
    """What is drawn of a task's winner; the importance of columns is measured once for all languages."""

    task: Task
    evidence: Evidence
    importance: Importance | None


@pytest.fixture(
    scope="module", params=["wine", pytest.param("heart_disease", marks=pytest.mark.slow), "auto_mpg", "mnist"]
)
def winner(request: pytest.FixtureRequest) -> Winner:
    task = get_task(request.param)
    evidence = evidence_of(task, task.load(), IMAGES if request.param == "mnist" else CONFIG)
    return Winner(task, evidence, column_importance(task, evidence.predictor, evidence.test))


TABLE = "permutation_importance feature_histograms correlations"
EXPECTED = {
    "wine": f"learning_curves roc_pr confusion by_class reliability {TABLE}",
    "heart_disease": f"learning_curves roc_pr confusion reliability {TABLE}",
    "auto_mpg": f"learning_curves predicted_vs_actual residuals {TABLE}",
    "mnist": "learning_curves roc_pr confusion by_class reliability samples confidently_wrong deciding_parts",
}


def test_each_kind_has_its_figures_as_png_and_on_one_page(winner: Winner, tmp_path: Path) -> None:
    drawings = drawings_of(winner.evidence, winner.importance)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_drawings(drawings, tmp_path, "제목 <b>", "subtitle")
    names = EXPECTED[winner.task.facts.name].split()
    assert [drawing.name for drawing in drawings] == names
    assert {path.name for path in tmp_path.iterdir()} == {*(f"{name}.png" for name in names), "figures.html"}
    for path in tmp_path.glob("*.png"):
        pixels = np.asarray(Image.open(path).convert("L"))
        assert (pixels < 128).sum() > 200, path.name  # something is drawn
    html = (tmp_path / "figures.html").read_text(encoding="utf-8")
    plots = [len(drawing.charts) if drawing.columns == 2 else 1 for drawing in drawings]  # on a phone two are stacked
    assert html.count('class="plot"') == sum(plots)
    assert "제목 &lt;b&gt;" in html
    assert not re.search(r'(src|href)="(https?:)?//', html)


def test_the_figures_speak_korean(winner: Winner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    drawings = drawings_of(winner.evidence, winner.importance)
    for drawing in drawings:
        columns = {"", "ROC", *getattr(winner.evidence.train.inputs, "columns", ())}
        said = [drawing.title, *(text for chart in drawing.charts for text in (chart.title, chart.x, chart.y))]
        assert [text for text in said if text not in columns and not HANGUL.search(text)] == []
        assert not drawing.note or HANGUL.search(drawing.note)


def test_axes_name_their_units() -> None:
    task = get_task("auto_mpg")
    drawings = drawings_of(evidence_of(task, task.load(), CONFIG))
    by_name = {drawing.name: drawing for drawing in drawings}
    scatter = by_name["predicted_vs_actual"].charts[0]
    assert scatter.x == f"actual mpg ({task.facts.unit})"
    assert scatter.y == f"predicted mpg ({task.facts.unit})"
    assert task.facts.unit in by_name["residuals"].charts[1].x


def test_tables_agree_with_a_count_by_hand(winner: Winner) -> None:
    evidence = winner.evidence
    if winner.task.facts.kind == "regression":
        return
    tables = classification_tables(evidence)
    said = evidence.predictor.predict(evidence.test.inputs)["prediction"].astype(str).to_numpy()
    true = evidence.test.targets.astype(str)
    for position, row in enumerate(tables.classes):
        hits = np.count_nonzero((said == row.name) & (true == row.name))
        assert row.rows == np.count_nonzero(true == row.name)
        assert row.recall == pytest.approx(hits / row.rows)
        assert tables.confusion[position][position] == hits
    assert 0 <= tables.calibration_error <= 1


def test_what_a_report_holds_of_pictures_shows_the_surest_mistakes(winner: Winner) -> None:
    task, evidence = winner.task, winner.evidence
    figures = kind_figures(task.facts.kind)
    measured = figures.measure(evidence)
    names = [drawing.name for drawing in figures.report_drawings(measured, "")]
    if measured.wrong_pictures is None:
        assert task.facts.name != "mnist"
        assert "confidently_wrong" not in names
        return
    assert names[-1] == "confidently_wrong"
    said = evidence.predictor.predict(evidence.test.inputs)["prediction"].astype(str).to_numpy()
    true = evidence.test.targets.astype(str)
    assert measured.wrong_pictures.wrong == np.count_nonzero(said != true)
    worst = measured.wrong_pictures.mistakes[0]
    first = unpack_pictures(measured.wrong_pictures.pictures)[0]
    (row,) = np.flatnonzero((evidence.test.inputs == first).all(axis=(1, 2)))
    assert (said[row], true[row]) == (worst.predicted, worst.actual)
    assert worst.probability == pytest.approx(evidence.class_probabilities()[said != true].max(), rel=1e-4)


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 200, 100, 3)])
def test_pictures_are_packed_as_they_are_and_large_ones_smaller(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    unpacked = unpack_pictures(pack_pictures(pixels))
    assert unpacked.shape == (3, min(shape[1], 96), min(shape[2], 48), *shape[3:])
    assert len(shape) == 4 or (unpacked == pixels).all()


def test_importance_finds_the_column_that_decides() -> None:
    task = get_task("auto_mpg")
    splits = task.load()
    test = splits.test.open()

    class ByWeight:
        """Predicts from one column alone."""

        facts = splits.training.facts

        def outputs(self, inputs: pd.DataFrame) -> np.ndarray:
            values = inputs["weight"].to_numpy(dtype=float)
            outputs: np.ndarray = -((values - values.mean()) / 1000)[:, None]
            return outputs

    found = column_importance(task, ByWeight(), test)
    assert found is not None
    by_name = {column.name: column for column in found.columns}
    assert found.columns[0].name == "weight"
    assert by_name["weight"].mean > 0
    assert by_name["weight"].std > 0
    assert all(column.mean == 0 for name, column in by_name.items() if name != "weight")
    assert set(by_name) == set(test.inputs.columns)  # raw columns: a one-hot group counts as one


def test_importance_that_would_take_too_long_is_named() -> None:
    task = get_task("auto_mpg")
    evidence = evidence_of(task, task.load(), CONFIG, epochs=1)
    found = column_importance(task, evidence.predictor, evidence.test, budget=1e-6)
    assert found is not None
    assert found.columns == ()
    assert found.note.startswith("not measured: 10 repeats on")
    assert "permutation_importance" not in {drawing.name for drawing in drawings_of(evidence, found)}


def test_a_baseline_that_cannot_be_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    task = get_task("wine")
    splits = task.load()
    test = splits.test.open()
    monkeypatch.setattr("tunelab.evaluation.baselines.MAX_BOOSTING_CELLS", 1)
    monkeypatch.setattr(task, "features", lambda splits, inputs: np.full((len(inputs), 2), np.inf))
    monkeypatch.setattr(task, "plain_features", lambda splits: lambda inputs: np.full((len(inputs), 2), np.inf))
    majority, logistic, boosting = baselines(task, splits, test)
    assert majority.test["accuracy"] > 0.3
    assert majority.note == ""
    assert logistic.test == boosting.test == {}
    assert logistic.note.startswith("failed: ValueError: Input X contains infinity")
    assert re.fullmatch(r"not run: [\d,]+ cells \(rows x features x classes\) are above 1", boosting.note)


def test_nothing_to_show_gives_no_figure() -> None:
    task = get_task("wine")
    splits = task.load()
    evidence = evidence_of(task, splits, CONFIG, epochs=1)
    one_class = RawSplit(evidence.test.inputs[:1], evidence.test.targets[:1])
    constant = evidence.train.inputs.assign(**dict.fromkeys(evidence.train.inputs.columns, 1.0))
    bare = gather(
        evidence.facts,
        evidence.trial,
        evidence.predictor,
        RawSplit(constant, evidence.train.targets),
        one_class,
        evidence.model_facts,
    )
    names = {drawing.name for drawing in drawings_of(bare)}
    # one epoch makes no curve, one row no calibration, constant columns have neither histogram nor correlation
    assert names <= {"confusion", "by_class", "roc_pr"}
    assert len(reliability_bins(np.array([0, 0]), np.array([[0.9, 0.1], [0.9, 0.1]]))) == 1


def test_hangul_is_drawn_where_a_font_has_it() -> None:
    if hangul_font() is None:
        pytest.skip("no Korean font is installed")

    def picture(text: str) -> np.ndarray:
        chart = Chart([Line(np.array([0.0, 1.0]), np.array([0.0, 1.0]))], text, "")
        return np.asarray(Image.open(io.BytesIO(png_bytes(Drawing("a", "", [chart])))).convert("L"))

    # letters that no font has are all the same box
    assert not np.array_equal(picture("가격"), picture("면적"))


NAMES = ["$a_1$", "_x", "<b>y</b>", "100 %", "x^2", "\\frac{", "$", "a\x1b[31mb", "\ud800"]


def line_of(name: str, legend: str) -> Chart:
    return Chart([Line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), legend)], name, name, name)


def charts_of(name: str) -> list[Chart]:
    heatmap = Heatmap(np.eye(2), [name, "b"], [name, "b"])
    bars = Bars([name, "b"], np.array([1.0, 2.0]), name=name)
    return [line_of(name, name), *(Chart([mark], name, name, name) for mark in (bars, heatmap))]


def test_names_of_columns_and_classes_are_drawn_as_text() -> None:
    lines = [line_of(name, name) for name in NAMES]
    bars = Bars(NAMES, np.arange(float(len(NAMES))), name="_x")
    charts = [*lines, Chart([bars]), Chart([Heatmap(np.eye(len(NAMES)), NAMES, NAMES)])]
    named, unnamed = ([line_of("_x", legend)] for legend in ("_x", ""))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png_bytes(Drawing("a", "".join(NAMES), charts, 3))
        assert png_bytes(Drawing("a", "", named)) != png_bytes(Drawing("a", "", unnamed))  # the legend is there


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_columns_and_classes_are_text_on_pages(name: str) -> None:
    page = figures_page(name, name, [Drawing("a", name, charts_of(name), 3)])
    shown = json.loads(re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page)[0])
    assert "<b>" not in json.dumps(shown)
    assert shown["data"][0]["name"] == html.escape(printable(name), quote=False)


def test_a_stale_list_of_fonts_is_made_again_once(tmp_path: Path) -> None:
    if hangul_font() is None:
        pytest.skip("no Korean font is installed")
    stale = copy(font_manager.fontManager)
    stale.ttflist = [font for font in stale.ttflist if "DejaVu" in font.name]
    font_manager.json_dump(stale, tmp_path / f"fontlist-v{font_manager.FontManager.__version__}.json")
    known = "print(fonts._known() is not None, fonts.hangul_font() is not None)"
    look = f"from tunelab.figures.rendering import fonts; {known}"
    env = {**os.environ, "MPLCONFIGDIR": str(tmp_path)}
    said = [subprocess.check_output([sys.executable, "-c", look], env=env, text=True).split() for _ in range(2)]
    assert said == [["False", "True"], ["True", "True"]]


def test_without_a_korean_font_there_is_one_line_of_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "hangul_font", lambda: None)
    assert fonts.advice(["면적", "area"]).count("\n") == 0
    assert "fonts-nanum" in fonts.advice(["면적"])
    assert fonts.advice(["area"]) == ""


def test_wide_and_long_labels_stay_readable() -> None:
    names = [f"아주 긴 열 이름 number {i}" for i in range(30)]
    heatmap = Chart([Heatmap(np.eye(30), names, names, digits=2, span=(-1.0, 1.0), diverging=True)])
    bars = Chart([Bars(names, np.arange(30.0), np.ones(30), across=True)], "x")
    drawing = Drawing("wide", "Wide", [heatmap, bars], 2, "", "large")
    assert Image.open(io.BytesIO(png_bytes(drawing))).size[0] > 1000
    assert len(page_traces(drawing)) == 2


def test_a_users_own_columns_are_drawn(tmp_path: Path) -> None:
    rows = 200
    random = np.random.default_rng(0)
    area = random.lognormal(4, 0.3, rows)
    frame = pd.DataFrame(
        {
            "면적": area,
            "거래일": pd.date_range("2020-01-01", periods=rows, freq="3D").astype(str),
            "구": random.choice(["강남", "마포", "종로"], rows),
            "새집": random.integers(0, 2, rows).astype(bool),
            "가격": area * 3 + random.normal(0, 5, rows),
        }
    )
    frame.to_csv(tmp_path / "집.csv", index=False)
    task = get_task("table", data=str(tmp_path / "집.csv"), target="가격")
    evidence = evidence_of(task, task.load(), CONFIG)
    importance = column_importance(task, evidence.predictor, evidence.test)
    drawings = {drawing.name: drawing for drawing in drawings_of(evidence, importance)}
    labels = {chart.x for chart in drawings["feature_histograms"].charts}
    assert labels == {"면적", "거래일 (year)", "구", "새집"}
    assert importance is not None
    assert {column.name for column in importance.columns} == {"면적", "거래일", "구", "새집"}
    write_drawings(list(drawings.values()), tmp_path, "집값")


def test_bars_of_one_year_lie_side_by_side_on_the_page() -> None:
    edges = np.linspace(2020.0, 2021.0, 31)
    chart = Chart([Histogram(edges, np.arange(30, dtype=np.float64))], "built (year)", "rows")
    (trace,) = page_traces(Drawing("dates", "dates", [chart]))
    assert np.diff(trace["x"]) == pytest.approx(np.diff(edges)[0], rel=0.01)


def test_a_score_has_the_colour_of_the_split_it_was_taken_on() -> None:
    task = get_task("auto_mpg")
    curves = drawings_of(evidence_of(task, task.load(), CONFIG))[0]
    training, validation, score = page_traces(curves)
    assert (training["name"], validation["name"]) == ("training", "validation")
    assert score["line"]["color"] == validation["line"]["color"] != training["line"]["color"]


def test_few_rows_are_counted_in_whole_numbers_and_cells_that_are_read_need_no_scale() -> None:
    counts = Chart([Bars(["a", "b"], np.array([1.0, 2.0]))], "class", "test rows")
    scores = Chart([Bars(["a", "b"], np.array([1.0, 0.5]))], "class", "score")
    matrix = Chart([Heatmap(np.eye(2), ["a", "b"], ["a", "b"])])
    figure = page_figure(Drawing("x", "X", [counts, scores, matrix], 3))
    assert isinstance(figure, Figure)
    assert figure.layout["yaxis"]["dtick"] == 1
    assert "dtick" not in figure.layout["yaxis2"]
    assert figure.data[-1]["showscale"] is False
