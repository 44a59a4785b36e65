from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.speed.loop import LR, Workload
from benchmarks.speed.packing import PackedTrainer, measure
from trainables.base.training.mlp import MLPTrainer

SMALL = Workload("small", 90, 5, (12, 8), 32)


def test_a_pack_trains_each_network_as_it_would_train_alone() -> None:
    """Without dropout, whose masks are drawn otherwise; with an unequal last batch, rates and widths."""
    data = SMALL.data()
    workloads = [SMALL, replace(SMALL, hidden_sizes=(6, 3)), SMALL]
    rates = [LR, 3 * LR, 10 * LR]
    pack = PackedTrainer(workloads, data, [4, 5, 6])
    alone = [
        MLPTrainer(workload.config(), data, seed, kind="regression", device="cpu")
        for workload, seed in zip(workloads, [4, 5, 6], strict=True)
    ]
    for _ in range(4):
        losses = [trainer.train_epoch(rate) for trainer, rate in zip(alone, rates, strict=True)]
        torch.testing.assert_close(pack.train_epoch(rates).double(), torch.tensor(losses).double(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("mixed", [False, True])
def test_pack_and_lone_networks_are_timed_on_the_same_work(mixed: bool) -> None:
    packed = measure(replace(SMALL, dropout=0.2), 3, 3, mixed=mixed)
    assert packed.networks == 3
    assert min(packed.alone_ms, packed.packed_ms) > 0
    assert packed.quartiles[0] <= packed.ratio <= packed.quartiles[1]
