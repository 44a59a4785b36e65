"""A searched generator, from its sweep to samples of a seed: on the terminal, as a sheet, as arrays, as a table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tunelab.analysis.use import predict_command
from tunelab.cli.main import main
from tunelab.documents.blocks import Figure, Panels
from tunelab.documents.html import to_html
from tunelab.documents.markdown import to_markdown
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.report.report import make_document
from tunelab.run import run_sweep
from tunelab.tracking.store import Store


@pytest.fixture(scope="module")
def store(make_store_uri: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_store_uri(tmp_path_factory.mktemp("samples") / "mlruns")


@pytest.fixture(scope="module")
def sweep(ray_session: None, store: str) -> SweepResult:
    """One trial of one epoch."""
    fixed = {"channels": 8, "latent_size": 16, "batch_size": 128}
    values = {"task": "mnist_gan", "trials": 1, "max_epochs": 1, "name": "made", "confirm_top": 0, "fixed": fixed}
    return run_sweep(make_spec({**values, "tracking_uri": store}))


@pytest.fixture
def predict(
    sweep: SweepResult, store: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs ``tunelab predict made``: exit code, standard output, standard error."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tunelab", "predict", "made", *arguments])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capfd.readouterr()

    return run


def test_how_to_use_it_says_that_it_draws_from_a_seed(sweep: SweepResult) -> None:
    assert predict_command(sweep) == "tunelab predict made SEED --output samples.png"
    used = to_markdown(make_document(sweep)).partition("## Use it")[2]
    assert predict_command(sweep) in used
    assert 'model.predict(pandas.DataFrame({"seed": [0, 1]}))' in used


def test_the_winner_stands_beside_gaussians_and_has_its_sheets(sweep: SweepResult, store: str) -> None:
    assert sweep.best is not None
    assert [one.name for one in sweep.baselines] == ["one Gaussian", "Gaussian of each digit", "reference"]
    assert all("kernel_distance" in one.test for one in sweep.baselines)
    client = mlflow.MlflowClient(store)
    kept = {file.path for file in client.list_artifacts(sweep.best.run_id, "figures")}
    assert {"figures/samples.png", "figures/samples_by_epoch.png"} <= kept
    assert sweep.best.fault == ""


def test_the_report_shows_what_the_winner_draws_beside_real_digits(sweep: SweepResult, store: str) -> None:
    loaded = Store(store).load(sweep.parent_run_id)
    document = make_document(loaded)
    blocks = next(s.blocks for s in document.sections if s.title == "The winner: learning curves and errors")
    samples, by_epoch = blocks[-2:]
    assert isinstance(samples, Panels)
    assert [figure.caption for figure in samples.figures] == ["generated, seed 0", "real, test split"]
    assert isinstance(by_epoch, Figure)
    assert [note["text"] for note in by_epoch.layout["annotations"]] == ["epoch 1"]
    assert all(figure.data[0]["type"] == "image" for figure in (*samples.figures, by_epoch))
    assert 'aria-label="generated, seed 0"' in to_html(document)
    assert "samples" not in sweep.summary()["evaluation"]  # pictures are not for a terminal


def test_a_seed_gives_the_same_samples_in_every_form(
    predict: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, out, err = predict("7")
    assert code == 0, err
    assert "100 samples, by the digit that is seen: " in out
    assert max(map(len, out.splitlines())) <= 3 * 28
    for name in ("sheet.png", "digits.npz", "digits.csv"):
        assert predict("7", "-o", str(tmp_path / name))[0] == 0
    stored = np.load(tmp_path / "digits.npz")
    assert stored["pictures"].shape == (100, 28, 28)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (560, 560)
    assert np.array_equal(255 - sheet[:56:2, 56:112:2], stored["pictures"][1])
    assert pd.read_csv(tmp_path / "digits.csv")["prediction"].tolist() == stored["classes"].tolist()
    assert predict("8", "-o", str(tmp_path / "others.npz"))[0] == 0
    assert not np.array_equal(np.load(tmp_path / "others.npz")["pictures"], stored["pictures"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere.csv",), "no such file"),
        ((str(Path(__file__)),), "This model draws from a seed, so INPUT must be a whole number"),
        (("99999999999999999999",), "A seed must be a whole number from 0 to"),
        (("7", "-o", "sheet.jpg"), "'.jpg' is not written here"),
    ],
)
def test_what_is_not_a_seed_is_refused_in_a_sentence(
    predict: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], says: str
) -> None:
    code, out, err = predict(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
