"""``--sampler curves``: inside every space, learns from stopped trials, holds what is planned, finds better ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import Config, SearchSpace
from tests.tunelab.search.simulated import Clock, Slots, make_controller
from tunelab.records.seeds import trial_seed
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.sampling.curve_model import CurveModel, CurvePoints
from tunelab.search.sampling.study import StudySampler

SHAPES: list[Any] = [(1, 2), (3,)]


def depends(trial: optuna.trial.BaseTrial) -> Config:
    """Return a configuration with a branch, steps, a choice of tuples and a range that depends on another parameter."""
    family = trial.suggest_categorical("family", ["a", "b"])
    width = trial.suggest_int("width", 8, 64, log=True)
    config: Config = {"family": family, "width": width, "shape": trial.suggest_categorical("shape", SHAPES)}
    if family == "a":
        config["heads"] = trial.suggest_int("heads", 1, width // 8)
    else:
        config["lr"] = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
        config["drop"] = trial.suggest_float("drop", 0.0, 0.6, step=0.2)
        config["clip"] = trial.suggest_categorical("clip", [None, 1.0, True, "norm"])
        config["fixed"] = trial.suggest_int("fixed", 3, 3)
    return config


def sampled(space: SearchSpace, seed: int, count: int, **settings: Any) -> list[TrialRecord]:
    """Propose trials one after another; each third one diverges, each other one is stopped after two epochs."""
    study = StudySampler(space, "curves", seed, reference={}, max_epochs=9, **{"fixed": {}, **settings})
    records = []
    for number in range(count):
        params, config = study.suggest(number)
        epochs = tuple(Epoch(e, 1.0 / e + number % 5, {}, 1.0) for e in (1, 2))
        status = TrialStatus.DIVERGED if number % 3 == 2 else TrialStatus.STOPPED
        records.append(TrialRecord(number, params, config, trial_seed(seed, number), 9, status, epochs))
        study.tell(records[-1])
    return records


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_every_proposal_lies_inside_a_space_with_branches_and_ranges_that_depend(seed: int) -> None:
    for record in sampled(SearchSpace("depends", depends, "family"), seed, 14):
        config = record.config
        assert 8 <= config["width"] <= 64
        assert config["shape"] in SHAPES
        if config["family"] == "a":
            assert 1 <= config["heads"] <= config["width"] // 8
        else:
            assert 1e-4 <= config["lr"] <= 1e-1
            assert config["clip"] in (None, 1.0, True, "norm")
            assert config["fixed"] == 3
            assert min(abs(config["drop"] - step) for step in (0.0, 0.2, 0.4, 0.6)) < 1e-9


def test_a_space_without_parameters_and_losses_at_the_end_of_floats_are_searched() -> None:
    assert [record.config for record in sampled(SearchSpace("none", lambda trial: {"lr": 0.1}), 0, 8)] == [
        {"lr": 0.1}
    ] * 8
    study = StudySampler(SearchSpace("depends", depends, "family"), "curves", 0, reference={}, fixed={}, max_epochs=9)
    for number in range(16):
        params, config = study.suggest(number)
        loss = (1.7e308, -1.7e308, 0.0)[number % 3]
        study.tell(TrialRecord(number, params, config, 0, 9, TrialStatus.STOPPED, (Epoch(1, loss, {}, 1.0),)))


def test_a_branch_that_random_draws_never_met_is_proposed_from_and_spaces_may_read_what_was_drawn() -> None:
    def rare(trial: optuna.trial.BaseTrial) -> Config:
        config: Config = {"x": trial.suggest_float("x", 0.0, 1.0), "y": trial.suggest_float("y", 0.0, 1.0)}
        if trial.params["x"] > 0.99999:
            config["depth"] = trial.suggest_int("depth", 2, 5)
        else:
            config["z"] = trial.suggest_float("z", 0.0, 1.0)
        return config

    space = SearchSpace("rare", rare)
    assert "depth" not in space.distributions()
    records = sampled(space, 0, 14, fixed={"x": 1.0})
    assert all(2 <= record.config["depth"] <= 5 for record in records)
    assert len({record.config["depth"] for record in records}) > 1


def test_a_fixed_value_is_kept_to_the_last_digit_and_branches_have_their_turns() -> None:
    space = SearchSpace("depends", depends, "family")
    assert {r.config["lr"] for r in sampled(space, 1, 12, fixed={"family": "b", "lr": 0.0123456789})} == {0.0123456789}
    drawn = [r.config["family"] for r in sampled(space, 1, 8)]
    assert drawn[:4] == ["a", "b", "a", "b"]


def test_it_learns_where_most_trials_are_stopped(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(trial: optuna.trial.BaseTrial) -> Config:
        return {name: trial.suggest_float(name, 0.0, 1.0) for name in "xyz"}

    space = SearchSpace("bowl", draw)

    def best(sampler: str, seed: int) -> float:
        (folder := tmp_path / f"{sampler}{seed}").mkdir()
        controller = make_controller(folder, sampler=sampler, space=space, trials=40, seed=seed, max_epochs=27)
        Slots(
            1,
            loss=lambda plan, epoch: sum((float(plan.config[k]) - 0.3) ** 2 for k in "xyz") + 0.3 / epoch,
            pace=lambda number, epoch: 1.0,
            clock=Clock().install(monkeypatch),
        ).play(controller)
        return min(sum((float(r.config[k]) - 0.3) ** 2 for k in "xyz") for r in controller.records)

    assert np.mean([best("curves", seed) for seed in range(4)]) < 0.5 * np.mean([best("random", s) for s in range(4)])


LINE = SearchSpace("line", lambda trial: {"x": trial.suggest_float("x", 0.0, 1.0)})


def line_study(ended: int, running: int = 0) -> StudySampler:
    """Return a study that knows of ended trials, whose loss is lowest at x = 0.2, and of some that still run."""
    study = StudySampler(LINE, "curves", 0, reference={}, fixed={}, max_epochs=9)
    for number in range(ended + running):
        params, config = study.suggest(number)
        epochs = tuple(Epoch(e, abs(params["x"] - 0.2) + 1 / e, {}, 1.0) for e in (1, 2))
        if number < ended:
            study.tell(TrialRecord(number, params, config, 0, 9, TrialStatus.STOPPED, epochs))
    return study


def test_curves_of_trials_that_still_run_count() -> None:
    proposed = []
    for losses in ([], [1.0, 0.01]):
        study = line_study(12, running=2)
        far = max(12, 13, key=lambda number: abs(study.study.trials[number].params["x"] - 0.2))
        x = study.study.trials[far].params["x"]
        params, _ = study.suggest(14, {far: losses})
        proposed.append(abs(params["x"] - x))
    without, with_curve = proposed
    assert with_curve < min(without, 0.1), "a trial that runs and is far ahead attracts the next one"


def test_what_a_model_believes_of_a_trial_that_runs_keeps_others_away_and_changes_no_prediction() -> None:
    places = np.array([[0.1], [0.5], [0.9]])
    model = CurveModel(CurvePoints(np.arange(3), np.zeros(3), places), np.array([-1.0, 0.0, 1.0]))
    wanted = CurvePoints(np.arange(2), np.full(2, 2.0), np.array([[0.3], [0.98]]))
    means, deviations = model.predict(wanted)
    model.believe(CurvePoints(np.zeros(1, int), np.full(1, 2.0), np.array([[0.3]])))
    after, narrower = model.predict(wanted)
    assert after == pytest.approx(means)
    near, far = narrower / deviations
    assert near < 0.5
    assert near < far <= 1


def test_the_first_trials_are_those_of_random_search() -> None:
    drawn: list[list[float]] = []
    for sampler in ("curves", "random"):
        study = StudySampler(LINE, sampler, 0, reference={}, fixed={}, max_epochs=9, random_start=20)
        drawn.append([])
        for number in range(26):
            params, config = study.suggest(number)
            drawn[-1].append(params["x"])
            epochs = (Epoch(1, abs(params["x"] - 0.2), {}, 1.0),)
            study.tell(TrialRecord(number, params, config, 0, 9, TrialStatus.STOPPED, epochs))
    curves, random = drawn
    assert curves[:20] == random[:20]
    assert np.median(np.abs(np.array(curves[20:]) - 0.2)) < np.median(np.abs(np.array(random[20:]) - 0.2))
