"""Cross-validation of the leaders: when it is made, what it may see, and that its winner is the sweep's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
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
    short = (replace(t, number=n, epochs=t.epochs[:1], max_epochs=1) for n, t in enumerate(5 * result.trials))
    cheap = replace(result, trials=tuple(short), spec=result.spec.model_copy(update={"deterministic": True}))
    leaders = leaders_to_compare(cheap, task, splits)
    assert len(leaders) == 8
    assert len(leaders_to_compare(replace(cheap, trials=cheap.trials[:30]), task, splits)) == 3  # half the epochs
    of_a_second = tuple(replace(t, epochs=(replace(t.epochs[0], seconds=1.0),)) for t in cheap.trials)
    timed = replace(cheap, trials=of_a_second, spec=result.spec, fit_seconds=80.0, concurrency=2)
    assert len(leaders_to_compare(timed, task, splits)) == 8
    assert len(leaders_to_compare(replace(timed, fit_seconds=50.0), task, splits)) == 5  # half the seconds
    assert leaders == cheap.ranked()[: len(leaders)]
    last = cheap.ranked()[-1].number
    families = replace(
        cheap, trials=tuple(replace(t, config={**t.config, "family": "ab"[t.number == last]}) for t in cheap.trials)
    )
    assert leaders_to_compare(families, task, splits)[-1].number == last  # the best of its family
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


def test_a_mean_of_leaders_wins_where_it_predicts_other_rows_better(
    searched: tuple[SweepResult, Task, Splits], tmp_path: Path
) -> None:
    """Networks that follow the noise of many columns err in different ways."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((160, 30)), columns=[f"x{i}" for i in range(30)])
    frame.assign(y=frame["x0"] + rng.standard_normal(160)).to_csv(tmp_path / "noise.csv", index=False)
    task = get_task("table", data=tmp_path / "noise.csv", target="y")
    result, splits = searched[0], task.load()
    network = {"family": "mlp", "dropout": 0.0, "weight_decay": 0.0, "lr": 0.01, "batch_size": 32}
    leaders = [
        replace(trial, config={**network, "hidden_sizes": [100 + trial.number]}, max_epochs=4)
        for trial in result.ranked()[:4]
    ]
    found = cross_validate(result, task, splits, leaders, lambda line: None)
    weights = [row.weight for row in found.rows]
    assert sum(weights) == pytest.approx(1.0)
    assert sum(weight > 0 for weight in weights) > 1
    assert f"A weighted mean of {sum(weight > 0 for weight in weights)} leaders wins" in found.verdict
    assert SweepResult.from_bytes(replace(result, cross_validation=found).to_bytes()).cross_validation == found
    spec = result.spec.model_copy(update={"ensemble": 0})
    single = cross_validate(replace(result, spec=spec), task, splits, leaders[:2], lambda line: None)
    assert [row.weight for row in single.rows] == [0.0, 0.0]
    assert "weighted mean" not in single.verdict


def test_a_confirmation_keeps_the_winner_of_the_folds() -> None:
    losses = {3: [1.0, 1.1, 1.0], 5: [0.9, 0.9, 0.8]}
    assert decide_verdict(losses, {3: None, 5: None}, None, None, 9).winner == 5
    assert decide_verdict(losses, {3: None, 5: None}, None, None, 9, preferred=3).winner == 3
    assert decide_verdict({**losses, 3: [1.0]}, {3: None, 5: None}, None, None, 9, preferred=3).winner == 5
