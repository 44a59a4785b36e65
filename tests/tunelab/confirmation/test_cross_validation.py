"""Cross-validation of the leaders: when it is made, what it may see, and that its winner is the sweep's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trainables import Splits, Task, get_task
from tunelab.confirmation.confirm import candidates, choose_winner
from tunelab.confirmation.cross_validation import FOLDS, cross_validate, deal_folds, leaders_to_compare
from tunelab.confirmation.verdict import decide_verdict
from tunelab.launch.local import search_here
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec


@pytest.fixture(scope="module")
def searched() -> tuple[SweepResult, Task, Splits]:
    task = get_task("wine")
    splits = task.load()
    spec = SweepSpec(task="wine", trials=20, max_epochs=4, grace_period=1, space="mlp_small")
    return search_here(spec, task, splits), task, splits


def test_folds_hold_every_row_but_no_test_row_once(searched: tuple[SweepResult, Task, Splits]) -> None:
    data = searched[2].training
    rows = np.concatenate([data.arrays["x_train"], data.arrays["x_val"]])
    folds = list(deal_folds(data, 0))
    held_out = np.concatenate([fold.arrays["x_val"] for fold in folds])
    assert len(folds) == FOLDS
    assert sorted(map(tuple, held_out.tolist())) == sorted(map(tuple, rows.tolist()))
    for fold in folds:
        assert len(fold.arrays["x_train"]) + len(fold.arrays["x_val"]) == len(rows)
        assert set(np.unique(fold.arrays["y_val"])) == {0, 1, 2}  # each fold has its part of each class


def test_few_validation_rows_are_not_trusted_and_many_are(searched: tuple[SweepResult, Task, Splits]) -> None:
    result, task, splits = searched
    cheap = replace(result, trials=tuple(replace(t, max_epochs=1) for t in result.trials))
    assert 2 <= len(leaders_to_compare(cheap, task, splits)) <= 4
    assert leaders_to_compare(replace(cheap, trials=cheap.trials[:19]), task, splits) == []
    by_group = cheap.spec.model_copy(update={"task_options": {"group_column": "a"}})
    assert leaders_to_compare(replace(cheap, spec=by_group), task, splits) == []
    many = replace(splits, validation=replace(splits.validation, targets=np.zeros(500)))
    assert leaders_to_compare(cheap, task, many) == []


def test_the_lowest_mean_over_folds_wins(searched: tuple[SweepResult, Task, Splits]) -> None:
    result, task, splits = searched
    steps: list[str] = []
    ranked = result.ranked()
    found = cross_validate(result, task, splits, [ranked[0], ranked[-1]], steps.append)
    assert steps == ["comparing the best 2 trials by 5-fold cross-validation: there are 29 validation rows"]
    assert found.winner == found.rows[0].trial
    assert [row.mean for row in found.rows] == sorted(row.mean for row in found.rows)
    assert all(len(row.losses) == FOLDS for row in found.rows)
    chosen = replace(result, cross_validation=replace(found, winner=ranked[3].number, rows=found.rows[:0]))
    assert choose_winner(chosen) is ranked[0]
    last = replace(found.rows[0], trial=ranked[-1].number)
    chosen = replace(result, cross_validation=replace(found, winner=last.trial, rows=(last,)))
    assert choose_winner(chosen) is ranked[-1]
    assert candidates(chosen, task, 1)[0] is ranked[-1]


def test_a_confirmation_keeps_the_winner_of_the_folds() -> None:
    losses = {3: [1.0, 1.1, 1.0], 5: [0.9, 0.9, 0.8]}
    assert decide_verdict(losses, {3: None, 5: None}, None, None, 9).winner == 5
    assert decide_verdict(losses, {3: None, 5: None}, None, None, 9, preferred=3).winner == 3
    assert decide_verdict({**losses, 3: [1.0]}, {3: None, 5: None}, None, None, 9, preferred=3).winner == 5
