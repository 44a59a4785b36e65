"""What a sweep shows on a terminal: whole numbers at any width, and a time left that is not a wish."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from search_spaces import UserError
from trainables import get_task
from tunelab.cli.output.tables import make_table
from tunelab.display.display import Lines, headline
from tunelab.display.live_table import LiveTable, Progress, draw_trials
from tunelab.records.spec import make_spec
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.setup.resolve import resolve_sweep
from tunelab.system.terminal import cells

CONFIG = {"hidden_sizes": [128, 64, 32], "dropout": 0.123, "lr": 1.23e-4, "weight_decay": 4.442e-05, "batch_size": 64}


def record(number: int, status: str, *, ended: float = 0.0, error: str = "") -> TrialRecord:
    epochs = () if status == "failed" else (Epoch(7, 1.2345e-5, {}, 1.0),)
    return TrialRecord(number, {}, CONFIG, 0, 9, TrialStatus(status), epochs, ended=ended, error=error)


def lines_at(width: int, *tables: object) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(*tables, sep="\n")
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_live_table_fits_and_cuts_no_number(width: int) -> None:
    trials = [record(n, "running" if n > 20 else "stopped_early") for n in range(60)]
    shown = lines_at(width, draw_trials(trials, width, 24))
    assert len(shown) <= 24
    assert max(map(len, shown)) <= width
    assert [line.split()[:2] for line in shown if "★" in line] == [["★", "0"]]  # the best one
    rows = [line.replace("★", "").split() for line in shown[3:] if line.strip()]
    assert sum(row[1] == "running" for row in rows) >= 10
    assert sum(row[1:3] == ["stopped", "early"] for row in rows) == 5
    figures = {"1.234e-05"} if width >= 50 else set()
    for row in rows:
        assert figures <= set(row)
        assert ("hidden_sizes=128-64-32" in row) == (width == 120)
    assert any("hidden_sizes=1" in line for line in shown) == (width >= 80)


def test_nothing_of_the_live_table_stays_behind_ctrl_c() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, highlight=False, width=80, height=24)
    table = LiveTable(console)
    table.begin(["what runs"], 60)
    table.progress([record(n, "running" if n > 20 else "stopped_early") for n in range(60)])
    frame = screen.getvalue().partition("what runs\n")[2].split("\n")
    assert len(frame) < 24
    assert re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", frame[-1]) == ""  # a full line would be wrapped by what is typed
    table.close()


def test_the_live_table_shows_the_score_of_the_epoch_whose_loss_it_shows() -> None:
    epochs = (Epoch(1, 0.25, {"val_rmse": 3.5}, 1.0), Epoch(2, 0.75, {"val_rmse": 6.5}, 2.0))
    trial = TrialRecord(4, {}, CONFIG, 0, 9, TrialStatus.RUNNING, epochs)
    rows = [line.split() for line in lines_at(120, draw_trials([trial], 120, 24, "val_rmse")) if "running" in line]
    assert [row[:5] for row in rows] == [["4", "running", "2", "3.500", "0.2500"]]


@pytest.mark.parametrize("width", [40, 80, 120, 10_000])
def test_a_table_leaves_columns_out_and_breaks_no_word(width: int) -> None:
    header = ["trial", "status", "val_loss", *CONFIG, "run id"]
    rows = [[n, "stopped early", 0.1997, 3, 0.01489, 0.009863, 4.442e-05, 64, f"25006{n}fa"] for n in (101, 102)]
    table, left_out = make_table(header, rows, width, drop_first=["run id", *reversed(CONFIG)])
    shown = lines_at(width, table)
    assert max(map(len, shown)) <= width
    assert len(shown) == 2 + len(rows), "one line a row"
    named = "  ".join(shown[:1]).split("   ")
    assert [name.strip() for name in named if name.strip()] == [name for name in header if name not in left_out]
    assert any("stopped early" in line for line in shown)
    assert (left_out == []) == (width > 110)
    assert left_out == header[len(header) - len(left_out) :]


def test_paths_that_differ_at_their_ends_are_told_apart_where_they_do_not_fit() -> None:
    folder = "/home/사용자/projects/search/mlruns/sweeps"
    header = ["of", "what", "size", "where"]
    whats = ("weights of losers", "old checkpoint")
    paths = [f"{folder}/wine-{n}/weights/trial-{t:05}.safetensors" for n in range(2) for t in range(3)]
    rows = [[f"wine-{i // 3}", whats[i % 2], "12 MB", path] for i, path in enumerate(paths)]
    for width in (50, 80, 120):
        table, left_out = make_table(header, rows, width, drop_first=["what"], cut="where")
        shown = lines_at(width, table)
        assert max(map(cells, shown)) <= width
        assert len({*shown[2:]}) == len(rows), "one line a row, and no two alike"
        assert left_out == ([] if width > 50 else ["what"])
    table, _ = make_table(header, rows, 10_000, drop_first=["what"], cut="where")
    assert all(path in "".join(lines_at(200, table)) for path in paths)


def test_time_left_counts_what_ended_since_the_search_began() -> None:
    before = [record(n, "finished", ended=10.0) for n in range(10)]
    now = [record(n, "finished", ended=1010.0) for n in range(10, 12)]
    progress = Progress(total=20, began=1000.0)
    assert progress.text(before, 1020.0) == "10/20 trials, 0:20 spent, ? left"
    assert progress.text(before + now, 1020.0) == "12/20 trials, 0:20 spent, 1:20 left"
    assert "0:40 left" in Progress(20, 1000.0, budget=60.0).text(before + now, 1020.0)
    assert progress.text([record(0, "failed", ended=1010.0)], 1020.0).endswith("1 failed")


def test_what_failed_trials_say_is_shown_once_and_without_their_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    failed = [record(n, "failed", error="ValueError: no such column\n\ntrace") for n in range(3)]
    lines.progress(failed[:2])
    lines.progress([*failed, record(3, "failed", error="KeyError: 'lr'")])
    err = capsys.readouterr().err
    assert len(re.findall(r"trial   \d  failed", err)) == 4
    assert re.findall(r"^  (.*)$", err, re.MULTILINE) == ["ValueError: no such column", "KeyError: 'lr'"]


def test_the_headline_says_when_a_trial_can_be_stopped_and_what_lowered_that(store_uri: str) -> None:
    task = get_task("wine")
    splits = task.load()

    def shown(**given: object) -> str:
        spec = resolve_sweep(make_spec({"task": "wine", "tracking_uri": store_uri, **given})).spec
        return "\n".join(headline(spec, task, splits, 2))

    assert "300 epochs" in shown()
    assert "A trial can be stopped early after 17 epochs." in shown()
    lowered = "With --max-epochs 4 no trial is stopped early: the grace period is 17 epochs otherwise."
    assert lowered in shown(max_epochs=4)
    assert "A trial can be stopped early after 2 epochs." in shown(max_epochs=4, grace_period=2)
    assert "No trial is stopped early: the grace period" in shown(max_epochs=40, grace_period=40)
    assert "stopped early" not in shown(max_epochs=4, scheduler="none")
    with pytest.raises(UserError, match="--grace-period 5 is above --max-epochs 4"):
        shown(max_epochs=4, grace_period=5)
