"""Winners that a constant guess equals are said to have learned nothing that the test split shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.results import made_up_result
from trainables import get_task
from tunelab.analysis.caveats import caveats
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.assessment.evaluation import ClassificationTables, ClassScores, Evaluation
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.report.verdict import verdict_section

TRIAL = TrialRecord(0, {}, {}, 0, 9, TrialStatus.FINISHED, (Epoch(1, 0.5, {}, 1.0),))


def result_of(task: str, test: dict[str, float], guess: Baseline, classes: tuple[int, ...] = ()) -> SweepResult:
    """A result with 30 test rows."""
    made = made_up_result([TRIAL], get_task(task).facts)
    scores = tuple(ClassScores(str(i), 0.5, 0.5, 0.5, rows) for i, rows in enumerate(classes))
    tables = ClassificationTables(scores, 0.0, ()) if classes else None
    return replace(
        made,
        data=replace(made.data, test_rows=30),
        best=replace(Best.from_trial(TRIAL), test=test),
        baselines=(guess,),
        evaluation=Evaluation(classification=tables),
    )


@pytest.mark.parametrize(
    ("task", "scores", "guess", "classes", "said"),
    [
        ("auto_mpg", ({"rmse": 0.95}, {"rmse": 0.8}), Baseline("mean", {}, {"rmse": 1.0}), (), "rmse 0.9500 against 1"),
        (
            "heart_disease",
            ({"accuracy": 0.57, "auc": 0.59}, {"accuracy": 0.57, "auc": 0.75}),
            Baseline("majority", {}, {"accuracy": 0.5}),
            (15, 15),
            "auc 0.5900 against 0.5000",
        ),
        (
            "wine",
            ({"accuracy": 0.5}, {"accuracy": 0.6}),
            Baseline("majority", {}, {"accuracy": 0.4}),
            (12, 9, 9),
            "accuracy 0.5000 against 0.4000",
        ),
    ],
)
def test_a_winner_within_chance_of_a_constant_guess_is_said_to_be(
    task: str,
    scores: tuple[dict[str, float], dict[str, float]],
    guess: Baseline,
    classes: tuple[int, ...],
    said: str,
) -> None:
    poor, good = (result_of(task, test, guess, classes) for test in scores)
    assert any(f"cannot tell the winner from a constant guess ({said})" in line for line in caveats(poor))
    assert not any("constant guess" in line for line in caveats(good))
    assert "constant guess" in str(verdict_section(poor).blocks)


def test_rows_of_a_series_that_share_an_origin_count_as_one() -> None:
    result = result_of("auto_mpg", {"rmse": 0.9}, Baseline("mean", {}, {"rmse": 1.0}))
    assert not any("constant guess" in line for line in caveats(result))
    series = replace(result, data=replace(result.data, details={"horizon": 3}))
    assert any("constant guess" in line for line in caveats(series))


def test_trials_that_are_all_equal_are_said_to_be() -> None:
    made = made_up_result([TRIAL, replace(TRIAL, number=1)], get_task("wine").facts)
    alike = [line for line in caveats(made) if "what varied made no difference" in line]
    assert alike == [
        "Warning: all 2 trials have the same validation loss: what varied made no difference, and which of them won "
        "says nothing."
    ]
    better = replace(made, trials=(TRIAL, replace(TRIAL, number=1, epochs=(Epoch(1, 0.4, {}, 1.0),))))
    assert not any("made no difference" in line for line in caveats(better))
