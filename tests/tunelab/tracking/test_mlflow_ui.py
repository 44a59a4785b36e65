"""The MLflow UI as users find it, with nothing configured: real pages in headless Chromium.

Screenshots are kept under ``test-artifacts/``.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, needs_chromium
from tests.tunelab.conftest import Shelf
from tunelab.cli.ui import links
from tunelab.tracking.store import Store
from tunelab.tracking.ui_views import COMPARE_VIEW, SWEEPS_VIEW, TRIALS_VIEW, compare_link, view_link

pytestmark = needs_chromium
START_SECONDS = 120
HEADERS = """[...document.querySelectorAll('.ag-header-cell')]
    .sort((one, other) => one.getBoundingClientRect().left - other.getBoundingClientRect().left)
    .map(cell => cell.innerText.trim())"""
ROWS = "[...document.querySelectorAll('.ag-pinned-left-cols-container .ag-row')]"


@pytest.fixture(scope="module")
def ui(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``tunelab ui`` on the shelf, in a folder with files called as its modules are; gives its address."""
    folder = tmp_path_factory.mktemp("shadows")
    for name in ("mlflow", "uvicorn", "fastapi", "random", "types"):
        (folder / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-P",
        "-c",
        "from tunelab.cli.main import main; main()",
        "ui",
        "--port",
        str(port),
        "--tracking-uri",
        shelf.uri,
    ]
    root = str(Path(__file__).parents[3])
    said = folder / "said.txt"
    with said.open("w") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": root},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + START_SECONDS
    while not _answers(f"{address}/health"):
        assert process.poll() is None, "the UI ended"
        assert time.monotonic() < end, "the UI did not start"
        time.sleep(0.3)
    yield address
    for _ in range(2):  # to the process and to its group, as `timeout -s INT` does
        os.killpg(process.pid, signal.SIGINT)
    process.wait(30)
    assert "Traceback" not in said.read_text()
    end = time.monotonic() + START_SECONDS
    while _answers(f"{address}/health"):  # the server ends with the command, though it is not in its group
        assert time.monotonic() < end, "the server did not end"
        time.sleep(0.3)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(1700, 1200) as opened:
        yield opened


@pytest.fixture(scope="module")
def experiment(shelf: Shelf) -> str:
    """The experiment of the wine sweeps."""
    return str(Store(shelf.uri).run(shelf.results["와인"].parent_run_id).info.experiment_id)


@pytest.fixture(scope="module")
def printed(shelf: Shelf, ui: str) -> dict[str, str]:
    """The links that the command prints, by what they lead to: MLflow's own first page has no runs."""
    return dict(line.split(": ", 1) for line in links(Store(shelf.uri), ui))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_experiments_carry_the_names_of_tasks(ui: str, browser: Browser) -> None:
    browser.open(f"{ui}/#/experiments")
    browser.wait_for("wine", "toy")
    browser.screenshot("mlflow-experiments")


def test_the_runs_table_lists_sweeps_with_their_trials_nested(ui: str, browser: Browser, experiment: str) -> None:
    browser.open(f"{ui}/#/experiments/{experiment}/runs")
    text = browser.wait_for("와인", "wine-random", "Cultivar of Italian wines", "matching runs")
    assert "와인 #003" not in text
    row = "[...document.querySelectorAll('a')].find(link => link.textContent === '와인').closest('.ag-cell-wrapper')"
    browser.evaluate(f"{row}.querySelector('button').click()")
    browser.wait_for("와인 #000", "와인 #009")
    browser.screenshot("mlflow-runs")


@pytest.mark.slow
def test_the_view_of_sweeps_shows_scores_and_settings(ui: str, browser: Browser, experiment: str) -> None:
    browser.open(view_link(ui, experiment, SWEEPS_VIEW))
    browser.wait_for("와인", "best_val_loss", "test_accuracy", "verdict")
    names = [name for name in browser.evaluate(HEADERS) if "_" in name or "verdict" in name]
    assert [re.sub("baseline_[a-z_]+_test", "baseline_test", name) for name in names][:5] == [
        *("best_val_loss", "test_accuracy", "baseline_test_accuracy", "reference_test_accuracy", "tunelab.verdict")
    ]
    browser.screenshot("mlflow-view-sweeps")


def test_two_sweeps_are_compared_by_ticking_them(browser: Browser, printed: dict[str, str]) -> None:
    browser.open(printed["The sweeps on wine"])
    browser.wait_for("와인", "wine-random", "matching runs")
    browser.wait_until(f"{ROWS}.length >= 2")
    browser.evaluate(f"{ROWS}.slice(0, 2).forEach(row => row.querySelector('input[type=checkbox]').click())")
    compare = "[...document.querySelectorAll('button')].find(button => button.innerText.trim() === 'Compare')"
    browser.wait_until(f"{compare} && !{compare}.disabled")
    browser.evaluate(f"{compare}.click()")
    browser.wait_for("Comparing 2 Runs from 1 Experiment", "와인", "wine-random", "best_val_loss")


def test_the_view_of_trials_draws_parallel_coordinates_and_curves(
    ui: str, shelf: Shelf, browser: Browser, experiment: str
) -> None:
    browser.open(view_link(ui, experiment, TRIALS_VIEW))
    best = min((t for r in shelf.results.values() if r.task == "wine" for t in r.trials), key=lambda t: t.val_loss)
    leading = {
        f"{r.name} #{t.number:03d}" for r in shelf.results.values() for t in r.trials if t.val_loss == best.val_loss
    }
    text = browser.wait_for("Parallel Coordinates", "val_loss", *leading)
    listed = re.findall(r"(?:와인|wine-random) #\d{3}", text)
    assert listed[0] in leading  # best first
    browser.wait_until("document.querySelectorAll('.js-plotly-plot').length >= 2")
    browser.wait_for("family", "best_val_loss")
    browser.screenshot("mlflow-view-trials")


@pytest.mark.slow
def test_the_view_that_compares_sweeps_shows_their_scores(ui: str, browser: Browser, experiment: str) -> None:
    browser.open(view_link(ui, experiment, COMPARE_VIEW))
    browser.wait_for("와인", "wine-random", "All settings, coloured by the test score", "test_accuracy", "sampler")
    browser.screenshot("mlflow-view-compare")


def test_the_link_to_a_sweep_leads_to_it(browser: Browser, printed: dict[str, str]) -> None:
    browser.open(printed["Sweep 와인"])
    browser.wait_for("won of 10 trials", "best_val_loss")
    assert "Traces 0" not in browser.text()


def test_the_compare_link_opens_exactly_these_sweeps(ui: str, shelf: Shelf, browser: Browser) -> None:
    store = Store(shelf.uri)
    results = [shelf.results[name] for name in ("와인", "wine-random", "toy")]
    runs = [(store.run(r.parent_run_id).info.experiment_id, r.parent_run_id) for r in results]
    browser.open(compare_link(ui, runs))
    text = browser.wait_for("Comparing 3 Runs from 2 Experiments", "best_val_loss")
    assert all(r.parent_run_id in text and r.name in text for r in results)
    browser.screenshot("mlflow-compare")


@pytest.mark.slow
def test_a_sweeps_page_tells_what_it_is(ui: str, shelf: Shelf, browser: Browser, experiment: str) -> None:
    run_id = shelf.results["와인"].parent_run_id
    browser.open(f"{ui}/#/experiments/{experiment}/runs/{run_id}")
    browser.wait_for(
        "와인", "a sweep of 10 trials of at most 9 epochs", "won of 10 trials", "best_val_loss", "sampler", "tunelab"
    )
    browser.screenshot("mlflow-sweep")
