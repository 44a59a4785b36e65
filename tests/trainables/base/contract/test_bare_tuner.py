"""A task trains in a ``Tuner`` of Ray that knows nothing of tunelab."""

from __future__ import annotations

import pytest

import trainables
from trainables import shipped_tasks
from trainables.base.contract.conformance import check_task


@pytest.mark.usefixtures("ray_session")
def test_a_task_trains_in_a_bare_tuner() -> None:
    results = check_task(trainables.get_task("wine"), shipped_tasks(), ray=True)
    assert {result.name: result.fault for result in results if result.fault is not None} == {}
