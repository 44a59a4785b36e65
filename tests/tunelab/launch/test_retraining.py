"""Training a trial again: the same epochs on any bundled data and in any family, whatever ran before."""

from __future__ import annotations

import pytest
import torch

from tests.toys import Toy
from trainables import get_task
from tunelab.launch.retraining import assignment_for, repeat_trial, retrain_here
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.reproduce import first_difference

BUNDLED = ("auto_mpg", "boston_housing", "california_housing", "diamonds", "heart_disease", "wine", "mnist")
FAMILIES = get_task("wine").space().branches()


@pytest.mark.parametrize(
    ("name", "family"), [*((name, None) for name in BUNDLED), *(("auto_mpg", family) for family in FAMILIES)]
)
def test_each_bundled_task_and_family_trains_the_same_again_whatever_ran_before(name: str, family: str | None) -> None:
    task = get_task(name)
    data = task.load().training
    record = TrialRecord(
        number=1,
        params={},
        config=task.space().config({**task.reference, **({} if family is None else {"family": family})}),
        seed=7,
        max_epochs=task.facts.max_epochs,
        status=TrialStatus.STOPPED,
        epochs=(Epoch(2, 0.0, {}, 0.0),),  # stopped after two epochs of its budget
        worker={"threads": 1, "device": "cpu"},
    )
    first = repeat_trial(record, task, data)
    torch.manual_seed(99)
    torch.rand(1000)
    again = repeat_trial(first, task, data)
    assert len(first.epochs) == 2
    assert first_difference(first.epochs, again.epochs) is None


def test_time_that_is_over_ends_the_trial_that_runs_and_begins_no_other() -> None:
    task = Toy(pause=0.02)
    configs = [TrialRecord(n, {}, {"x": 0.5}, 0, epochs, TrialStatus.RUNNING) for n, epochs in enumerate((3, 10**6, 3))]
    assignments = [assignment_for(one, one.number, 0) for one in configs]
    runs = retrain_here(assignments, task, task.load().training, seconds=2.0)
    assert [run.status for run in runs] == [TrialStatus.FINISHED, TrialStatus.STOPPED, TrialStatus.RUNNING]
    assert len(runs[0].epochs) == 3
    assert len(runs[1].epochs) > 0
    assert runs[2].epochs == ()
