"""kill -9 of the driver at random moments, and signals: nothing is lost, nothing is there twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.result import SweepResult
from sweeps.run import run_sweep
from sweeps.spec import make_spec
from sweeps.tracking import Store
from tests.drivers import journal_lines, ray_address, start_driver, wait_until
from tests.fault_toys import FAULT_TOY

KILLS = 10
TRIALS = 30


@pytest.mark.usefixtures("ray_session")
def test_ten_kills_at_random_moments_lose_nothing(make_store_uri: Callable[[Path], str], tmp_path: Path) -> None:
    uri = make_store_uri(tmp_path / "mlruns")
    values = {
        "task": FAULT_TOY,
        "task_options": {"pause": 0.01, "checkpoints": True},
        "name": "killed",
        "trials": TRIALS,
        "max_epochs": 9,
        "sampler": "random",
        "confirm_top": 0,
        "tracking_uri": uri,
    }
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    parents = set()
    for _ in range(KILLS):
        before = journal_lines(tmp_path, "killed")
        events = rng.randint(0, 30)
        driver = start_driver(values, tmp_path, address=ray_address())
        wait_until(lambda: journal_lines(tmp_path, "killed") >= before + events, driver)  # noqa: B023 called at once
        driver.join(rng.uniform(0, 0.2))
        driver.kill()
        driver.join()
        store = Store(uri)
        parents |= {run.info.run_id for run in store.sweeps()}
    last = start_driver(values, tmp_path, address=ray_address())
    last.join(120)
    assert last.exitcode == 0, (seed, (tmp_path / "stderr.txt").read_text())
    assert len(parents) == 1, seed

    (parent,) = parents
    result = Store(uri).load(parent)
    undisturbed = run_sweep(make_spec({**values, "name": "undisturbed", "tracking_uri": "off"}))
    assert configurations(result) == configurations(undisturbed), seed
    assert all(t.has_result for t in result.trials), seed
    assert_whole(result, Store(uri))


def configurations(result: SweepResult) -> list[tuple[int, dict[str, object], int]]:
    return [(t.number, dict(t.config), t.seed) for t in result.trials]


def assert_whole(result: SweepResult, store: Store) -> None:
    """Journal, store and result tell the same; every trial has one run, and every run an end."""
    children = store._search(
        store.client.get_run(result.parent_run_id).info.experiment_id,
        f"tags.`mlflow.parentRunId` = '{result.parent_run_id}'",
    )
    numbers = Counter(int(run.data.tags["tunelab.trial"]) for run in children)
    assert numbers == {trial.number: 1 for trial in result.trials}
    assert {run.info.status for run in children} <= {"FINISHED", "FAILED"}
    assert store.client.get_run(result.parent_run_id).info.status == "FINISHED"
    for trial in result.trials:
        assert [e.epoch for e in trial.epochs] == list(range(1, len(trial.epochs) + 1))
        tracked = store.load_trial(trial.run_id)
        assert [(e.epoch, e.val_loss) for e in tracked.epochs] == [(e.epoch, e.val_loss) for e in trial.epochs]
        assert (tracked.params, tracked.status, tracked.seed) == (trial.params, trial.status, trial.seed)
