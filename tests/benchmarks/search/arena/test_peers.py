"""Searches of other libraries in the arena: they repeat, continue what they paused, and are refused where missing."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.methods import PEERS, make_searcher
from benchmarks.search.arena.peers.fidelity import Evaluation, FidelitySearcher
from benchmarks.search.arena.simulate import ArenaTrace, Simulation
from benchmarks.search.arena.tables import read_tables
from benchmarks.search.schedulers import Verdict
from search_spaces import UserError
from tests.benchmarks.search.arena.tiny_tables import EPOCHS, write_taskset

MODULES = {"numpy": "numpy", "syne-tune": "syne_tune", "smac": "smac", "neural-pipeline-search": "neps"}
MISSING = {package for package, module in MODULES.items() if importlib.util.find_spec(module) is None}
PEERS_TO_RUN = [
    pytest.param(name, marks=pytest.mark.skipif(package in MISSING, reason=f"{package} is not installed"))
    for name, (_, package) in PEERS.items()
]
FULL_TRAININGS = 6
BUDGET = FULL_TRAININGS * EPOCHS


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> CurveTask:
    folder = tmp_path_factory.mktemp("tables")
    write_taskset(folder / "taskset")
    return read_tables(folder)["taskset/tiny"]


def simulated(name: str, task: CurveTask, workers: int) -> ArenaTrace:
    simulation = Simulation(task, make_searcher(name, task, 7), workers, BUDGET)
    simulation.run()
    return simulation.trace(name, 0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PEERS_TO_RUN)
def test_peers_search_the_same_way_again(name: str, task: CurveTask) -> None:
    first, second = (simulated(name, task, 3) for _ in range(2))
    assert first.steps == second.steps
    assert (first.epochs, first.trials) == (BUDGET, second.trials)
    assert first.trials > FULL_TRAININGS  # stopping makes room for more
    assert first.regrets(BUDGET)[0] < 0.5


class Halving:
    """Asks for four configurations at 2 epochs, then for the best of them at 4."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, float]] = []
        self.asked = 0

    def ask(self) -> Evaluation:
        self.asked += 1
        if self.asked <= 4:
            return self._at(self.asked - 1, 2)
        if self.asked == 5:
            return self._at(min(self.told, key=lambda told: told[2])[0], 4)
        return self._at(self.asked, 1)

    def tell(self, evaluation: Evaluation, loss: float) -> None:
        self.told.append((evaluation.handle, evaluation.epochs, loss))

    @staticmethod
    def _at(key: int, epochs: int) -> Evaluation:
        params = {"learning_rate": 10.0 ** (-5 + 1.2 * (key % 4)), "one_minus_beta1": 0.1, "l2": 1e-4}
        return Evaluation(key, params, epochs, key)


def test_a_configuration_that_is_asked_for_again_continues_its_trial(task: CurveTask) -> None:
    peer = Halving()
    simulation = Simulation(task, FidelitySearcher(peer, task), 1, 10)
    simulation.run()
    best = min(peer.told[:4], key=lambda told: told[2])[0]
    assert [(key, epochs) for key, epochs, _ in peer.told] == [(0, 2), (1, 2), (2, 2), (3, 2), (best, 4)]
    assert simulation.epochs == 10  # 8 and 2 more of the best
    losses = [loss for _, _, loss in peer.told]
    assert losses[4] < min(losses[:4])


def test_a_search_that_asks_for_a_running_trial_waits_for_it(task: CurveTask) -> None:
    peer = Halving()
    searcher = FidelitySearcher(peer, task)
    first = searcher.next_trial()
    assert first is not None
    peer.asked, peer.told = 4, [(0, 2, 0.5)]  # its next wish is the same configuration at 4 epochs
    assert searcher.next_trial() is None
    assert searcher.next_trial() is None
    assert searcher.report(first.number, 1, 0.5, 1.0) is Verdict.GO
    assert searcher.report(first.number, 2, 0.4, 2.0) is Verdict.PAUSE
    again = searcher.next_trial()
    assert again is not None
    assert again.number == first.number
    assert peer.asked == 5  # not asked while it waited
    assert searcher.report(first.number, 3, 0.3, 3.0) is Verdict.GO


def test_what_is_already_trained_is_answered_at_once(task: CurveTask) -> None:
    peer = Halving()
    searcher = FidelitySearcher(peer, task)
    trial = searcher.next_trial()
    assert trial is not None
    searcher.report(trial.number, 1, 0.5, 1.0)
    searcher.end(trial.number, 2, math.nan, 2.0)  # it diverged: it cannot reach the 4 epochs either
    peer.asked, peer.told = 4, [(0, 2, 0.5)]
    following = searcher.next_trial()
    assert following is not None
    assert following.number != trial.number
    key, epochs, loss = peer.told[-1]
    assert (key, epochs) == (0, 4)
    assert np.isnan(loss)


def test_a_peer_that_is_not_installed_is_refused(task: CurveTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smac", None)
    monkeypatch.setitem(sys.modules, "benchmarks.search.arena.peers.smac", None)
    with pytest.raises(UserError, match="Method 'SMAC3-Hyperband' needs smac, which is not installed"):
        make_searcher("SMAC3-Hyperband", task, 0)


def test_every_peer_belongs_to_a_known_package() -> None:
    assert {package for _, package in PEERS.values()} == set(MODULES)
    assert all(Path(place.partition(":")[0].replace(".", "/") + ".py").is_file() for place, _ in PEERS.values())
