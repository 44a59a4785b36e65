"""Time series of the user's own: the grid, what a row knows, what is forecast, and what is refused."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from search_spaces import UserError
from trainables import Predictor, Splits, get_task, load_predictor
from trainables.base.prediction_input import predict_table_file
from trainables.base.tables.series.forecast import forecast
from trainables.base.tables.series.grid import Layout, place
from trainables.base.tables.series.intervals import half_widths, interval_widths
from trainables.base.tables.series.networks import build_forecaster
from trainables.base.tables.series.rows import AHEAD, DRIFT, MOMENT, ORIGIN, lag_rows, next_rows
from trainables.base.tables.series.times import DAY, Step
from trainables.base.tables.series.windows import WINDOW
from trainables.base.training.ensemble import EnsemblePredictor
from trainables.series import Series
from tunelab.confirmation.row_losses import block_losses
from tunelab.documents.blocks import Figure
from tunelab.evaluation.baselines import baselines
from tunelab.evaluation.expected_loss import too_few
from tunelab.figures.evidence import gather
from tunelab.figures.forecasts import forecast_drawing
from tunelab.figures.kinds import kind_figures
from tunelab.figures.rendering.html import page_figure
from tunelab.figures.rendering.png import png_bytes
from tunelab.records.trial import TrialRecord, TrialStatus

BOOSTING = {
    **{"family": "boosting", "learning_rate": 0.1, "num_leaves": 8, "min_data_in_leaf": 5, "feature_fraction": 1.0},
    **{"bagging_fraction": 1.0, "lambda_l2": 1.0},
}


def sales(days: int = 220, seed: int = 0) -> pd.DataFrame:
    """Daily sales with a week, and rain that lowers them."""
    draw, day = np.random.default_rng(seed), np.arange(days)
    rain = draw.integers(0, 2, days)
    week = np.array([0, 2, 3, 3, 5, 14, 10])[day % 7]
    values = 100 + 3 * week - 6 * rain + draw.normal(0, 1, days)
    stamps = pd.date_range("2024-01-01", periods=days).strftime("%Y년 %m월 %d일")
    return pd.DataFrame({"날짜": stamps, "매출": values.round(2), "비": rain})


def written(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "sales.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Series, Splits, Predictor]:
    path = written(tmp_path_factory.mktemp("series"), sales())
    task = Series(path, "날짜", "매출", horizon=5, known="비")
    splits = task.load()
    *_, last = task.fit(BOOSTING, splits.training, 0, max_epochs=5)
    assert last.weights is not None
    return task, splits, task.predictor(BOOSTING, last.weights, splits)


def layout(**changes: Any) -> Layout:
    plain = {"time": "t", "target": "y", "group": "", "order": "", "notation": "plain", "step": Step("numbers", 1)}
    return Layout(**{**plain, "season": 4, "horizon": 3, **changes})


def test_a_row_knows_nothing_after_its_origin() -> None:
    frame = pd.DataFrame({"t": range(40), "y": np.arange(40.0), "rain": np.arange(40.0) * 10, "known": np.arange(40.0)})
    (series,), _ = place(frame, layout(past=("rain",), known=("known",)))
    origins, ahead = np.repeat(np.arange(10, 30), 3), np.tile([1, 2, 3], 20)
    rows = lag_rows(series, layout(past=("rain",), known=("known",)), origins, ahead)
    future = {"y", "known at the moment", AHEAD, "steps since the start", ORIGIN, MOMENT, DRIFT, WINDOW}
    assert (rows["y"] == origins + ahead).all()
    assert (rows["known at the moment"] == origins + ahead).all()
    assert (rows["rain at the origin"] == 10 * origins).all()
    for name in set(rows.columns) - future - {"rain at the origin"}:
        assert (rows[name].fillna(0) <= origins).all(), name  # missing before the series begins
    assert (rows["lag 1"] == origins).all()
    assert (rows["one season before"] == origins + ahead - 4).all()


def test_rows_are_split_by_the_moment_that_they_forecast(learned: tuple[Series, Splits, Predictor]) -> None:
    task, splits, _ = learned
    frame = task.read()
    rows = task.split(frame, 0)
    moments = [frame[MOMENT].to_numpy()[part] for part in (rows.train, rows.validation, rows.test)]
    assert moments[0].max() < moments[1].min()
    assert moments[1].max() < moments[2].min()
    assert [len(part) for part in moments] == [
        len(splits.train.targets),
        len(splits.validation.targets),
        len(splits.test),
    ]


def test_a_model_beats_the_season_before_and_its_intervals_hold(learned: tuple[Series, Splits, Predictor]) -> None:
    task, splits, model = learned
    test = splits.test.open()
    scores, naive = task.scores(model, test), task.guesses(splits, test.inputs)["seasonal naive"]
    assert scores["rmse"] < np.sqrt(np.mean((test.targets - naive) ** 2))
    assert 0.75 <= scores["coverage_90"] <= 1


def test_the_next_steps_are_forecast_from_a_file(learned: tuple[Series, Splits, Predictor], tmp_path: Path) -> None:
    _, _, model = learned
    frame = future_sales()
    found = predict_table_file(model, frame.to_csv(index=False).encode()).frame
    assert found["날짜"].tolist() == [f"2024-08-{day:02}" for day in range(8, 13)]
    assert (found["lower_90"] < found["prediction"]).all()
    assert (found["prediction"] < found["upper_90"]).all()
    dry = predict_table_file(
        model, frame.assign(비=frame["비"].where(frame["매출"].notna(), 0)).to_csv().encode()
    ).frame
    assert dry["prediction"].mean() > found["prediction"].mean() + 2  # rain is known ahead
    with pytest.raises(UserError, match=r"lacks the column\(s\) '매출'"):
        predict_table_file(model, "날짜,비\n2024-01-01,1\n".encode())


def test_many_series_are_learned_by_one_model(tmp_path: Path) -> None:
    shops = [sales(80, seed).assign(점포=name) for seed, name in enumerate(("강남", "부산"))]
    task = Series(written(tmp_path, pd.concat(shops)), "날짜", "매출", horizon=3, group="점포")
    splits = task.load()
    *_, last = task.fit(BOOSTING, splits.training, 0, max_epochs=2)
    assert last.weights is not None
    model = task.predictor(BOOSTING, last.weights, splits)
    found = predict_table_file(model, pd.concat(shops).to_csv(index=False).encode()).frame
    assert found["점포"].tolist() == ["강남"] * 3 + ["부산"] * 3
    other = predict_table_file(model, shops[0].assign(점포="대구").to_csv(index=False).encode())
    assert np.isfinite(other.frame["prediction"]).all()
    assert "Series that training never saw are forecast from their own past alone: '대구'." in other.notes


def test_series_that_are_too_short_are_named(tmp_path: Path) -> None:
    shops = pd.concat([sales(80, 0).assign(점포="강남"), sales(80, 1)[:1].assign(점포="부산")])
    task = Series(written(tmp_path, shops), "날짜", "매출", horizon=3, group="점포")
    assert "1 of 2 series have too few values to learn from: '부산'." in task.description()["notes"]


def test_a_series_is_the_same_composed_and_in_parts(tmp_path: Path) -> None:
    shops = [unicodedata.normalize("NFD" if i % 2 else "NFC", "강남") for i in range(220)]
    path = written(tmp_path, pd.concat([sales().assign(점포=shops), sales().tail(1).assign(점포="부산")]))
    task = Series(path, "날짜", "매출", horizon=3, group="점포")
    assert (task.description()["series"], task.description()["step"]) == (2, "a day")
    splits, config = task.load(), task.space().config(dict(task.reference))
    *_, last = task.fit(config, splits.training, 0, max_epochs=1)
    assert last.weights is not None
    found = predict_table_file(task.predictor(config, last.weights, splits), path.read_bytes())
    assert found.frame["점포"].tolist() == ["강남"] * 3 + ["부산"] * 3  # of one row, too


@pytest.mark.parametrize(
    ("stamps", "step", "season"),
    [
        (pd.date_range("2020-01-31", periods=60, freq="ME").strftime("%Y-%m-%d"), Step("months", 1), 12),
        ([f"{year}Q{quarter}" for year in range(2010, 2025) for quarter in range(1, 5)], Step("months", 3), 4),
        (
            pd.date_range("2020-01-01", periods=60, freq="h").strftime("%Y-%m-%dT%H:%M:%S+09:00"),
            Step("seconds", 3600),
            24,
        ),
        (pd.date_range("2020-01-01", periods=60, freq="15min").astype(str), Step("seconds", 900), 96),
        (pd.date_range("2020-01-05", periods=60, freq="W").astype(str), Step("seconds", 7 * 86400), 52),
        (np.arange(60) * 2, Step("numbers", 2), 1),
        (pd.date_range("2024-01-09", periods=60).strftime("%y/%m/%d"), Step("seconds", 86400), 7),
        (pd.date_range("2024-01-09", periods=60).strftime("%d/%m/%y"), Step("seconds", 86400), 7),
        (pd.date_range("2024-01-09", periods=60).strftime("%Y. %m. %d. (%a)"), Step("seconds", 86400), 7),
        (
            [f"2024. 1. {1 + i // 24}. 오{'전후'[i % 24 // 12]} {i % 12 or 12}:00" for i in range(60)],
            Step("seconds", 3600),
            24,
        ),
        ([f"{2005 + i // 4}년 {i % 4 + 1}분기" for i in range(60)], Step("months", 3), 4),
        ([f"{2005 + i // 4}.{i % 4 + 1}/4" for i in range(60)], Step("months", 3), 4),
        (pd.date_range("2020-01-06", periods=60, freq="W-MON").strftime("%G-W%V"), Step("seconds", 7 * 86400), 52),
        (1_700_000_000 + 3600 * np.arange(60), Step("seconds", 3600), 24),
        (1_700_000_000_000 + 900_000 * np.arange(60), Step("seconds", 900), 96),
    ],
)
def test_the_step_of_time_and_its_season_are_found(stamps: Any, step: Step, season: int, tmp_path: Path) -> None:
    frame = pd.DataFrame({"t": stamps, "y": np.random.default_rng(0).normal(size=60)})
    task = Series(written(tmp_path, frame), "t", "y", horizon=1)
    assert (task.description()["step"], task.description()["season"]) == (str(step), season)


def test_gaps_and_a_repeated_moment_are_mended_and_said() -> None:
    frame = pd.DataFrame({"t": [0, 1, 2, *range(4, 100), 99], "y": [*np.arange(99.0), 200.0]})
    (series,), notes = place(frame, layout())
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [3]
    assert series.values[-1] == (98 + 200) / 2
    assert notes == ["Took the mean of rows that repeat a moment (1).", "Moments without a row count as missing (1)."]


@pytest.mark.parametrize("written_as", ["text", "timestamps"])
def test_a_day_begins_at_midnight_where_the_stamps_were_written(written_as: str, tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=220, tz="Asia/Seoul")
    cells = stamps if written_as == "timestamps" else stamps.map(lambda stamp: stamp.isoformat())
    frame = sales().assign(날짜=cells)
    path = tmp_path / "sales.parquet"
    frame.to_parquet(path)
    task = Series(path, "날짜", "매출", horizon=2)
    assert (task.read()["weekday of the moment"].iloc[0], task.description()["step"]) == (1, "a day")  # 9 January 2024
    model = fitted(task)
    found = forecast(model, frame)[0]
    assert found["날짜"].tolist() == ["2024-08-08", "2024-08-09"]
    other = frame.assign(날짜=stamps.tz_convert("UTC").map(lambda stamp: stamp.isoformat()))
    with pytest.raises(UserError, match=r"the offset \+00:00 from UTC, those of training \+09:00"):
        forecast(model, other)


def test_hours_are_forecast_with_their_offset_and_summer_time_is_local_time(tmp_path: Path) -> None:
    values = 10 * np.sin(np.arange(400) * np.pi / 12) + np.random.default_rng(0).normal(size=400)
    hours = pd.date_range("2024-03-01", periods=400, freq="h")
    frame = pd.DataFrame({"t": hours.map(lambda hour: f"{hour:%Y-%m-%d %H:%M}:00+09:00"), "y": values})
    found = forecast(fitted(Series(written(tmp_path, frame), "t", "y", horizon=2)), frame)[0]
    assert found["t"].tolist() == ["2024-03-17 16:00:00+09:00", "2024-03-17 17:00:00+09:00"]
    summer = hours.tz_localize("UTC").tz_convert("America/New_York").map(lambda hour: hour.isoformat())
    task = Series(written(tmp_path, frame.assign(t=summer)), "t", "y", horizon=2)
    notes = " ".join(task.description()["notes"])
    assert "several offsets from UTC (-05:00, -04:00) and count as local time" in notes
    assert "Moments without a row count as missing (1)." in notes  # the hour that summer time leaves out


def fitted(task: Series) -> Predictor:
    splits = task.load()
    *_, last = task.fit(BOOSTING, splits.training, 0, max_epochs=1)
    assert last.weights is not None
    return task.predictor(BOOSTING, last.weights, splits)


def test_a_known_column_must_be_known(learned: tuple[Series, Splits, Predictor]) -> None:
    _, _, model = learned
    future = pd.DataFrame({"날짜": pd.date_range("2024-08-08", periods=5).strftime("%Y-%m-%d")})
    with pytest.raises(UserError, match=r"the table has none: add a row a moment of the future, with '날짜' and '비'"):
        forecast(model, sales())
    with pytest.raises(UserError, match="not known in advance after all"):
        forecast(model, pd.concat([sales(), future]))
    notes = forecast(model, pd.concat([sales(), future.assign(비=[1.0, 0.0, np.nan, 1.0, np.nan])]))[1]
    assert "'비' is missing for 2 of 5 moments that are forecast." in notes


def test_errors_of_forecasts_are_drawn_in_blocks_of_a_horizon(learned: tuple[Series, Splits, Predictor]) -> None:
    task, splits, _ = learned
    blocks, moments = task.blocks(splits.validation), splits.validation.inputs[MOMENT].to_numpy() // 86_400
    for block in np.unique(blocks):
        assert np.ptp(moments[blocks == block]) < 5
    losses = np.random.default_rng(0).random((3, len(blocks)))
    joined = block_losses(losses, blocks)
    assert joined.shape == (3, len(np.unique(blocks)))
    np.testing.assert_allclose(joined.mean(axis=1), losses.mean(axis=1))


def test_forecasts_are_drawn_each_from_an_origin_before_it(learned: tuple[Series, Splits, Predictor]) -> None:
    task, splits, model = learned
    trial = TrialRecord(0, {}, BOOSTING, 0, 1, TrialStatus.FINISHED, ())
    evidence = gather(task.facts, trial, model, splits.train, splits.test.open(), splits.training.facts)
    measured = kind_figures("regression").measure(evidence)
    line = measured.forecast
    assert line is not None
    assert (np.diff(line.moments) == DAY).all()  # every moment once
    assert np.allclose(np.diff(line.origins), 5 * DAY)
    values = sales()["매출"].to_numpy()
    assert line.actual == tuple(float(f"{value:.5g}") for value in values[-len(line.actual) :])
    drawing = kind_figures("regression").report_drawings(measured, "")[0]
    assert drawing.charts[0].x == "날짜"
    block = page_figure(drawing)
    assert isinstance(block, Figure)
    dates = pd.date_range("2024-01-01", periods=len(values)).astype(str)
    assert block.layout["xaxis"]["type"] == "date"
    assert list(block.data[0]["x"]) == dates[-len(line.actual) :].tolist()
    assert {rule["x0"] for rule in block.layout["shapes"]} <= {*dates}
    assert png_bytes(drawing)[:4] == b"\x89PNG"
    earlier = replace(line, time="")  # a result of before has steps
    assert forecast_drawing(earlier, "").charts[0].x == f"steps since {line.begins}"


def test_the_last_known_value_is_where_a_forecast_begins() -> None:
    frame = pd.DataFrame({"t": range(30), "y": [*np.arange(25.0), *[np.nan] * 5]})
    (series,), _ = place(frame, layout())
    rows = next_rows(series, layout())
    assert rows[MOMENT].tolist() == [25, 26, 27]
    assert (rows["lag 1"] == 24).all()


def test_intervals_take_the_conformal_rank_of_independent_blocks() -> None:
    residuals = np.arange(1.0, 100.0)  # 99 of them: the 90th smallest
    assert interval_widths(residuals, np.ones(99, dtype=int), 1) == [90.0]
    assert interval_widths(residuals, np.full(99, 5), 5)[4] == 95.0  # about 20 blocks: the 19th of them
    assert interval_widths(residuals, np.full(99, 20), 20)[19] == 99  # 5 blocks, too few for a quantile
    assert interval_widths(np.array([1.0, -3.0]), np.array([1, 2]), 3) == [1.0, 3.0, 3.0]


def test_intervals_hold_what_they_promise_where_errors_of_neighbours_are_alike() -> None:
    draw, step, length, inside = np.random.default_rng(0), 6, 120, []
    for _ in range(300):
        noise = draw.normal(size=2 * length + step)
        errors = np.convolve(noise, np.ones(step), "valid")  # of forecasts over six steps of a random walk
        width = interval_widths(errors[:length], np.full(length, step), step)[-1]
        inside.append(np.mean(np.abs(errors[length + step :]) <= width))
    assert 0.9 <= np.mean(inside) < 0.97


def test_intervals_are_wider_where_the_series_changes_more(learned: tuple[Series, Splits, Predictor]) -> None:
    _, splits, model = learned
    fact = model.facts["series"]  # type: ignore[attr-defined]
    quiet = half_widths(fact, splits.validation.inputs)
    wild = sales().assign(매출=lambda frame: 100 + 4 * (frame["매출"] - 100))
    rows = next_rows(place(wild, Layout.from_json(fact["layout"]))[0][0], Layout.from_json(fact["layout"]))
    np.testing.assert_allclose(half_widths(fact, rows).mean() / quiet.mean(), 2, rtol=0.25)  # the root of four times
    old = {name: fact[name] for name in ("layout", "width")}  # as earlier versions kept it
    assert half_widths(old, rows).tolist() == fact["width"]


def test_an_average_has_intervals_of_its_own(learned: tuple[Series, Splits, Predictor], tmp_path: Path) -> None:
    task, splits, model = learned
    *_, last = task.fit({**BOOSTING, "relative_to": "last value"}, splits.training, 1, max_epochs=1)
    assert last.weights is not None
    other = task.predictor({**BOOSTING, "relative_to": "last value"}, last.weights, splits)
    mean = EnsemblePredictor([other, model], [0.5, 0.5])
    mean.facts = {**mean.facts, **task.calibration(mean, splits)}
    residuals = np.abs(splits.validation.targets - mean.predict(splits.validation.inputs)["prediction"])
    assert 0.9 <= np.mean(residuals <= half_widths(mean.facts["series"], splits.validation.inputs)) <= 0.99
    mean.save(tmp_path)
    loaded = load_predictor(tmp_path)
    assert loaded.facts["series"]["width"] == mean.facts["series"]["width"] != mean.members[0].facts["series"]["width"]  # type: ignore[attr-defined]
    assert forecast(loaded, future_sales())[0].equals(forecast(mean, future_sales())[0])


@pytest.mark.parametrize("family", ["dlinear", "lstm", "tcn", "patchtst"])
def test_a_network_that_has_learned_nothing_forecasts_what_it_starts_from(family: str, tmp_path: Path) -> None:
    task = Series(written(tmp_path, sales().assign(매출=np.arange(220) * 2.0 + np.arange(220) % 7)), "날짜", "매출")
    splits = task.load()
    for relative_to, rmse in (("season and trend", 0.0), ("season before", 14.0)):
        config = task.space().config({**task.reference, "family": family, "relative_to": relative_to})
        weights = build_forecaster(config, splits.training.facts).state_dict()  # the last layer is 0
        assert "start" not in weights
        scores = task.scores(task.predictor(config, weights, splits), splits.validation)
        assert scores["rmse"] == pytest.approx(rmse, abs=1e-3)


@pytest.mark.parametrize("relative_to", ["last value", "season before", "season and trend"])
def test_a_relative_target_lets_trees_follow_a_trend(relative_to: str, tmp_path: Path) -> None:
    rise = sales(150).assign(매출=lambda frame: frame["매출"] + np.arange(150))
    task = Series(written(tmp_path, rise), "날짜", "매출", horizon=3)
    splits, losses = task.load(), {}
    test = splits.test.open()
    for name in ("nothing", relative_to):
        config = {**BOOSTING, "relative_to": name}
        *_, last = task.fit(config, splits.training, 0, max_epochs=4)
        assert last.weights is not None
        model = task.predictor(config, last.weights, splits)
        losses[name] = task.scores(model, test)["rmse"]
        scores = task.scores(model, splits.validation)
        assert scores["rmse"] == pytest.approx(last.metrics["val_rmse"], rel=1e-5)  # in the target's unit in both
    assert losses[relative_to] < 0.7 * losses["nothing"]
    for family in ("mlp", "neighbours", "embedded"):
        config = task.space().config({**task.reference, "family": family, "relative_to": relative_to})
        *_, last = task.fit(config, splits.training, 0, max_epochs=1)
        assert last.weights is not None
        scores = task.scores(task.predictor(config, last.weights, splits), splits.validation)
        assert scores["rmse"] == pytest.approx(last.metrics["val_rmse"], rel=1e-3)


def test_lightgbms_defaults_are_the_baseline_itself(learned: tuple[Series, Splits, Predictor]) -> None:
    task, splits, _ = learned
    config = task.space().config({**task.reference, **task.further_references[0]})
    best = min(task.fit(config, splits.training, 5, max_epochs=300), key=lambda report: report.val_loss)
    assert best.weights is not None
    trial = task.predictor(config, dict(best.weights), splits)
    baseline = next(b for b in baselines(task, splits, splits.test.open()) if b.name == "gradient boosting")
    assert task.scores(trial, splits.validation)["rmse"] == pytest.approx(baseline.validation["rmse"])


def test_few_blocks_are_said(tmp_path: Path) -> None:
    task = Series(written(tmp_path, sales()), "날짜", "매출", horizon=14)
    assert too_few(task, task.load()).startswith("the loss to expect on new rows, for which the validation split has ")
    task = Series(written(tmp_path, sales()), "날짜", "매출", horizon=1)
    assert too_few(task, task.load()) == ""


def future_sales() -> pd.DataFrame:
    """Sales with the rain of the days to come."""
    days = pd.date_range("2024-08-08", periods=5).strftime("%Y-%m-%d")
    return pd.concat([sales(), pd.DataFrame({"날짜": days, "비": 1})])


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({}, {"time": None}, "needs --time, the column of the moments. It is one of: 날짜, 매출, 비"),
        ({}, {"target": "매"}, "Did you mean '매출'"),
        ({}, {"time": "매출", "target": "비"}, "neither dates nor whole numbers"),
        ({}, {"horizon": 400}, "forecasting 400 steps needs at least 430"),
        ({}, {"horizon": 0}, "--horizon of task 'series' must be from 1 to"),
        ({"매출": None}, {}, "no value|not numeric"),
        ({"매출": 5}, {}, "one value only"),
        ({"날짜": "2024-01-01"}, {}, "one moment a series"),
        ({"날짜": [f"2024-01-{1 + i % 28:02}" for i in range(220)]}, {}, "Are these several series"),
        ({}, {"known": "날씨"}, "Unknown column '날씨'"),
        ({}, {"known": "매출"}, "must be different columns"),
        ({"비": sales()["매출"] * 1.1 + 3}, {"known": "비"}, "tells the target of the same moment"),
        ({"비": None}, {"known": "비"}, "--known '비'"),
        ({"비": "맑음"}, {"known": "비"}, "--known '비' is not numeric"),
        ({"날짜": None}, {}, "neither dates nor whole numbers"),
        ({}, {"rows": 3}, "at least"),
        ({}, {"season": 0}, "--season of task 'series' must be from 1"),
        ({"비": sales()["매출"].shift(-1)}, {"known": "비"}, "of the moment 1 step\\(s\\) after its own"),
        ({"비": sales()["매출"].shift(1) * 2}, {"known": "비"}, "of the moment 1 step\\(s\\) before its own"),
        ({"비": sales()["매출"].shift(-4) * 2 + 1}, {}, "of the moment 4 step\\(s\\) after its own"),
        ({"매출": sales()["매출"] * 1e34}, {}, "'매출' holds numbers as large as 1e\\+36"),
        ({"가게": None}, {"group": "가게"}, "--group '가게' has no value"),
        (
            {"날짜": [None, *sales()["날짜"][1:]]},
            {},
            "1 of 220 cells .* cannot be read as a time \\(e.g. an empty cell\\)",
        ),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_a_sentence(
    change: dict[str, Any], options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    given = dict(options)
    path = written(tmp_path, sales().assign(**change).head(given.pop("rows", 220)))
    with pytest.raises(UserError, match=says):
        get_task("series", data=path, **{"time": "날짜", "target": "매출", **given})


def test_a_day_of_rest_is_not_forecast(learned: tuple[Series, Splits, Predictor]) -> None:
    frame = future_sales()
    days = pd.to_datetime(frame["날짜"].str.replace(r"[년월일]\s?", "-", regex=True).str.strip("-"))
    rested = frame[(days.dt.day_of_week != 6) | frame["매출"].isna()]
    found, notes = forecast(learned[2], rested)
    assert found["날짜"].tolist() == [f"2024-08-{day:02}" for day in (8, 9, 10, 12)]  # the 11th is a Sunday
    assert "Left out forecasts of weekdays that never have a value (1)." in notes
    assert len(forecast(learned[2], frame)[0]) == 5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.head(0), "has a header but no rows"),
        (lambda frame: frame.assign(매출=None), "'매출' has no value"),
        (lambda frame: frame.assign(매출=1e300), "'매출' holds numbers as large as 1e\\+300"),
        (
            lambda frame: frame[["비", "매출"]].set_axis(["a", "b"], axis=1),
            "none of the columns that a forecast needs: 날짜, 매출, 비\\.",
        ),
        (lambda frame: frame.drop(columns="비"), "lacks the column\\(s\\) '비'"),
        (lambda frame: frame.assign(비="아니요"), "The model reads '비' of the moments that it forecasts"),
        (lambda frame: frame[::7], "of the moments between the first and the last have no row, at a step of a day"),
        (lambda frame: frame.assign(날짜=pd.date_range("2024-01-01", periods=len(frame), freq="h")), "are irregular"),
        (lambda frame: frame.assign(날짜="내일"), "cannot be read as a time \\(e.g. '내일'\\)"),
        (lambda frame: pd.concat([frame, frame]), "repeat a moment"),
    ],
)
def test_a_past_that_cannot_be_read_is_refused_at_a_forecast(
    change: Any, says: str, learned: tuple[Series, Splits, Predictor]
) -> None:
    with pytest.raises(UserError, match=says):
        predict_table_file(learned[2], change(future_sales()).to_csv(index=False).encode())


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_a_short_past_in_any_order_and_notation_is_forecast(
    rows: int, learned: tuple[Series, Splits, Predictor]
) -> None:
    frame = future_sales().iloc[220 - rows :]
    found = predict_table_file(learned[2], frame.to_csv(index=False).encode()).frame
    assert np.isfinite(found[["prediction", "lower_90", "upper_90"]]).all(axis=None)
    assert found["날짜"].tolist() == [f"2024-08-{day:02}" for day in range(8, 13)]
    if rows < 7:  # too few for a scale of their own
        width = (found["upper_90"] - found["lower_90"]) / 2
        np.testing.assert_allclose(width, learned[2].facts["series"]["width"])  # type: ignore[attr-defined]
    other = frame.assign(매출=frame["매출"].map("{:,.2f}".format).replace("nan", "")).sample(frac=1, random_state=0)
    again = predict_table_file(learned[2], other.to_csv(index=False, sep="\t").encode("utf-16")).frame
    pd.testing.assert_frame_equal(found, again)


def test_a_column_that_is_known_in_time_is_not_taken_for_a_leak(tmp_path: Path) -> None:
    late = sales().assign(지난주=lambda frame: frame["매출"].shift(7), 같은날=lambda frame: frame["매출"] * 2)
    task = Series(written(tmp_path, late), "날짜", "매출", horizon=5, known=["지난주", "비"])
    assert task.description()["past"] == ["같은날"]
    rise = pd.DataFrame({"t": range(100), "y": np.arange(100.0), "z": np.arange(100.0) + 5})  # neighbours are alike
    assert Series(written(tmp_path, rise), "t", "y", horizon=3).description()["past"] == ["z"]


def test_cells_that_are_not_values_of_the_target_are_said(tmp_path: Path) -> None:
    values = sales()["매출"].astype(object)
    values[::50] = "휴무"
    frame = sales().assign(매출=values, 날씨="맑음", 가게="강남")
    frame.loc[3:5, "가게"] = None
    task = Series(written(tmp_path, frame), "날짜", "매출", horizon=5, group="가게")
    notes = " ".join(task.description()["notes"])
    assert "Cells of '매출' that are not numbers count as missing (5, e.g. '휴무')." in notes
    assert "Left out, as they hold no numbers: 날씨. Write them as numbers to use them." in notes
    assert "Left out rows without a value of '가게' (3)." in notes
    coded = sales().assign(매출=lambda frame: frame["매출"].where(np.arange(220) % 20 > 0, -999))
    task = Series(written(tmp_path, coded), "날짜", "매출", horizon=5)
    assert "-999 in 5 % of the cells of '매출' is far from all others" in " ".join(task.description()["notes"])
    assert task.read()["매출"].min() > 0
    assert Series(written(tmp_path, coded), "날짜", "매출", horizon=5, missing="none").read()["매출"].min() == -999


@pytest.mark.parametrize(("size", "level"), [(1e-40, 0.0), (1.0, 1e12)])
def test_numbers_of_any_size_are_learned(size: float, level: float, tmp_path: Path) -> None:
    path = written(tmp_path, sales().assign(매출=lambda frame: (frame["매출"] - 100) * size + level))
    task = Series(path, "날짜", "매출", horizon=3)
    splits, config = task.load(), task.space().config(dict(task.reference))
    *_, last = task.fit(config, splits.training, 0, max_epochs=2)
    assert last.weights is not None
    scores = task.scores(task.predictor(config, last.weights, splits), splits.validation)
    assert scores["r2"] > 0.5


def test_irregular_moments_are_refused(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(draw.uniform(0, 100, 200)), unit="D")
    path = written(tmp_path, pd.DataFrame({"t": stamps.astype(str), "y": draw.normal(size=200)}))
    with pytest.raises(UserError, match=r"irregular|have no row|more than"):
        get_task("series", data=path, time="t", target="y")
