"""StudySampler: the first is the reference, as far as the space has it."""

from __future__ import annotations

import pytest

from search_spaces import get_space
from trainables import get_task
from tunelab.search.study import StudySampler

TABLES = ("auto_mpg", "boston_housing", "california_housing", "diamonds", "heart_disease", "wine")


@pytest.mark.parametrize("name", TABLES)
def test_the_first_proposal_is_the_reference_in_its_own_space(name: str) -> None:
    task = get_task(name)
    params, config = StudySampler(task.space(), "tpe", 0, reference=task.reference, fixed={}).ask(0)
    assert params == dict(task.reference)
    assert config == task.space().config(task.reference)


@pytest.mark.parametrize("name", TABLES)
def test_what_another_space_does_not_hold_of_the_reference_is_drawn(name: str) -> None:
    task, space = get_task(name), get_space("mlp_extended")
    proposals = StudySampler(space, "tpe", 0, reference=task.reference, fixed={"members": 4})
    params, _ = proposals.ask(0)
    assert params["members"] == 4
    assert params["weight_decay"] == task.reference["weight_decay"]
    own = task.reference["batch_size"]
    assert params["batch_size"] == own if own in (64, 128, 256) else params["batch_size"] != own
