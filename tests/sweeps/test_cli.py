"""The command line: bad input is one sentence, exit code 2 and nothing written; data goes to stdout, the rest not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sweeps.cli import main

REFUSED = {
    "sweep wime": "Did you mean 'wine'?",
    "sweep": "Which task?",
    "sweep wine --trials 0": "--trials",
    "sweep wine --max-epochs 0": "--max-epochs",
    "sweep wine --sampler tp": "Did you mean 'tpe'?",
    "sweep wine --scheduler asho": "Did you mean 'asha'?",
    "sweep wine --grace-period 9 --max-epochs 3": "--grace-period 9 is above --max-epochs 3",
    "sweep wine --gpus-per-trial 0.3": "--gpus-per-trial 0.3",
    "sweep wine --gpus-per-trial 1.5": "--gpus-per-trial must be",
    "sweep wine --config missing.yaml": "cannot be read",
    "sweep wine --config broken.yaml": "no valid YAML",
    "sweep wine --config list.yaml": "must hold keys",
    "sweep wine --config unknown.yaml": "Did you mean 'trials'?",
    "sweep wine --tracking-uri ftp://host/x": "no store that can be used",
    "sweep wine --tracking-uri http://127.0.0.1:9": "no MLflow store answers there",
    "sweep wine --tracking-uri sqlite:///no/folder.txt/x.db": "cannot be",
    "sweep wine --set lrr=1": "Did you mean 'lr'?",
    "sweep wine --set lr=7": "must lie between",
    "sweep wine --set lr": "NAME=VALUE",
    "sweep wine --target price": "takes no --target",
    "sweep wine --name ../up": "--name",
    "sweep wine --time-budget soon": "e.g. 10m",
    "sweep wine --space nowhere": "Unknown search space",
    "sweep ./nothing.py": "does not exist",
    "results": "There is no store at sqlite:///",
    "results nothing": "There is no store at sqlite:///",
    "report nothing --tracking-uri sqlite:///typo.db": "There is no store at sqlite:///typo.db",
    "reproduce 0123456789": "There is no store at",
    "ui": "There is no store at",
    "compare nothing": "sweep",
}


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line."""
    monkeypatch.setattr(sys, "argv", ["tunelab", *line.split()])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.mark.parametrize("line", REFUSED)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    line: str, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_folder / "broken.yaml").write_text("trials: [1\n", encoding="utf-8")
    (in_folder / "list.yaml").write_text("- 1\n", encoding="utf-8")
    (in_folder / "unknown.yaml").write_text("trails: 3\n", encoding="utf-8")
    (in_folder / "no").mkdir()
    (in_folder / "no" / "folder.txt").write_text("a file, no folder", encoding="utf-8")
    code, out, err = run(capsys, monkeypatch, line)
    assert code == 2, err
    assert REFUSED[line] in err
    assert "Traceback" not in err
    assert out == ""
    assert not list(in_folder.glob("mlruns/sweeps/*"))
    assert line.startswith("sweep") or not list(in_folder.rglob("*.db"))


def test_an_unwritable_store_is_refused(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_folder / "mlruns").write_text("a file where the folder should be", encoding="utf-8")
    code, _, err = run(capsys, monkeypatch, "sweep wine --trials 1")
    assert code == 2
    assert "cannot be" in err
    assert (in_folder / "mlruns").read_text(encoding="utf-8") == "a file where the folder should be"


def test_tasks_can_be_read_by_programs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run(capsys, monkeypatch, "tasks --json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert {"california_housing", "auto_mpg", "diamonds", "boston_housing", "heart_disease", "wine"} <= set(rows)
    assert rows["california_housing"]["unit"] == "100,000 $"


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_sweep_prints_one_json_object_and_the_same_seed_gives_the_same_table(
    store_uri: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = []
    for name in ("first", "second"):
        options = "--trials 6 --max-epochs 4 --grace-period 1 --concurrency 1 --seed 7 --confirm-top 0 --json"
        code, out, err = run(
            capsys, monkeypatch, f"sweep wine {options} --name {name} --tracking-uri {store_uri} --set batch_size=32"
        )
        assert code == 0, err
        summary = json.loads(out)
        keys = {"sweep", "task", "parent_run_id", "tracking_uri", "concurrency", "wall_seconds", "fit_seconds"}
        assert keys | {"train_seconds", "epochs", "trials", "best"} <= set(summary)
        assert set(summary["trials"]) >= {"finished", "stopped_early", "failed", "diverged"}
        assert {"trial", "run_id", "val_loss", "epoch", "config", "test"} <= set(summary["best"])
        assert "trial   0" in err
        assert "Warning" not in err
        _, out, _ = run(capsys, monkeypatch, f"results {name} --json --tracking-uri {store_uri}")
        records = json.loads(out)["records"]
        assert all(r["config"]["batch_size"] == 32 for r in records)
        tables.append([(r["number"], r["config"], r["status"], [row[:2] for row in r["epochs"]]) for r in records])
    assert tables[0] == tables[1]
