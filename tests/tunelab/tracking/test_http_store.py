"""An MLflow server serves as well as the sqlite file: the same results, reports, re-runs and predictions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tunelab.tracking.test_tracking_faults import Server
from trainables import get_task
from tunelab.cli.compare import command as compare
from tunelab.cli.predict import command as predict
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.records.tracking_store import ModelEntry
from tunelab.report.report import make_document, to_html, to_markdown
from tunelab.reproduce import reproduce
from tunelab.run import run_sweep
from tunelab.tracking.store import Store

pytestmark = pytest.mark.slow
WINE = {"task": "wine", "trials": 4, "max_epochs": 5, "grace_period": 1, "concurrency": 1, "confirm_top": 0}


@pytest.fixture(scope="module")
def uris(make_store_uri: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Two stores: a file, and a server with a file of its own."""
    folder = tmp_path_factory.mktemp("http")
    server = Server(make_store_uri(folder / "served"), folder)
    try:
        server.wait()
        yield {"sqlite": make_store_uri(folder / "mlruns"), "http": server.uri}
    finally:
        server.kill()


@pytest.fixture(scope="module")
def results(
    ray_session: None, uris: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, SweepResult]:
    """The same sweep into each, and another one into the server."""
    specs: dict[str, dict[str, Any]] = {where: {"name": "w", "tracking_uri": uri} for where, uri in uris.items()}
    specs["other"] = {"name": "other", "sampler": "random", "trials": 2, "tracking_uri": uris["http"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))  # a server's sweeps keep their journals here
        return {which: run_sweep(make_spec({**WINE, **spec})) for which, spec in specs.items()}


def test_the_server_gives_back_what_the_launch_returned(uris: dict[str, str], results: dict[str, SweepResult]) -> None:
    store, live = Store(uris["http"]), results["http"]
    loaded = store.load(store.find_sweep("w"))
    assert loaded == live
    for render in (to_html, to_markdown):
        assert render(make_document(loaded, now=1)) == render(make_document(live, now=1))
    logged = store.artifact(live.parent_run_id, "report/report.md").decode()
    assert logged.partition("Report made on")[0] == to_markdown(make_document(live)).partition("Report made on")[0]


def test_a_server_and_a_file_hold_the_same_search_and_model(
    uris: dict[str, str], results: dict[str, SweepResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = results["sqlite"].best, results["http"].best
    assert one is not None
    assert other is not None
    assert (one.trial, one.val_loss, one.test, one.version) == (other.trial, other.val_loss, other.test, "1")
    again = Store(uris["http"]).register(ModelEntry("wine", other.model_uri, other.run_id, other.val_loss, ""))
    assert (again.version, again.champion) == ("1", True)  # a repeated evaluation finds its version
    rows = tmp_path / "rows.csv"
    get_task("wine").load().validation.inputs.to_csv(rows, index=False)
    outputs = {where: tmp_path / f"{where}.csv" for where in uris}
    for where, uri in uris.items():
        predict("models:/tunelab-wine@champion", [str(rows)], output=str(outputs[where]), tracking_uri=uri)
    assert outputs["sqlite"].read_bytes() == outputs["http"].read_bytes()


def test_trials_on_a_server_are_trained_again_and_sweeps_compared(
    uris: dict[str, str], results: dict[str, SweepResult], capsys: pytest.CaptureFixture[str]
) -> None:
    for trial in results["http"].trials:
        assert reproduce(Store(uris["http"]), trial.run_id).identical
    capsys.readouterr()
    compare(["w", "other"], tracking_uri=uris["http"], as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["outcome"]["trials"] == {"w": 4, "other": 2}
    assert found["link"].startswith(uris["http"])


def test_nothing_but_the_answer_goes_to_stdout(
    uris: dict[str, str], ray_session: None, in_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from tunelab.cli.sweep import run_and_show

    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        run_and_show(make_spec({**WINE, "trials": 1, "name": "one", "tracking_uri": uris["http"]}), as_json=True)
    assert end.value.code == 0
    found = json.loads(capfd.readouterr().out)
    assert found["best"]["version"]
