"""Other arithmetic than float32 and eager: bfloat16 products, compiled networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from search_spaces import UserError
from trainables import get_task
from trainables.base.training.compute import Compute, active, cpu_threads
from trainables.base.worker.assignment import TrialAssignment
from trainables.base.worker.trial import run_trial
from tunelab.records.spec import make_spec
from tunelab.records.trial import Epoch
from tunelab.setup.resolve import resolve_sweep

NETWORKS: dict[str, tuple[str, str | None, Mapping[str, Any]]] = {
    "perceptron": ("auto_mpg", None, {}),
    "embeddings": ("auto_mpg", None, {"family": "embedded"}),
    "neighbours": ("auto_mpg", None, {"family": "neighbours"}),
    "convolutions": ("mnist", None, {"family": "cnn", "batch_norm": True, "batch_size": 128}),
}
SLOW = [pytest.param("convolutions", marks=pytest.mark.slow)]  # CPUs without bfloat16 instructions take minutes


def curve(network: str, compute: Compute) -> list[tuple[int, float]]:
    """Epoch and validation loss of a short trial."""
    name, space_name, given = NETWORKS[network]
    task = get_task(name)
    space = task.space(space_name)
    smallest = {name: getattr(d, "low", None) or d.to_external_repr(0.0) for name, d in space.distributions().items()}
    plan = TrialAssignment(0, space.config({**smallest, **given}), 3, 2, compute=compute)
    reports = list(run_trial(task, task.load().training, plan))
    assert reports[-1].outcome == "finished", reports[-1].error
    assert Compute.from_worker(reports[-1].worker) == compute
    return [(e.epoch, e.val_loss) for report in reports for e in map(Epoch.from_row, report.rows)]


def test_a_configuration_ends_with_its_block() -> None:
    with cpu_threads(3):
        with Compute(threads=2, bf16=True).active():
            assert (torch.get_num_threads(), torch.is_autocast_enabled("cpu"), active().bf16) == (2, True, True)
            with Compute(threads=4).active():
                assert torch.get_num_threads() == 4
            assert torch.get_num_threads() == 2
        assert (torch.get_num_threads(), torch.is_autocast_enabled("cpu"), active().bf16) == (3, False, False)
        with pytest.raises(ValueError, match="training"), Compute(threads=2).active():
            raise ValueError("training")
        assert torch.get_num_threads() == 3


def test_what_runs_after_a_trial_computes_as_before_it() -> None:
    with cpu_threads(3):
        curve("perceptron", Compute(threads=2))
        assert torch.get_num_threads() == 3


@pytest.mark.parametrize("network", ["perceptron", "embeddings", "neighbours", *SLOW])
def test_bfloat16_is_close_and_repeats(network: str) -> None:
    plain, half = curve(network, Compute()), curve(network, Compute(bf16=True))
    assert half != plain
    assert half[-1][1] == pytest.approx(plain[-1][1], rel=0.1)
    assert half == curve(network, Compute(bf16=True))
    assert curve(network, Compute()) == plain, "nothing stays behind"
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_a_compiled_network_learns_what_the_eager_one_does(network: str) -> None:
    plain, compiled = curve(network, Compute()), curve(network, Compute(compiled=True))
    assert all(math.isclose(a, b, rel_tol=1e-3) for (_, a), (_, b) in zip(plain, compiled, strict=True))


def test_compiling_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch, store_uri: str) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"--compile: torch\.compile needs"):
        resolve_sweep(make_spec({"task": "wine", "compile": True, "tracking_uri": store_uri}))
