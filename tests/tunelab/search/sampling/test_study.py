"""StudySampler: the first is the reference, as far as the space has it."""

from __future__ import annotations

from functools import partial

import pytest

from search_spaces import get_space
from trainables import get_task
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.sampling.study import StudySampler

TABLES = ("auto_mpg", "boston_housing", "california_housing", "diamonds", "heart_disease", "wine")


@pytest.mark.parametrize("name", TABLES)
def test_the_first_proposal_is_the_reference_in_its_own_space(name: str) -> None:
    task = get_task(name)
    params, config = StudySampler(task.space(), "tpe", 0, reference=task.reference, fixed={}).suggest(0)
    assert params.items() <= task.reference.items()
    assert config == task.space().config(task.reference)


def test_each_branch_gets_its_reference_and_its_turns() -> None:
    task = get_task("california_housing")
    families = ("mlp", "boosting", "neighbours", "embedded")
    study = StudySampler(task.space(), "tpe", 0, reference=task.reference, fixed={})
    asked = []
    for number in range(40):
        params, config = study.suggest(number)
        asked.append(params["family"])
        loss = 0.1 if params["family"] == "mlp" else 1.0  # the sampler would draw mlp alone
        epochs = (Epoch(1, loss, {}, 0.0),)
        study.tell(TrialRecord(number, params, config, 0, 1, TrialStatus.FINISHED, epochs))
        if number < study.references:
            assert config == task.space().config({**task.reference, "family": families[number]})
    assert study.references == 4
    assert asked[:12] == list(families) * 3
    later = asked[12:]
    assert all(later.count(family) >= 1 for family in families)
    assert later.count("mlp") > len(later) / 2
    assert [asked[n] for n in range(4, 40, 4)][2:] == [families[n % 4] for n in range(2, 9)]


def test_a_fixed_branch_has_no_turns() -> None:
    task = get_task("california_housing")
    study = StudySampler(task.space(), "tpe", 0, reference=task.reference, fixed={"family": "boosting"})
    assert study.references == 1
    _, config = study.suggest(0)
    assert config == task.space().config({**task.reference, "family": "boosting"})
    assert {study.suggest(n)[0]["family"] for n in range(1, 6)} == {"boosting"}


def test_lightgbms_own_defaults_are_among_the_first_trials_of_a_table() -> None:
    task = get_task("california_housing")
    sampler = partial(
        StudySampler, sampler="tpe", seed=0, reference=task.reference, further_references=task.further_references
    )
    study = sampler(task.space(), fixed={})
    configs = [study.suggest(number)[1] for number in range(study.references)]
    assert [config["family"] for config in configs] == ["mlp", "boosting", "boosting", "neighbours", "embedded"]
    assert configs[2] == {
        **{"family": "boosting", "learning_rate": 0.1, "num_leaves": 31, "min_data_in_leaf": 20},
        **{"feature_fraction": 1.0, "bagging_fraction": 1.0, "lambda_l2": 0.0},
    }
    alone = sampler(task.space(), fixed={"family": "boosting", "num_leaves": 7})
    assert [alone.suggest(number)[1]["learning_rate"] for number in range(alone.references)] == [0.05, 0.1]
    assert alone.suggest(2)[1]["num_leaves"] == 7
    for space, fixed in ((task.space(), {"family": "mlp"}), (get_space("mlp"), {})):
        assert sampler(space, fixed=fixed).references == 1


@pytest.mark.parametrize("name", TABLES)
def test_what_another_space_does_not_hold_of_the_reference_is_drawn(name: str) -> None:
    task, space = get_task(name), get_space("mlp")
    proposals = StudySampler(space, "tpe", 0, reference=task.reference, fixed={"n_layers": 4})
    params, _ = proposals.suggest(0)
    assert params["n_layers"] == 4
    assert "width_4" in params
    assert params["weight_decay"] == task.reference["weight_decay"]
    own = task.reference["batch_size"]
    assert params["batch_size"] == own if own in (64, 128, 256, 512) else params["batch_size"] != own
