"""What keeps a winner from being the champion, and that the verdict begins with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.results import made_up_result
from tests.toys import Toy
from tunelab.analysis.objection import objection
from tunelab.analysis.outcome import verdict
from tunelab.confirmation.verdict import decide_verdict
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus


@pytest.fixture
def result() -> SweepResult:
    trials = [TrialRecord(n, {}, {"n": n}, n, 5, TrialStatus.FINISHED, (Epoch(1, 0.5 + n, {}, 1.0),)) for n in (0, 1)]
    best = replace(Best.from_trial(trials[0]), validation={"rmse": 2.0}, test={"rmse": 2.1})
    return replace(made_up_result(trials, Toy.facts), best=best)


def confirmed(result: SweepResult, winner: list[float], reference: list[float]) -> SweepResult:
    found = decide_verdict({0: winner, 1: reference}, {0: None, 1: None}, 1, None, 9, preferred=0)
    return replace(result, confirmation=found)


def test_nothing_speaks_against_a_winner_that_is_better(result: SweepResult) -> None:
    assert objection(result) == ""
    worse = (Baseline("linear", {"rmse": 2.5}, {"rmse": 1.0}), Baseline("reference", {"rmse": 1.0}, {}))
    assert objection(replace(result, baselines=worse)) == ""  # the test split and the reference's own run do not count
    assert objection(confirmed(result, [0.5, 0.52, 0.51], [0.9, 0.91, 0.9])) == ""
    assert not verdict(result).startswith("Not a champion")


def test_a_baseline_that_is_better_on_validation_comes_first_in_the_verdict(result: SweepResult) -> None:
    beaten = replace(result, baselines=(Baseline("linear", {"rmse": 1.5}, {"rmse": 2.0}),))
    text = "the baseline linear is better on the validation split (rmse 1.500 against 2)"
    assert objection(beaten) == text
    also = "on the test split linear is better (rmse 2 against 2.100)"
    assert verdict(beaten).startswith(f"Not a champion: {text}; {also}. Trial 0 won of 2 trials")


def test_a_baseline_that_is_better_on_the_test_split_is_always_in_the_first_sentence(result: SweepResult) -> None:
    better = replace(result, baselines=(Baseline("linear", {"rmse": 2.5}, {"rmse": 1.0}),))
    first, _, rest = verdict(better).partition(". ")
    assert "not better than the best baseline (linear, 1)" in first
    assert not rest
    lucky = confirmed(better, [0.9, 0.92, 0.91, 0.9], [1.2, 1.2, 1.21, 1.2])
    first = verdict(lucky).partition(". Trial 0 won")[0]
    assert first.endswith("; on the test split linear is better (rmse 1 against 2.100)")


def test_a_model_without_randomness_was_not_lucky(result: SweepResult) -> None:
    assert result.best is not None
    loss = 0.1  # the mean of six is rounded up
    same = replace(result, best=replace(result.best, val_loss=loss))
    assert objection(confirmed(same, [loss] * 6, [1.2] * 6)) == ""


def test_a_classifiers_baseline_must_also_have_the_lower_loss(result: SweepResult) -> None:
    facts = replace(result.facts, score="accuracy", score_direction="maximize")
    assert result.best is not None
    best = replace(result.best, validation={"accuracy": 0.93, "log_loss": 0.2})
    by_one_row = (Baseline("logistic", {"accuracy": 0.96, "log_loss": 0.3}, {}),)
    assert objection(replace(result, facts=facts, best=best, baselines=by_one_row)) == ""
    clearly = (Baseline("logistic", {"accuracy": 0.96, "log_loss": 0.1}, {}),)
    assert "logistic is better" in objection(replace(result, facts=facts, best=best, baselines=clearly))


def test_fresh_seeds_contradict_luck_and_a_worse_mean(result: SweepResult) -> None:
    lucky = confirmed(result, [0.9, 0.92, 0.91, 0.9], [1.2, 1.2, 1.21, 1.2])
    assert "was luck: on fresh seeds the same configuration has 0.9075" in objection(lucky)
    worse = confirmed(result, [0.9, 0.5, 0.7], [0.3, 0.31, 0.3])
    assert "on fresh seeds the reference has a lower validation loss" in objection(worse)
    assert worse.best is not None
    mean = replace(worse, best=replace(worse.best, members=(0, 1), val_loss=0.4))
    assert "the reference alone has a lower validation loss" in objection(mean)
    assert objection(replace(mean, best=replace(worse.best, members=(0, 1), val_loss=0.2))) == ""
