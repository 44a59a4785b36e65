"""A process in which its user works with MLflow: the sweep works in its own store and leaves theirs alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils import requirements_utils
from sklearn.linear_model import LinearRegression

from tunelab import load_result
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep
from tunelab.system.autologging import no_autologging
from tunelab.tracking.mlflow_internals import PARTS, SEEN_WITH, SWITCH, without_map_of_packages
from tunelab.tracking.process_state import fluent
from tunelab.tracking.uri import default_tracking_uri, folder_note


@pytest.fixture
def theirs(tmp_path: Path, migrated_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The user's own store, set as MLflow's for the process, with an experiment and an active run."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(migrated_database.read_bytes())
    uri = f"sqlite:///{folder}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("mine")
    yield uri
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri("")
    mlflow.tracking.fluent._active_experiment_id = None


@pytest.fixture
def autologging() -> Iterator[None]:
    """Autologging of all libraries, as a user switches it on."""
    mlflow.autolog(log_models=False, silent=True)
    yield
    mlflow.autolog(disable=True, silent=True)


def fit() -> None:
    """A fit of the user's own."""
    LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])


def runs(uri: str) -> list[Run]:
    client = MlflowClient(uri, registry_uri=uri)
    return list(client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]))


def test_a_fit_inside_a_block_is_not_logged_whatever_blocks_it_holds(
    theirs: str, autologging: None, store_uri: str
) -> None:
    with no_autologging():
        fit()
        with fluent(store_uri):
            fit()
        fit()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(fit).result()
    assert not runs(theirs)
    assert not runs(store_uri)
    fit()
    assert len(runs(theirs)) == 1


@pytest.mark.slow
def test_a_sweep_leaves_the_process_as_it_is(ray_session: None, store_uri: str, theirs: str, autologging: None) -> None:
    with mlflow.start_run(run_name="theirs") as run:
        spec = {"task": "wine", "trials": 2, "max_epochs": 2, "confirm_top": 0, "name": "s", "tracking_uri": store_uri}
        result = run_sweep(make_spec(spec))
        active = mlflow.active_run()
        assert active is not None
        assert active.info.run_id == run.info.run_id
        assert mlflow.get_tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == theirs
        assert os.environ["MLFLOW_REGISTRY_URI"] == theirs
        mlflow.log_metric("still", 1.0)
    assert not result.stopped
    assert result.best is not None
    assert result.best.version == "1"
    assert load_result("s", store_uri).best == result.best
    assert not MlflowClient(theirs, registry_uri=theirs).search_registered_models()
    (found,) = runs(theirs)
    assert (found.info.status, found.data.metrics, found.data.params) == ("FINISHED", {"still": 1.0}, {})
    fit()
    assert len(runs(theirs)) == 2


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "file:mlruns", "./mlruns", "/tmp/mlruns", ""])
def test_a_folder_that_mlflow_is_set_to_is_left_to_its_user(
    uri: str, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    ours = f"sqlite:///{in_folder}/mlruns/mlflow.db"
    assert default_tracking_uri() == ours
    assert (f"MLflow is set to the folder '{uri}'" in folder_note(ours)) == (uri != "")
    assert folder_note("sqlite:///named.db") == ""


def test_the_part_is_there_in_the_version_it_was_seen_with() -> None:
    assert version("mlflow") == SEEN_WITH, "try the part with this version, then note it"
    assert [str(part) for part in PARTS if not part.is_there()] == []


def test_a_switch_does_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlflow.utils.requirements_utils._MODULES_TO_PACKAGES", None)
    for value, expected in (("0", None), ("1", {})):
        monkeypatch.setenv(SWITCH, value)
        with without_map_of_packages():
            assert expected == requirements_utils._MODULES_TO_PACKAGES


def test_mlflow_does_not_look_through_all_packages_for_a_model_of_ours(
    store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setattr("mlflow.utils.requirements_utils._MODULES_TO_PACKAGES", None)
    monkeypatch.setattr("importlib_metadata.packages_distributions", lambda: pytest.fail("all were looked through"))
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    with fluent(store_uri), mlflow.start_run():
        mlflow.sklearn.log_model(
            model, name="m", serialization_format="skops", pip_requirements=[f"scikit-learn=={version('scikit-learn')}"]
        )
    assert requirements_utils._MODULES_TO_PACKAGES is None  # its user's flavours find it as they left it
