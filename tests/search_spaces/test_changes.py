"""Wider ranges and dropped choices: the changed space draws them, and the author's code stays as it is."""

from __future__ import annotations

import math

import optuna
import pytest

from search_spaces import Config, ParamValue, SearchSpace, UserError
from search_spaces.changes import change_space


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    config: Config = {
        "lr": trial.suggest_float("lr", 1e-4, 1e-2, log=True),
        "width": trial.suggest_int("width", 8, 64, step=8),
        "sizes": trial.suggest_categorical("sizes", [(8,), (16, 8), (32,)]),  # type: ignore[list-item]
        "family": trial.suggest_categorical("family", ["a", "b"]),
    }
    if config["family"] == "b":
        config["inner"] = trial.suggest_float("inner", 0.0, 1.0)
    return config


SPACE = SearchSpace("mine", suggest, branch="family")


def test_the_changed_space_draws_from_what_was_asked_for() -> None:
    changed = change_space(SPACE, {"lr": (1e-6, 0.1), "width": (8, 128)}, {"sizes": ["(16, 8)"], "family": ["a"]})
    found = changed.distributions()
    assert (found["lr"].low, found["lr"].high, found["lr"].log) == (1e-6, 0.1, True)  # type: ignore[attr-defined]
    assert (found["width"].high, found["width"].step) == (128, 8)  # type: ignore[attr-defined]
    assert found["sizes"].choices == ("(8,)", "(32,)")  # type: ignore[attr-defined]
    assert changed.branches() == ["b"]
    params: dict[str, ParamValue] = {"lr": 2e-6, "width": 128, "sizes": "(32,)", "family": "b", "inner": 0.5}
    assert changed.config(params)["sizes"] == (32,)
    assert SPACE.distributions()["width"].high == 64  # type: ignore[attr-defined]
    assert change_space(SPACE, {}, {}) is SPACE


@pytest.mark.parametrize(
    ("widen", "drop", "sentence"),
    [
        ({"lt": (0, 1)}, {}, "hyperparameter 'lt'"),
        ({"lr": (1e-3, 1)}, {}, "must hold the present one, 0.0001 to 0.01"),
        ({"lr": (1e-5, math.inf)}, {}, "must be finite"),
        ({"lr": (math.nan, 1)}, {}, "must be finite"),
        ({"lr": (-1, 1)}, {}, "bounds must be above 0"),
        ({"width": (7.5, 64)}, {}, "is a whole number"),
        ({"sizes": (0, 1)}, {}, "has choices, not a range"),
        ({}, {"lr": [0.1]}, "is a number without choices"),
        ({}, {"family": ["c"]}, "must be one of a, b"),
        ({}, {"family": ["a", "b"]}, "no choice of family would be left"),
    ],
)
def test_what_cannot_be_changed_is_refused(
    widen: dict[str, tuple[float, float]], drop: dict[str, list[object]], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        change_space(SPACE, widen, drop)  # type: ignore[arg-type]
