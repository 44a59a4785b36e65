"""The verdict on a winner: beaten or not, by how much, and settings that can be copied."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
import yaml

from tests.results import made_up_result
from trainables.california_housing import CaliforniaHousing
from trainables.wine import Wine
from tunelab.analysis.outcome import verdict
from tunelab.analysis.standing import rivals, verdict_lines
from tunelab.analysis.use import set_options, set_python, set_yaml
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus

PARAMS: dict[str, bool | int | float | str | None] = {"n_layers": 2, "lr": 0.01, "family": "a 'b'"}


def result_with(own: float, baselines: dict[str, float], *, maximize: bool = False) -> SweepResult:
    """A sweep whose winner has a test score, beside those of baselines."""
    trial = TrialRecord(3, PARAMS, {"lr": 0.01}, 0, 9, TrialStatus.FINISHED, (Epoch(1, 0.5, {}, 1.0),))
    facts = Wine.facts if maximize else CaliforniaHousing.facts
    models = tuple(Baseline(name, {}, {facts.score: value}) for name, value in baselines.items())
    result = made_up_result([trial], facts)
    return replace(result, best=replace(Best.from_trial(trial), test={facts.score: own}), baselines=models)


def test_a_winner_is_set_against_the_reference_and_the_best_baseline() -> None:
    result = result_with(0.5, {"mean": 1.1, "linear": 0.75, "reference": 0.6})
    lines = list(verdict_lines(result))
    assert lines[0] == "Trial 3 won: test rmse ↓ 0.5000 × 100,000 $"
    assert lines[1:] == [
        "  against reference 0.6000 × 100,000 $: better by 0.1000",
        "  against linear (best baseline) 0.7500 × 100,000 $: better by 0.2500",
    ]


def test_a_reference_that_is_better_on_the_test_split_is_said_first_and_called_no_baseline() -> None:
    result = result_with(0.5, {"linear": 0.75, "reference": 0.4})
    assert next(verdict_lines(result)) == (
        "Trial 3 won by validation loss, but the reference is better on the test split: test rmse ↓ 0.5000 × 100,000 $"
    )
    assert "not better than the reference (0.4000)" in verdict(result)
    assert "better than the reference (0.6000) and every baseline" in verdict(
        result_with(0.5, {"linear": 0.75, "reference": 0.6})
    )
    assert "better than the best baseline (linear, 0.5500)" in verdict(
        result_with(0.5, {"linear": 0.55, "reference": 0.6})
    )


@pytest.mark.parametrize(("own", "relation"), [(0.8, "worse by 0.05"), (0.75, "equal")])
def test_a_baseline_that_is_not_beaten_is_said_first(own: float, relation: str) -> None:
    lines = list(verdict_lines(result_with(own, {"mean": 1.1, "linear": 0.75})))
    assert lines[0].startswith("No trial beat the baseline linear. The best, trial 3: test rmse ↓")
    assert relation in lines[-1]


def test_more_is_better_where_the_score_says_so() -> None:
    found = rivals(result_with(0.9, {"majority": 0.4, "logistic": 0.95}, maximize=True))
    assert [(rival.name, rival.gain < 0) for rival in found] == [("logistic", True)]


def test_scores_that_rounding_alone_tells_apart_are_equal() -> None:
    (line,) = list(verdict_lines(result_with(0.1 + 0.2, {"majority": 0.3}, maximize=True)))[1:]
    assert line.endswith(": equal")


def test_no_result_is_a_sentence() -> None:
    assert list(verdict_lines(made_up_result([], Wine.facts))) == ["No trial has a result (of 0)."]


def test_the_configuration_can_be_copied_three_ways() -> None:
    result = result_with(0.5, {})
    words = shlex.split(set_options(result))
    assert words[::2] == ["--set"] * 3
    assert dict(word.split("=", 1) for word in words[1::2]) == {k: str(v) for k, v in PARAMS.items()}
    assert yaml.safe_load(set_yaml(result)) == {"set": PARAMS}
    assert eval(set_python(result)) == PARAMS
