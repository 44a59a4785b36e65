"""The speed benchmark's figures: ratios within rounds, who is left out, and the page that shows them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.harness.provenance import provenance
from benchmarks.speed.contest import CONTESTANTS, OURS, Run, competitors, rank_competitors
from benchmarks.speed.control import WINDOW, Control, by_window
from benchmarks.speed.peers.outcome import Outcome
from benchmarks.speed.processes import Cost, run_measured
from benchmarks.speed.report import NAME_LETTERS, make_speed_document
from benchmarks.speed.run import Request, Results
from benchmarks.speed.work import SPACE, make_work, read_work
from search_spaces import UserError
from tests.korean import english
from trainables import get_task
from tunelab.documents.blocks import Figure, Items
from tunelab.documents.html import to_html

REQUEST = Request(
    tasks=("california_housing",),
    trials=(8,),
    max_epochs=27,
    rounds=2,
    competitors=(),
    concurrency=2,
    device="cpu",
    control_trials=300,
    loop_rounds=0,
)


def made_up_runs() -> list[Run]:
    runs = []
    for number, busy in enumerate((1.0, 3.0)):  # the second round on a machine three times as busy
        for competitor, wall in zip(CONTESTANTS[:3], (10.0, 8.0, 5.0), strict=True):
            cost = Cost(wall * busy, {"driver": 4.0, "worker": 6.0}, {"driver": 1, "worker": 2}, 0, "")
            outcome = Outcome(
                epochs=100, trials=8, best=0.2, train_seconds=6.0 * busy, fit_seconds=4.0 * busy, first_epoch=1003.0
            )
            runs.append(Run(competitor, number, cost, outcome, started=1000.0))
    return runs


def test_ratios_are_taken_within_a_round() -> None:
    table = {s.competitor.key: s for s in rank_competitors(made_up_runs(), concurrency=2)}
    assert list(table) == ["floor", "untracked", "tracked"]
    assert table["floor"].ratio == table["floor"].epoch_ratio == 0.5
    assert table["floor"].spread == (0.5, 0.5)
    assert table["tracked"].ratio == 1.0
    assert table["tracked"].start_seconds == 3.0
    assert table["tracked"].efficiency == 0.75
    assert table["tracked"].processes == 3


def test_the_page_shows_contest_and_control(monkeypatch: pytest.MonkeyPatch) -> None:
    control = Control(300, True, (20.0, 21.0), (12.0, 12.5), 15.0, 13.0, 14.0)
    results = Results(
        REQUEST, {("california_housing", 8): made_up_runs()}, controls=[control], lock={"provenance": provenance()}
    )
    document = make_speed_document(results)
    html = to_html(document)
    assert OURS.title in html
    assert "Pure training".lower() in html.lower()
    assert "kB/trial" in html
    (found,) = [block for block in document.sections[0].blocks if isinstance(block, Items)]
    assert found.texts[0].startswith("california_housing, 8 trials: 0.500 times the wall time of tunelab (")
    figures = [block for section in document.sections for block in section.blocks if isinstance(block, Figure)]
    (walls,) = [figure for figure in figures if figure.caption == "Wall time of each round."]
    lines = [line for trace in walls.data for name in trace["y"] for line in name.split("\n")]
    assert max(map(len, lines)) <= NAME_LETTERS  # else a phone cuts the names off
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    assert english(make_speed_document(results)) == []


def test_contestants_are_known_or_refused_and_missing_ones_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "syne" not in [c.key for c in competitors((), said.append)]
    assert "syne_tune is not installed" in said[0]
    with pytest.raises(UserError, match="unknown 'optima'"):
        competitors(("optima",), said.append)


def test_the_work_is_the_list_that_a_random_sweep_proposes(tmp_path: Path) -> None:
    work = make_work("auto_mpg", 5, 9, 2, "cpu")
    data = get_task("auto_mpg").load().training
    work.write(tmp_path, data)
    again, arrays = read_work(tmp_path)
    assert again == work
    assert arrays.digest == data.digest
    assert {name: a.tolist() for name, a in arrays.arrays.items()} == {n: a.tolist() for n, a in data.arrays.items()}
    assert get_task("auto_mpg").space(SPACE).config(work.params[3]) == work.configs[3]


def test_windows_are_milliseconds_a_trial() -> None:
    assert by_window([0.01 * i for i in range(3 * WINDOW)]) == pytest.approx((10.0, 10.0))


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by their environment")
def test_the_cost_of_a_command_includes_its_children(tmp_path: Path) -> None:
    busy = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\ntime.sleep(0.3)"
    parent = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {busy!r}]); time.sleep(0.3)"
    cost = run_measured([sys.executable, "-c", parent], env={}, cwd=tmp_path, timeout=60)
    assert cost.returncode == 0
    assert sum(cost.processes.values()) == 2
    assert sum(cost.cpu_seconds.values()) >= 0.4
