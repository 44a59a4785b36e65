"""What makes sweeps fast, held without a clock: processes, loads, writes and imports are counted."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces import get_space
from tests.toys import TEST_MARK, TOY
from trainables import get_task
from tunelab.records.spec import SweepSpec
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.run import run_sweep
from tunelab.search.sampling.optuna_internals import LEARN_FROM, LEARN_FROM_BEST, SWITCH, BoundedStudy
from tunelab.search.sampling.study import StudySampler
from tunelab.tracking.store import Store

TRIALS = 12
HEAVY = (
    "torch",
    "ray",
    "mlflow",
    "optuna",
    "pandas",
    "sklearn",
    "scipy",
    "numpy",
    "transformers",
    "plotly",
    "matplotlib",
)


def sweep(**settings: Any) -> Any:
    values = {"task": TOY, "trials": TRIALS, "max_epochs": 9, "confirm_top": 0, "tracking_uri": "off", **settings}
    return run_sweep(SweepSpec(**values))


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_trials_share_their_slots_processes_and_tracking_writes_each_trial_once(
    store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: Counter[int] = Counter()
    original = Store.log_trial

    def log_trial(self: Store, *arguments: Any) -> str:
        trial = next(a for a in arguments if hasattr(a, "number"))
        written[trial.number] += 1
        return original(self, *arguments)

    monkeypatch.setattr(Store, "log_trial", log_trial)
    result = sweep(tracking_uri=store_uri, concurrency=2)
    assert len(result.trials) == TRIALS
    assert len({t.worker["pid"] for t in result.trials}) <= 2
    assert written == Counter(range(TRIALS))


COUNTED_TASK = """
from dataclasses import replace
from pathlib import Path

from tests.toys import Toy


def arrived(path):
    with open(path, "a") as file:
        file.write("x")
    return path


class Probe:
    def __reduce__(self):
        return arrived, (str(Path({path!r})),)


class Counted(Toy):
    def load(self, split_seed=0):
        arrived({loads!r})
        splits = super().load(split_seed)
        training = replace(splits.training, facts={{**splits.training.facts, "probe": Probe()}})
        return replace(splits, training=training)
"""


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_data_is_loaded_once_and_reaches_each_worker_once(tmp_path: Path) -> None:
    arrivals, loads, task = tmp_path / "arrivals", tmp_path / "loads", tmp_path / "counted.py"
    task.write_text(COUNTED_TASK.format(path=str(arrivals), loads=str(loads)))
    result = sweep(task=str(task), concurrency=2)
    workers = {t.worker["pid"] for t in result.trials}
    assert len(result.trials) == TRIALS
    assert loads.read_text() == "x"
    assert len(arrivals.read_text()) <= 2 >= len(workers)


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_every_epoch_arrives_though_only_rungs_and_ends_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunelab.search.controller import SearchController

    reports: Counter[int] = Counter()
    original = SearchController.on_report

    def on_report(self: SearchController, number: int, report: Any) -> bool:
        reports[number] += 1
        return original(self, number, report)

    monkeypatch.setattr(SearchController, "on_report", on_report)
    result = sweep(scheduler="none", trials=3, max_epochs=20)
    assert [[e.epoch for e in t.epochs] for t in result.trials] == [list(range(1, 21))] * 3
    assert max(reports.values()) < 10


@pytest.mark.parametrize("arguments", [["--help"], ["tasks"], ["sweep", "--help"]])
def test_the_command_line_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, json\n"
        "from tunelab.cli.main import main\n"
        f"sys.argv = ['tunelab', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stderr)) & set(HEAVY) == set()


def test_launching_loads_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys, tunelab.run, trainables.base.worker.trial_actor; "
        "print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_workers_get_holds_no_test_row() -> None:
    from ray import cloudpickle

    task = get_task(TOY)
    splits = task.load()
    mark = np.float32(TEST_MARK).tobytes()
    assert mark in cloudpickle.dumps(splits.test.open().inputs)
    assert mark not in cloudpickle.dumps((task, splits.training))


def test_a_proposal_looks_at_a_bounded_number_of_trials() -> None:
    import optuna
    from optuna.trial import TrialState, create_trial

    storage = optuna.storages.InMemoryStorage()
    study_id = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE])
    study = BoundedStudy(storage.get_study_name_from_id(study_id), storage)
    domain: dict[str, optuna.distributions.BaseDistribution] = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}
    count = 3 * LEARN_FROM
    for number in range(count):
        state = TrialState.COMPLETE if number % 3 == 0 else TrialState.PRUNED
        study.add_trial(create_trial(state=state, value=float(number), params={"x": 0.5}, distributions=domain))
    shown = study._get_trials(deepcopy=False, use_cache=True)
    numbers = [t.number for t in shown]
    assert len(shown) == LEARN_FROM
    assert numbers == sorted(numbers)
    assert set(range(0, 3 * LEARN_FROM_BEST, 3)) <= set(numbers)  # the best complete ones, though they are the oldest
    assert set(range(count - (LEARN_FROM - LEARN_FROM_BEST), count)) <= set(numbers)
    assert len(study.trials) == count


def test_tpe_itself_looks_at_no_more_trials_however_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with its cache and once past it, for trials under way: all of these count."""
    monkeypatch.setenv(SWITCH, "1")  # whatever the tests run with
    sampler = importlib.import_module("optuna.samplers._tpe.sampler")
    looked_at: list[int] = []

    def split(study: Any, trials: list[Any], n_below: int) -> Any:
        looked_at.append(len(trials))
        return original(study, trials, n_below)

    original = sampler._split_trials
    monkeypatch.setattr(sampler, "_split_trials", split)
    space = get_space("mlp")
    random = StudySampler(space, "random", 0, reference={}, fixed={})
    tpe = StudySampler(space, "tpe", 0, reference={}, fixed={})
    records = []
    for number in range(LEARN_FROM + 50):
        params, config = random.suggest(number)
        epochs = (Epoch(1, float(number), {}, 1.0),)
        records.append(TrialRecord(number, params, config, 0, 1, TrialStatus.STOPPED, epochs))
    tpe.restore(records, [range(len(records) - 3)])
    tpe.suggest(len(records))
    assert set(looked_at) == {LEARN_FROM + 3}
