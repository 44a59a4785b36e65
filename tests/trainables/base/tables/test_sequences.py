"""Models of sequences: what a window holds, what each family may know, and that each learns and is kept."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from search_spaces import UserError
from search_spaces.series import SEQUENCES
from tests.families import faults_of_family
from tests.trainables.test_series import sales, written
from trainables import RawSplit, Splits, load_predictor, save_predictor
from trainables.base.tables.series.forecasting import Slots
from trainables.base.tables.series.grid import Layout, place
from trainables.base.tables.series.networks import build_forecaster
from trainables.base.tables.series.rows import AHEAD, DRIFT, MOMENT, ORIGIN, lag_rows
from trainables.base.tables.series.sequences import SequenceFacts, training_inputs
from trainables.base.tables.series.times import Step
from trainables.base.tables.series.windows import WINDOW, read_windows, window_length, windows_of
from trainables.series import Series
from tunelab.evaluation.baselines import baselines

FAMILIES = tuple(SEQUENCES)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Series, Splits]:
    path = written(tmp_path_factory.mktemp("sequences"), sales(150))
    task = Series(path, "날짜", "매출", horizon=3, known="비")
    return task, task.load()


def configuration(task: Series, family: str, **changes: Any) -> dict[str, Any]:
    return dict(task.space().config({**task.reference, "family": family, **changes}))


def test_a_window_ends_at_its_origin_and_is_filled_forward() -> None:
    plain = {"time": "t", "target": "y", "group": "", "order": "", "notation": "plain", "step": Step("numbers", 1)}
    layout = Layout(**plain, season=1, horizon=2, past=("rain",))  # type: ignore[arg-type]
    values = np.where(np.arange(40) == 25, np.nan, np.arange(40.0))
    (series,), _ = place(pd.DataFrame({"t": range(40), "y": values, "rain": 10 * np.arange(40)}), layout)
    length, origins = window_length(layout), np.array([26, 3, 26])
    windows, position = read_windows(pd.Series(windows_of(series, layout, origins)), 2, length)
    assert position.tolist() == [0, 1, 0]
    assert windows[0, 0].tolist() == [*range(27 - length, 25), 24, 26]  # the missing value is the one before
    assert windows[0, 1, -1] == 260
    assert windows[1, 0].tolist() == [0] * (length - 4) + [0, 1, 2, 3]  # the series begins inside the window


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_learns_a_week_and_rain_and_is_kept(
    family: str, learned: tuple[Series, Splits], tmp_path: Path
) -> None:
    task, splits = learned
    config = configuration(task, family)
    best = math.inf
    for report in task.fit(config, splits.training, 0, max_epochs=10):
        assert report.weights is not None
        if report.val_loss < best:
            best, weights = report.val_loss, {name: value.clone() for name, value in report.weights.items()}
    model = task.predictor(config, weights, splits)
    test = splits.test.open()
    assert task.scores(model, test)["r2"] > 0.8
    save_predictor(model, tmp_path)
    loaded = load_predictor(tmp_path)
    pd.testing.assert_frame_equal(loaded.predict(test.inputs), model.predict(test.inputs), check_exact=True)
    assert loaded.predict(test.inputs[:0]).empty


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_conforms(family: str, learned: tuple[Series, Splits]) -> None:
    assert faults_of_family(Series(learned[0].path, "날짜", "매출", horizon=2), family) == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_forecast_depends_on_its_own_window_and_moments_alone(family: str, learned: tuple[Series, Splits]) -> None:
    task, splits = learned
    facts = splits.training.facts
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_forecaster(configuration(task, family), facts).eval()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    inputs = training_inputs(splits.training, "val")
    slots = Slots.from_rows(inputs, 3)
    past, future = torch.from_numpy(inputs.windows)[slots.window[:6]], torch.from_numpy(slots.future[:6])
    with torch.inference_mode():
        together, alone = (
            network(past, future),
            torch.cat([network(past[i : i + 1], future[i : i + 1]) for i in range(6)]),
        )
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
        later = future.clone()
        later[:, 2] += 1
        torch.testing.assert_close(network(past, later)[:, :2], together[:, :2], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(network(past, later)[:, 2], together[:, 2])
        lifted = past.clone()
        lifted[:, 0] = 2 * lifted[:, 0] + 5
        torch.testing.assert_close(network(lifted, future), 2 * together + 5, rtol=1e-3, atol=1e-3)


def test_rows_with_one_window_and_one_step_keep_their_own_moments(learned: tuple[Series, Splits]) -> None:
    inputs = training_inputs(learned[1].training, "val")
    first = np.zeros_like(inputs.window)  # as the windows of a constant series are
    slots = Slots.from_rows(replace(inputs, window=first), 3)
    assert (slots.window == 0).all()
    assert np.array_equal(slots.future[slots.slot, slots.step], inputs.future)
    assert np.array_equal(slots.targets(np.arange(len(first)))[slots.slot, slots.step], np.arange(len(first)))


def test_a_year_from_now_is_known_by_its_circle_and_its_group(tmp_path: Path) -> None:
    shops = [sales(80, seed).assign(점포=name) for seed, name in enumerate(("강남", "부산"))]
    task = Series(written(tmp_path, pd.concat(shops)), "날짜", "매출", horizon=3, group="점포")
    splits = task.load()
    facts = SequenceFacts.from_facts(splits.training.facts)
    names = [splits.training.facts["feature_names"][place] for place in facts.positions]
    assert names == ["점포_강남", "점포_부산"]
    assert "weekday of the moment" in facts.calendar
    assert facts.channels == 2  # the target and the rain
    assert np.abs(training_inputs(splits.training, "val").future[:, 2:]).max() <= 1


@pytest.mark.parametrize("cell", ["", "no window", None, "AAAA"])
def test_a_damaged_window_is_refused(cell: str | None, learned: tuple[Series, Splits]) -> None:
    task, splits = learned
    config = configuration(task, "dlinear")
    *_, last = task.fit(config, splits.training, 0, max_epochs=1)
    assert last.weights is not None
    model = task.predictor(config, last.weights, splits)
    rows = splits.validation.inputs[:2]
    with pytest.raises(UserError, match="is not a window of 2 x 28"):
        model.predict(rows.assign(**{WINDOW: [rows[WINDOW].iloc[0], cell]}))
    with pytest.raises(UserError, match=f"lacks the column\\(s\\) '{AHEAD}'"):
        model.predict(rows.drop(columns=AHEAD))


def test_exponential_smoothing_forecasts_as_statsmodels_does(tmp_path: Path) -> None:
    ets = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
    frame = sales(120)
    task = Series(written(tmp_path, frame), "날짜", "매출", horizon=9)
    splits = task.load()
    found = task.guesses(splits, splits.validation.inputs)["exponential smoothing"]
    assert not isinstance(found, str)
    counts = splits.validation.inputs
    origin = counts[ORIGIN].iloc[len(counts) // 2]
    rows = (counts[ORIGIN] == origin).to_numpy()
    values, day = frame["매출"].to_numpy(), 86_400
    begins, trained = int(pd.Timestamp("2024-01-01").timestamp()), int(splits.train.inputs[MOMENT].max())
    form = {"trend": "add", "damped_trend": True, "seasonal": "add", "seasonal_periods": 7}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = ets.ETSModel(values[: (trained - begins) // day + 1], **form, initialization_method="heuristic").fit(
            disp=0
        )
        states = {name: getattr(fit, name) for name in ("initial_level", "initial_trend", "initial_seasonal")}
        known = values[: (origin - begins) // day + 1]
        later = ets.ETSModel(known, **form, initialization_method="known", **states).smooth(fit.params).forecast(9)
    np.testing.assert_allclose(found[rows], later[counts[AHEAD][rows].to_numpy(np.int64) - 1], rtol=1e-6)


def test_without_statsmodels_a_sentence_says_what_is_missing(
    learned: tuple[Series, Splits], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, splits = learned
    monkeypatch.setattr("trainables.base.tables.series.baselines.smoothing.find_spec", lambda name: None)
    rows = {row.name: row for row in baselines(task, splits, splits.test.open())}
    assert "pip install 'tunelab[series]'" in rows["exponential smoothing"].note
    assert set(rows["drift"].test) >= {"mae", "rmse", "mase"}


def test_the_drift_method_continues_the_line_through_the_first_and_the_last_value() -> None:
    plain = {"time": "t", "target": "y", "group": "", "order": "", "notation": "plain", "step": Step("numbers", 1)}
    layout = Layout(**plain, season=1, horizon=2)  # type: ignore[arg-type]
    (series,), _ = place(pd.DataFrame({"t": range(40), "y": [np.nan, *(3.0 + 2.0 * np.arange(39))]}), layout)
    rows = lag_rows(series, layout, np.array([20, 30]), np.array([1, 2]))
    assert rows[DRIFT].tolist() == rows["y"].tolist()


def test_mase_is_in_units_of_the_naive_error_of_its_own_series(tmp_path: Path) -> None:
    shops = [sales(80).assign(점포="강남"), sales(80).assign(점포="부산", 매출=lambda f: 1000 * f["매출"])]
    task = Series(written(tmp_path, pd.concat(shops)), "날짜", "매출", horizon=2, group="점포")
    splits = task.load()
    facts, train = splits.training.facts, splits.train
    scale = facts["naive_errors"]
    assert scale["부산"] == pytest.approx(1000 * scale["강남"])
    naive = train.inputs["one season before"].to_numpy(np.float64)
    once = (train.inputs[AHEAD] == 1).to_numpy() & np.isfinite(naive)
    rows = RawSplit(train.inputs[once], train.targets[once])
    outputs = (naive[once] - facts["target_mean"]) / facts["target_std"]
    assert task.output_scores(outputs[:, None], rows, facts)["mase"] == pytest.approx(1)
