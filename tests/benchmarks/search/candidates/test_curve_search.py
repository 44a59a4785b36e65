"""The curve-aware search: encoding, model, decisions that repeat, and what it finds on a tiny table."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import optuna
import pytest

from benchmarks.search.arena.methods import make_searcher
from benchmarks.search.arena.simulate import Simulation
from benchmarks.search.arena.tables import read_tables
from benchmarks.search.candidates.curve_search import CurveSearch
from search_spaces import Config, SearchSpace
from tests.benchmarks.search.arena.tiny_tables import EPOCHS, write_taskset
from tunelab.search.sampling.curve_history import milestones
from tunelab.search.sampling.curve_model import CurveModel, CurvePoints
from tunelab.search.sampling.encoding import Encoding


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Return a configuration with a branch."""
    config: Config = {
        "lr": trial.suggest_float("lr", 1e-5, 1e-1, log=True),
        "layers": trial.suggest_int("layers", 1, 3),
        "kind": trial.suggest_categorical("kind", ["adam", "sgd"]),
    }
    if config["kind"] == "sgd":
        config["momentum"] = trial.suggest_float("momentum", 0.0, 0.9, step=0.1)
    return config


SPACE = SearchSpace("branching", suggest)


def test_parameters_come_back_from_their_places() -> None:
    encoding = Encoding(SPACE)
    rng = np.random.default_rng(0)
    kinds = set()
    for _ in range(50):
        params = encoding.params(rng.random(encoding.columns))
        kinds.add(params["kind"])
        assert ("momentum" in params) == (params["kind"] == "sgd")
        assert SPACE.config(params)  # inside the space
        again = encoding.params(np.nan_to_num(encoding.row(params), nan=0.5))
        assert again == pytest.approx(params) if params["kind"] == "adam" else again.keys() == params.keys()
    assert kinds == {"adam", "sgd"}


def test_absent_parameters_do_not_move_a_point() -> None:
    encoding = Encoding(SPACE)
    names = list(SPACE.distributions())
    rows = np.full((2, encoding.columns), 0.4)
    rows[:, names.index("kind")] = 0.1  # adam
    rows[1, names.index("momentum")] = 0.9
    first, second = encoding.features(encoding.visible(rows))
    np.testing.assert_array_equal(first, second)
    assert encoding.size == 5  # three numbers and two choices
    near = encoding.near(encoding.visible(rows), np.array([0.0, 0.0]), np.random.default_rng(0))
    np.testing.assert_allclose(near[:, names.index("lr")], 0.4)
    assert not np.isnan(near).any()


def test_the_model_continues_a_curve_from_its_own_beginning() -> None:
    places = np.full((3, 2), 0.5)  # equal hyperparameters: only the curves differ
    epochs = np.array([1, 2, 4, 8])
    points = CurvePoints(np.repeat([0, 1], 4), np.log(np.tile(epochs, 2)), places[:2])
    model = CurveModel(points, np.concatenate([1.0 - 0.1 * np.log(epochs), -1.0 - 0.1 * np.log(epochs)]))
    wanted = CurvePoints(np.arange(3), np.log([16, 16, 16]), places)
    means, deviations = model.predict(wanted, np.array([[1.0, 0], [0, 1], [0, 0]]))
    assert means[0] > 0.4
    assert means[1] < -0.4
    assert abs(means[2]) < 0.4  # a new trial is expected between them
    assert deviations[2] > 1.2 * max(deviations[:2])


def test_milestones_begin_late_and_end_with_the_full_length() -> None:
    assert milestones(52, 3) == (3, 6, 12, 24, 48, 52)
    assert milestones(2, 3) == (2,)


def ended(losses: list[float]) -> bool:
    """Return whether a trial has its full length or has diverged."""
    return len(losses) == 12 or any(map(math.isnan, losses))


def trained(seed: int, decisions: int) -> list[object]:
    """Return what a search decides while each trial trains to its next milestone."""
    search = CurveSearch(SPACE, 12, seed)
    paused: set[int] = set()
    found: list[object] = []
    for _ in range(decisions):
        decided = search.decide(paused)
        found.append(decided)
        number = decided if isinstance(decided, int) else search.add(decided)
        paused.discard(number)
        trial = search.trials[number]
        while not ended(trial.losses):
            epoch = len(trial.losses) + 1
            loss = float(np.abs(trial.row[0] - 0.3)) + 1 / epoch
            search.observe(number, math.nan if trial.row[0] > 0.9 else loss)
            if epoch in search.milestones:
                break
        if not ended(trial.losses):
            paused.add(number)
    return found


def test_decisions_repeat_and_some_continue_what_was_paused() -> None:
    first = trained(3, 40)
    assert first == trained(3, 40)
    assert first != trained(4, 40)
    assert any(isinstance(decided, int) for decided in first)


def test_it_finds_the_best_rows_of_a_table(tmp_path: Path) -> None:
    write_taskset(tmp_path / "taskset")
    task = read_tables(tmp_path)["taskset/tiny"]
    regrets = []
    for seed in range(3):
        simulation = Simulation(task, make_searcher("CurveSearch", task, seed), 2, 12 * EPOCHS)
        simulation.run()
        regrets.append(simulation.trace("CurveSearch", seed).regrets(12 * EPOCHS)[0])
    assert max(regrets) < 0.1
