"""Trials that go wrong in every way they can: recorded as what they were, and the sweep continues."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault_toys import FAULT_TOY
from tunelab.records.spec import make_spec
from tunelab.records.trial import TrialStatus
from tunelab.run import run_sweep
from tunelab.tracking.store import Store

pytestmark = pytest.mark.usefixtures("ray_session", "in_folder")

FAULTS = {
    "": (TrialStatus.FINISHED, ""),
    "raise": (TrialStatus.FAILED, "RuntimeError: this configuration cannot be trained"),
    "kill": (TrialStatus.FAILED, "The worker died"),
    "nan": (TrialStatus.DIVERGED, ""),
    "hang": (TrialStatus.FAILED, "The trial hung: no report for 3 seconds."),
    "missing": (TrialStatus.FAILED, "TypeError"),
    "garbage": (TrialStatus.FAILED, "TypeError: fit must yield EpochReport, got dict"),
    "oom": (TrialStatus.FAILED, "CUDA out of memory"),
}


def test_each_fault_is_recorded_as_what_it_was(store_uri: str, capfd: pytest.CaptureFixture[str]) -> None:
    spec = make_spec(
        {
            "task": FAULT_TOY,
            "task_options": {"faults": tuple(FAULTS)},
            "name": "faults",
            "trials": len(FAULTS) + 1,
            "max_epochs": 4,
            "sampler": "random",
            "scheduler": "none",
            "confirm_top": 0,
            "retries": 0,
            "hang_timeout": 3.0,
            "tracking_uri": store_uri,
        }
    )
    result = run_sweep(spec)
    store = Store(store_uri)
    runs = store.children(result.parent_run_id)
    assert result.stopped == ""
    for trial in result.trials:
        fault = str(trial.config["fault"])
        status, error = FAULTS[fault]
        run = runs[trial.number]
        assert trial.status == status, (fault, trial.error)
        assert trial.error.startswith(error), (fault, trial.error)
        assert run.info.status == ("FINISHED" if status == TrialStatus.FINISHED else "FAILED")
        assert run.data.tags["tunelab.status"] == status
        assert float(run.data.params["x"]) == trial.params["x"]
        if status == TrialStatus.FAILED:
            assert f"last words before {fault}" in trial.error, trial.error
            assert store.artifact(trial.run_id, "error.txt").decode() == trial.error
    assert "Lower batch_size" in result.trials[-2].error
    assert capfd.readouterr().out == ""  # stdout belongs to the result


@pytest.mark.slow
def test_a_killed_worker_is_tried_again_from_its_checkpoint(store_uri: str, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    spec = make_spec(
        {
            "task": FAULT_TOY,
            "task_options": {
                "faults": ("kill", ""),
                "once": str(tmp_path / "marks"),
                "checkpoints": True,
                "pause": 0.6,  # longer than between two reports, so that epoch 1 is reported and checkpointed
            },
            "name": "retried",
            "trials": 2,
            "max_epochs": 3,
            "scheduler": "none",
            "confirm_top": 0,
            "tracking_uri": store_uri,
        }
    )
    result = run_sweep(spec)
    assert [t.status for t in result.trials] == [TrialStatus.FINISHED, TrialStatus.FINISHED]
    assert [[e.epoch for e in t.epochs] for t in result.trials] == [[1, 2, 3], [1, 2, 3]]
    journal = (tmp_path / "mlruns" / "sweeps" / "retried" / "journal.jsonl").read_text()
    assert '"event": "restarted", "trial": 0, "epoch": 1' in journal
