"""What a whole sweep prints: one JSON object on stdout, the rest on stderr; the same seed gives the same trials."""

from __future__ import annotations

import json

import pytest

from tests.tunelab.cli.test_cli import run
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_sweep_prints_one_json_object_and_the_same_seed_gives_the_same_table(
    store_uri: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = "--trials 6 --max-epochs 4 --grace-period 1 --concurrency 1 --seed 7 --confirm-top 0 --json"
    code, out, err = run(
        capsys,
        monkeypatch,
        f"sweep wine {options} --name first --tracking-uri {store_uri} --set batch_size=32 --set family=mlp",
    )
    assert code == 0, err
    summary = json.loads(out)
    keys = {"sweep", "task", "parent_run_id", "tracking_uri", "concurrency", "wall_seconds", "fit_seconds"}
    assert keys | {"train_seconds", "epochs", "trials", "best"} <= set(summary)
    assert set(summary["trials"]) >= {"finished", "stopped_early", "failed", "diverged"}
    assert {"trial", "run_id", "val_loss", "epoch", "config", "test"} <= set(summary["best"])
    assert "trial   0" in err
    assert "Warning" not in err
    _, out, _ = run(capsys, monkeypatch, f"results first --json --tracking-uri {store_uri}")
    records = json.loads(out)["records"]
    assert all(r["config"]["batch_size"] == 32 for r in records)
    same = {
        "trials": 6,
        "max_epochs": 4,
        "grace_period": 1,
        "concurrency": 1,
        "seed": 7,
        "set": {"batch_size": 32, "family": "mlp"},
    }
    second = run_sweep(make_spec({"task": "wine", "confirm_top": 0, "tracking_uri": "off", **same}))
    assert [(r["number"], r["config"], r["status"], [row[:2] for row in r["epochs"]]) for r in records] == [
        (t.number, t.config, t.status, [[e.epoch, e.val_loss] for e in t.epochs]) for t in second.trials
    ]
