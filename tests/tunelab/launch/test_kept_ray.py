"""The Ray that stays between the sweeps of a process: who ends it, and when."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import tunelab
from search_spaces import UserError
from tunelab.launch import kept_ray


@pytest.fixture
def ends() -> Iterator[list[str]]:
    """Of a Ray that stays, noted when it ends."""
    noted: list[str] = []
    block = ExitStack()
    block.callback(noted.append, "ended")
    with kept_ray.in_use():
        kept_ray.keep_running(block, None)
    yield noted
    tunelab.shutdown()


def test_shutdown_ends_it_once(ends: list[str]) -> None:
    assert ends == []
    tunelab.shutdown()
    tunelab.shutdown()
    assert ends == ["ended"]


def test_a_sweep_that_runs_keeps_it(ends: list[str]) -> None:
    with kept_ray.in_use():
        with pytest.raises(UserError, match="A sweep runs in this process"):
            tunelab.shutdown()
        kept_ray.leave_other("10.0.0.5:6379")
    assert ends == []


def test_another_cluster_takes_its_place(ends: list[str]) -> None:
    kept_ray.leave_other(None)
    assert ends == []
    kept_ray.leave_other("10.0.0.5:6379")
    assert ends == ["ended"]


def test_it_ends_after_a_while_without_a_sweep(ends: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_ray, "IDLE_SECONDS", 0.01)
    with kept_ray.in_use():
        pass
    assert kept_ray._timer is not None
    kept_ray._timer.join(10)
    assert ends == ["ended"]


def test_a_fork_of_the_process_leaves_it_alone(ends: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.getpid()
    with monkeypatch.context() as fork:
        fork.setattr(os, "getpid", lambda: own + 1)
        tunelab.shutdown()
    assert ends == []
