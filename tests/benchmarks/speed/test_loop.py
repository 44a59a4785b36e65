"""The comparison of training loops."""

from __future__ import annotations

import pytest
import torch

from benchmarks.speed import loop
from trainables.base.training.compute import cpu_threads


def test_every_way_is_timed_with_the_threads_asked_for_and_these_are_restored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []

    def measure(*arguments: object) -> list[loop.Timing]:
        seen.append(torch.get_num_threads())
        return real(*arguments)  # type: ignore[arg-type]

    real = loop.measure
    monkeypatch.setattr(loop, "measure", measure)
    monkeypatch.setattr(loop, "WORKLOADS", (loop.Workload("tiny", 64, 3, (4,), 32),))
    with cpu_threads(3):
        loop.main(["--rounds", "3", "--threads", "2"])
        assert torch.get_num_threads() == 3
    assert seen == [2]
    assert capsys.readouterr().out.count("ratio") == 4
