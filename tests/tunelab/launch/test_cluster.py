"""Past one machine: three Ray nodes in processes of their own, and GPUs as Ray assigns them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drivers import journal_lines, start_driver, wait_until
from tests.fault_toys import FAULT_TOY
from tunelab.launch.ray_import import import_ray

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(ray_session: None) -> Iterator[Any]:
    import_ray()
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.mark.parametrize("pause", [0.1, 0.4])  # Ray notices in two seconds: when actors are idle, or in the middle
def test_a_sweep_outlives_a_node(cluster: Any, store_uri: str, tmp_path: Path, pause: float) -> None:
    from tests.tunelab.test_crash import assert_whole
    from tunelab.tracking.store import Store

    values = {
        "task": FAULT_TOY,
        "task_options": {"pause": pause, "checkpoints": True},
        "name": "spread",
        "trials": 12,
        "max_epochs": 5,
        "sampler": "random",
        "scheduler": "none",
        "confirm_top": 0,
        "tracking_uri": store_uri,
        "storage": str(tmp_path / "shared"),
    }
    driver = start_driver(values, tmp_path, address=cluster.address)
    reporting = 3 + 2 * 3  # all actors have proposed and reported
    assert wait_until(lambda: journal_lines(tmp_path, "spread") > reporting, driver), driver.exitcode
    cluster.remove_node(sorted(cluster.worker_nodes, key=str)[-1], allow_graceful=False)
    driver.join(180)
    assert driver.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    store = Store(store_uri)
    (parent,) = store.sweeps()
    result = store.load(parent.info.run_id)
    assert result.concurrency == 3
    assert [len(trial.epochs) for trial in result.ranked()] == [5] * 12
    assert_whole(result, store)


def test_workers_of_a_cluster_run_the_code_of_the_driver(cluster: Any, tmp_path: Path) -> None:
    task = tmp_path / "mine.py"
    task.write_text(TASK_THAT_NOTES_ITS_CODE.format(notes=str(tmp_path)))
    values = {"task": str(task), "name": "code", "trials": 3, "max_epochs": 1, "confirm_top": 0, "tracking_uri": "off"}
    driver = start_driver(values, tmp_path, address=cluster.address)
    driver.join(180)
    assert driver.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    notes = {path.name: path.read_text() for path in tmp_path.glob("note-*")}
    assert notes
    assert f"note-{driver.pid}" not in notes  # the winner's weights are kept: nothing trains once more
    assert all("py_modules" in place for place in notes.values()), notes


TASK_THAT_NOTES_ITS_CODE = """
import os
from pathlib import Path

from tests.toys import Toy


class Mine(Toy):
    def fit(self, *arguments, **options):
        import trainables

        (Path({notes!r}) / f"note-{{os.getpid()}}").write_text(trainables.__path__[0])
        return super().fit(*arguments, **options)
"""


def test_eight_trials_share_two_gpus_as_ray_assigns_them(tmp_path: Path) -> None:
    """Two logical GPUs: Ray counts and assigns them; this machine need not have any."""
    import_ray()
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 8, "num_gpus": 2, "include_dashboard": False})
    try:
        values = {
            "task": FAULT_TOY,
            "task_options": {
                "pause": 45,
                "devices": str(tmp_path / "devices"),
            },  # longer than all take to start
            "name": "packed",
            "trials": 8,
            "max_epochs": 1,
            "cpus_per_trial": 0.5,
            "gpus_per_trial": 0.25,
            "confirm_top": 0,
            "tracking_uri": "off",
        }
        driver = start_driver(values, tmp_path, address=nodes.address)
        driver.join(240)
    finally:
        nodes.shutdown()
    assert driver.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    notes = [json.loads(path.read_text()) for path in sorted((tmp_path / "devices").iterdir())]
    workers = [(pid, device) for pid, device in notes if pid != driver.pid]
    assert Counter(device for _, device in workers) == {"0": 4, "1": 4}
    assert len({pid for pid, _ in workers}) == 8
