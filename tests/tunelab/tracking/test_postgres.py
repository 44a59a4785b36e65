"""An MLflow server on PostgreSQL with proxied artifacts: many writers at once lose nothing.

Starts Debian's postgresql in a folder of its own; skipped where it is not installed. ``TUNELAB_POSTGRES_RUNS`` says how
many runs are written in all (32).
"""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.drivers import PRELOADED
from tests.results import made_up_result
from tests.toys import Toy
from tests.tunelab.tracking.test_tracking_faults import Server
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.journal import Journal
from tunelab.tracking.queue import TrackingQueue
from tunelab.tracking.store import Store

pytestmark = pytest.mark.slow

WRITERS = 8
RUNS = int(os.environ.get("TUNELAB_POSTGRES_RUNS", "32"))


@pytest.fixture(scope="module")
def database_uri() -> Iterator[str]:
    """A PostgreSQL of this test's own, on loopback."""
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed (the extra 'postgres')")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("Debian's postgresql is not installed")
    programs = found[-1].parent
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, log = folder / "data", folder / "log"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    as_user = {"user": user, "cwd": folder, "check": True, "capture_output": True}
    subprocess.run([programs / "initdb", "-D", data, "-U", "mlflow", "--auth=trust"], **as_user)  # type: ignore[call-overload]
    subprocess.run([programs / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"], **as_user)  # type: ignore[call-overload]
    try:
        yield f"postgresql+psycopg2://mlflow:secret@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **as_user)  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)


def test_eight_writers_at_once_lose_nothing(database_uri: str, tmp_path: Path) -> None:
    server = Server(database_uri, tmp_path)
    try:
        server.wait()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        writers = [
            context.Process(target=write, args=(server.uri, tmp_path, index, RUNS // WRITERS))
            for index in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0] * WRITERS
        store = Store(server.uri)
        sweeps = store.sweeps()
        assert len(sweeps) == WRITERS
        for sweep in sweeps:
            result = store.load(sweep.info.run_id)  # an artifact, through the server
            children = store.children(sweep.info.run_id)
            assert Counter(run.info.status for run in children.values()) == {"FINISHED": RUNS // WRITERS}
            assert sorted(children) == list(range(RUNS // WRITERS))
            last = store.load_trial(children[len(children) - 1].info.run_id)
            assert [e.val_loss for e in last.epochs] == [e.val_loss for e in result.trials[-1].epochs]
        assert (tmp_path / "served").is_dir()
        assert "secret" not in "".join(str(run.data.tags) for run in sweeps)
    finally:
        server.kill()


def write(uri: str, folder: Path, index: int, count: int) -> None:
    """One of the writers: a sweep's worth of trials, as the launcher hands them over."""
    store = Store(uri)
    trials = tuple(made_up(number) for number in range(count))
    result = made_up_result(trials, Toy.facts, f"writer-{index}", uri)
    parent = store.start_sweep(result, result.name, print)
    home = folder / result.name
    home.mkdir()
    journal = Journal(home)
    result = replace(result, parent_run_id=parent)
    writer = TrackingQueue(lambda: (store, result), journal)
    for trial in trials:
        writer.ended(trial)
    delivery = writer.finish(60.0)
    assert delivery.undelivered == 0, delivery.error
    store.log_sweep(result)
    store.end_sweep(parent, "FINISHED")


def made_up(number: int) -> TrialRecord:
    epochs = tuple(Epoch(epoch, 1 / (epoch + number), {"train_loss": 0.5}, 0.1 * epoch) for epoch in range(1, 6))
    values = {"x": number / 7}
    return TrialRecord(number, values, values, number, 5, TrialStatus.FINISHED, epochs, 1.8e9, 1.8e9 + 1)
