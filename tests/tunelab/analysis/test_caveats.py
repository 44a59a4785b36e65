"""Sentences about how far a result can be trusted."""

from __future__ import annotations

from dataclasses import replace

from tests.results import made_up_result
from trainables import get_task
from tunelab.analysis.caveats import caveats
from tunelab.records.assessment.evaluation import ClassificationTables, ClassScores, Evaluation
from tunelab.records.best import Best
from tunelab.records.result import TIME_BUDGET
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus

TRIAL = TrialRecord(0, {}, {}, 0, 9, TrialStatus.STOPPED, (Epoch(1, 0.5, {}, 1.0),))


def test_a_winner_that_never_says_yes_is_named() -> None:
    classes = (ClassScores("ok", 0.9, 1.0, 0.95, 90), ClassScores("fraud", 0.0, 0.0, 0.0, 10))
    result = made_up_result([TRIAL], get_task("heart_disease").facts)
    blind = replace(
        result, evaluation=Evaluation(classification=ClassificationTables(classes, 0.0, ((90, 0), (10, 0))))
    )
    assert "Warning: the winner never predicts 'fraud', which 10 test rows are." in caveats(blind)
    seeing = replace(
        result, evaluation=Evaluation(classification=ClassificationTables(classes, 0.0, ((90, 0), (9, 1))))
    )
    assert not any("never predicts" in line for line in caveats(seeing))


def test_a_result_of_a_search_that_the_time_budget_cut_says_so() -> None:
    result = replace(made_up_result([TRIAL], get_task("wine").facts), stopped=TIME_BUDGET, best=Best.from_trial(TRIAL))
    result = replace(result, spec=result.spec.model_copy(update={"grace_period": 2, "scheduler": "asha"}))
    assert any("before trial 0 did: the best epoch so far counts" in line for line in caveats(result))
    at_a_rung = replace(result, spec=result.spec.model_copy(update={"grace_period": 1}))
    assert not any("so far" in line for line in caveats(at_a_rung))
    whole = replace(result, trials=(replace(TRIAL, status=TrialStatus.FINISHED),))
    assert not any("so far" in line for line in caveats(whole))


def test_few_validation_rows_are_said_to_decide_little() -> None:
    result = replace(made_up_result([TRIAL], get_task("wine").facts), best=Best.from_trial(TRIAL))
    few = replace(result, data=replace(result.data, validation_rows=5, test_rows=6))
    assert any("the validation split has 5 rows and the test split 6. With so few" in line for line in caveats(few))
    enough = replace(result, data=replace(result.data, validation_rows=20, test_rows=6))
    assert not any("With so few" in line for line in caveats(enough))
    generator = replace(few, facts=get_task("mnist_gan").facts)
    assert not any("With so few" in line for line in caveats(generator))
