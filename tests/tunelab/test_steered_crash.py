"""kill -9 at random moments of a steered, deterministic sweep: the trials are those of an undisturbed one."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from tests.drivers import journal_lines, ray_address, start_driver, wait_until
from tests.fault_toys import FAULT_TOY
from tunelab.records.spec import make_spec
from tunelab.records.trial import TrialStatus
from tunelab.run import run_sweep
from tunelab.search.events import Steered
from tunelab.search.inbox import Command, send
from tunelab.search.journal import read_events
from tunelab.search.replay import replay

KILLS = 10
TRIALS = 30
COMMANDS = (
    Command("stop", {"trial": 4, "epoch": 2}),
    Command("stop", {"trial": 11, "epoch": 5}),
    Command("add", {"params": {"x": 0.31}}, before=8),
    Command("add", {"params": {"x": 0.29}}, before=15),
    Command("concurrency", {"slots": 1}, before=10),
    Command("concurrency", {"slots": 2}, before=14),
    Command("pause", before=18),
    Command("continue", before=18),
    Command("finish", before=26),
)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_ten_kills_of_a_steered_deterministic_sweep_change_nothing(tmp_path: Path) -> None:
    values = {
        "task": FAULT_TOY,
        "task_options": {"pause": 0.01, "checkpoints": True},
        "trials": TRIALS,
        "max_epochs": 9,
        "deterministic": True,
        "concurrency": 2,
        "confirm_top": 0,
        "ensemble": 0,
        "tracking_uri": "off",
    }
    sweeps = tmp_path / "mlruns" / "sweeps"
    for name in ("killed", "undisturbed"):
        (sweeps / name).mkdir(parents=True)
        for command in COMMANDS:
            send(sweeps / name, command)
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    killed = 0
    for _ in range(KILLS):
        wanted = journal_lines(tmp_path, "killed") + rng.randint(0, 25)
        driver = start_driver({**values, "name": "killed"}, tmp_path, address=ray_address())
        wait_until(lambda: journal_lines(tmp_path, "killed") >= wanted, driver)  # noqa: B023 called at once
        driver.join(rng.uniform(0, 0.2))
        driver.kill()
        driver.join()
        killed += driver.exitcode == -signal.SIGKILL
    last = start_driver({"resume": "killed"}, tmp_path, address=ray_address())
    last.join(120)
    assert last.exitcode == 0, (seed, (tmp_path / "stderr.txt").read_text())
    assert killed >= KILLS // 2, seed
    undisturbed = run_sweep(make_spec({**values, "name": "undisturbed"}))
    tables = [
        [
            (t.number, dict(t.params), t.status, [(e.epoch, e.val_loss) for e in t.epochs])
            for t in replay(read_events(sweeps / name)).trials
        ]
        for name in ("killed", "undisturbed")
    ]
    assert tables[0] == tables[1], seed
    assert len(undisturbed.trials) == 26, "finished before trial 26"
    assert undisturbed.stopped == ""
    assert [undisturbed.trials[n].params["x"] for n in (8, 15)] == [0.31, 0.29]
    assert all(undisturbed.trials[n].status is TrialStatus.STOPPED for n in (4, 11))
    noted = [event.id for event in read_events(sweeps / "killed") if isinstance(event, Steered)]
    assert sorted(noted) == sorted(command.id for command in COMMANDS)
