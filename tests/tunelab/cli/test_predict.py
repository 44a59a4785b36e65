"""From a sweep's winner to predictions: the command, the served model, the figures in the store, refusals."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from trainables import get_task
from tunelab.cli.main import main
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep


@pytest.fixture(scope="module")
def store(make_store_uri: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_store_uri(tmp_path_factory.mktemp("predict") / "mlruns")


@pytest.fixture(scope="module")
def table_sweep(ray_session: None, store: str) -> SweepResult:
    """A sweep whose winner averages trials."""
    values = {"task": "auto_mpg", "trials": 6, "max_epochs": 9, "scheduler": "none", "ensemble": 3, "name": "cars"}
    return run_sweep(make_spec({**values, "tracking_uri": store, "confirm_top": 0}))


@pytest.fixture(scope="module")
def image_sweep(ray_session: None, store: str) -> SweepResult:
    """A sweep in whose evaluation something is left out and something fails."""

    def failing(*_: Any) -> None:
        raise ValueError("made up\nand long")

    values = {"task": "mnist", "trials": 1, "max_epochs": 4, "name": "digits", "confirm_top": 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tunelab.evaluation.baselines.MAX_BOOSTING_CELLS", 0)  # boosting on pixels takes ten seconds
        patch.setattr("tunelab.evaluation.evaluate.column_importance", failing)
        return run_sweep(make_spec({**values, "tracking_uri": store}))


@pytest.fixture
def tunelab(
    store: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., tuple[int, bytes, str]]:
    """Runs the command line in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "argv", ["tunelab", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfdbinary.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return run


def cars() -> pd.DataFrame:
    frame: pd.DataFrame = get_task("auto_mpg").load().test.open().inputs
    return frame


def test_a_table_gives_a_table(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    frame = cars()
    source, target = tmp_path / "cars.csv", tmp_path / "out.csv"
    frame[list(frame.columns)[::-1]].assign(memo="차").to_csv(source, index=False)
    code, _, err = tunelab("predict", "models:/tunelab-auto_mpg@champion", str(source), "-o", str(target))
    found = pd.read_csv(target)
    assert code == 0, err
    assert "memo" in err
    assert list(found["memo"]) == ["차"] * len(frame)
    assert table_sweep.best is not None
    truth = get_task("auto_mpg").load().test.open().targets
    rmse = float(np.sqrt(np.mean((found["prediction"].to_numpy() - truth) ** 2)))
    assert rmse == pytest.approx(table_sweep.best.test["rmse"], rel=1e-4)
    assert {path.name for path in tmp_path.iterdir()} == {"cars.csv", "out.csv"}


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "@SUM(1)", "-1+cmd", "\t=1"])
def test_cells_that_begin_as_formulas_come_back_as_written_and_are_said(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], cell: str
) -> None:
    frame = cars()
    content = frame.assign(memo=cell, signed="-1.5").to_csv(index=False).encode()
    code, out, err = tunelab("predict", "cars", "-", stdin=content)
    assert code == 0, err
    assert list(pd.read_csv(io.BytesIO(out), dtype=str)["memo"]) == [cell] * len(frame)
    assert "A cell of 'memo' begins as a formula does" in err
    plain = frame.assign(signed="-1.5").to_csv(index=False).encode()
    assert "formula" not in tunelab("predict", "cars", "-", stdin=plain)[2]


def test_a_model_is_found_by_sweep_by_run_and_by_uri(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]]
) -> None:
    assert table_sweep.best is not None
    content = cars().to_csv(index=False).encode()
    uris = ("models:/tunelab-auto_mpg/1", "models:/tunelab-auto_mpg", "tunelab-auto_mpg", "tunelab-auto_mpg/1")
    names = ("cars", table_sweep.best.run_id, table_sweep.best.run_id[:8], *uris)
    said = [tunelab("predict", name, "-", stdin=content) for name in names]
    assert [code for code, *_ in said] == [0] * 7, said
    assert len({out for _, out, _ in said}) == 1
    assert len(pd.read_csv(io.BytesIO(said[0][1]))) == len(cars())


def test_the_winner_averages_trials_where_that_helps_and_is_no_worse_than_the_best(table_sweep: SweepResult) -> None:
    best = table_sweep.best
    assert best is not None
    assert len(best.members) in (0, 2, 3)  # an ensemble is made only where it wins on held-out rows
    assert best.val_loss <= table_sweep.ranked()[0].val_loss
    assert len(table_sweep.test_openings) == 1


def test_refusals_write_nothing(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    cars().drop(columns=["weight", "origin"]).to_csv(source, index=False)
    assert table_sweep.best is not None
    loser = next(t for t in table_sweep.trials if t.number != table_sweep.best.trial)
    cases = {
        ("cars", str(source)): ("weight", "origin"),
        ("cars", str(tmp_path / "absent.csv")): ("cannot be read",),
        ("no-such-sweep", str(source)): ("No sweep 'no-such-sweep'",),
        ("crs", str(source)): ("Did you mean 'cars'?",),
        ("models:/tunelab-auto-mpg@champion", str(source)): ("Did you mean 'models:/tunelab-auto_mpg@champion'?",),
        ("models:/tunelab-nothing@champion", str(source)): ("There is no model",),
        ("models:/tunelab-auto_mpg/77", str(source)): ("The newest version is 'models:/tunelab-auto_mpg/1'",),
        (loser.run_id, str(source)): ("only the winner",),
    }
    for (model, given), expected in cases.items():
        code, out, err = tunelab("predict", model, given, "-o", str(target))
        assert code == 2, err
        assert out == b""
        assert all(word in err for word in expected), err
        assert "Traceback" not in err
    code, _, err = tunelab("predict", "cars", str(source), "-o", str(tmp_path / "absent" / "out.csv"))
    assert code == 2
    assert "--output" in err
    content = source.read_bytes()
    code, _, err = tunelab("predict", "cars", str(source), "-o", f"{tmp_path}/./in.csv")
    assert code == 2
    assert "would replace the input" in err
    assert source.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


ROWS = (
    b"id,weight,cylinders,displacement,horsepower,acceleration,origin\n"
    b"00012,2900,4,150,90,15.0,1\n1E5,NA,8,150,,1.5e1,2\n"
)


def test_several_files_give_a_table_with_their_names_or_a_table_each(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    (inputs / "a.csv").write_bytes(ROWS)
    (inputs / "b.tsv").write_bytes(ROWS.replace(b",", b"\t"))
    (inputs / "notes.md").write_text("no table")
    (inputs / "none.csv").write_bytes(ROWS.partition(b"\n")[0] + b"\n")
    code, alone, err = tunelab("predict", "cars", str(inputs / "a.csv"))
    assert code == 0, err
    code, together, err = tunelab("predict", "cars", str(inputs / "a.csv"), str(inputs / "b.tsv"))
    assert code == 0, err
    lines, a, b = alone.splitlines(), inputs / "a.csv", inputs / "b.tsv"
    files = [f"{path},".encode() + line for path in (a, b) for line in lines[1:]]
    assert together.splitlines() == [b"file," + lines[0], *files]
    code, _, err = tunelab("predict", "cars", str(inputs), "-o", str(out))  # a folder for a folder
    assert code == 0, err
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "b.tsv", "none.csv"]
    assert (out / "a.csv").read_bytes() == alone
    assert (out / "b.tsv").read_bytes() == alone.replace(b",", b"\t")
    assert (out / "none.csv").read_bytes() == lines[0] + b"\n"
    assert "Wrote 4 rows of 3 files" in err
    code, _, err = tunelab("predict", "cars", str(inputs), "-o", str(tmp_path / "all.parquet"))
    assert list(pd.read_parquet(tmp_path / "all.parquet")["file"]) == [str(a)] * 2 + [str(b)] * 2, err


def test_several_files_of_which_one_cannot_be_predicted_write_nothing(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    good, bad, other = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "other" / "good.csv"
    other.parent.mkdir()
    good.write_bytes(ROWS)
    other.write_bytes(ROWS)
    bad.write_text("a,b\n1,2\n")
    (tmp_path / "empty").mkdir()
    out = str(tmp_path / "out")
    cases = {
        (str(good), str(bad)): "bad.csv",
        (str(good), str(tmp_path / "absent.csv")): "absent.csv' cannot be read",
        (str(good), str(good)): "is given twice",
        (str(good), "-"): "comes alone",
        (str(good), str(other)): "Two inputs are called good.csv",
        (str(tmp_path / "empty"),): "No file to predict",
    }
    for files, message in cases.items():
        code, said, err = tunelab("predict", "cars", *files, "-o", out, stdin=ROWS)
        assert (code, said) == (2, b""), err
        assert message in err
    code, _, err = tunelab("predict", "cars", str(good), str(bad), "-o", str(tmp_path))
    assert code == 2
    assert good.read_bytes() == ROWS
    code, _, err = tunelab("predict", "cars", str(tmp_path / "other"), "-o", str(tmp_path / "other"))
    assert code == 2
    assert "would replace the input" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "empty", "good.csv", "other"]


def test_several_pictures_give_a_row_each(
    image_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    pixels = get_task("mnist").load().train.inputs[:2]
    for name, picture in zip(("one.png", "two.bmp"), pixels, strict=True):
        Image.fromarray(255 - picture).resize((140, 140)).save(tmp_path / name)
    (tmp_path / "table.csv").write_bytes(ROWS)
    code, out, err = tunelab("predict", "digits", str(tmp_path))
    assert code == 0, err
    frame = pd.read_csv(io.BytesIO(out))
    assert list(frame["file"]) == [str(tmp_path / "one.png"), str(tmp_path / "two.bmp")]
    assert frame.filter(like="p_").sum(axis=1).to_numpy() == pytest.approx([1, 1])


def test_a_header_alone_gives_a_header_alone(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]]
) -> None:
    header = ROWS.partition(b"\n")[0]
    for content in (header, header + b"\n", header + b"\r\n\r\n"):
        code, out, err = tunelab("predict", "cars", "-", stdin=content)
        assert (code, out) == (0, header + b",prediction\n"), err
    code, out, err = tunelab("predict", "cars", "-", stdin=b"a,b\n")
    assert (code, out) == (2, b"")
    assert "The input has none of the columns that the model reads: " in err
    assert err.count("horsepower") == 1


def test_outputs_are_what_their_names_say(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    content = cars().to_csv(index=False).encode()
    target, link, pipe = tmp_path / "target.tsv.gz", tmp_path / "link", tmp_path / "pipe"
    target.touch(0o600)
    link.symlink_to(target)
    os.mkfifo(pipe)
    expected = tunelab("predict", "cars", "-", stdin=content)[1]
    assert tunelab("predict", "cars", "-", "-o", str(target), stdin=content)[0] == 0
    assert pd.read_csv(target, sep="\t").equals(pd.read_csv(io.BytesIO(expected)))
    assert target.stat().st_mode & 0o777 == 0o600
    assert tunelab("predict", "cars", "-", "-o", str(link), stdin=content)[0] == 0
    assert link.is_symlink()
    assert target.read_bytes() == expected  # a name without suffix: CSV, written where the link leads
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_bytes)
        assert tunelab("predict", "cars", "-", "-o", str(pipe), stdin=content)[0] == 0
        assert read.result(30) == expected
    assert pipe.is_fifo()
    for name in ("out.xlsx", "out.png", "out.csv.zip"):
        code, out, err = tunelab("predict", "cars", "-", "-o", str(tmp_path / name), stdin=content)
        assert (code, out) == (2, b"")
        assert ".csv.gz, .tsv" in err
    assert {path.name for path in tmp_path.iterdir()} == {"target.tsv.gz", "link", "pipe"}


def test_a_picture_gives_the_digit(
    image_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    train = get_task("mnist").load().train
    pixels = train.inputs[np.flatnonzero(train.targets == 1)[0]]
    source, target, table = tmp_path / "one.png", tmp_path / "out.png", tmp_path / "out.csv"
    Image.fromarray(255 - pixels).resize((140, 140)).save(source)
    code, out, err = tunelab("predict", "digits", str(source), "-o", str(target))
    assert code == 0, err
    assert "digit 1" in out.decode()
    assert target.read_bytes().startswith(b"\x89PNG")
    assert tunelab("predict", "digits", "-", "-o", str(table), stdin=source.read_bytes())[0] == 0
    row = pd.read_csv(table).iloc[0]
    assert row["prediction"] == 1
    assert row.filter(like="p_").sum() == pytest.approx(1)
    code, _, err = tunelab("predict", "digits", "-", stdin=b"no picture")
    assert code == 2
    assert "Traceback" not in err


def test_figures_and_tables_come_with_the_results(
    table_sweep: SweepResult,
    image_sweep: SweepResult,
    tunelab: Callable[..., tuple[int, bytes, str]],
    tmp_path: Path,
) -> None:
    code, out, err = tunelab("results", "cars", "--figures", str(tmp_path / "cars"))
    assert code == 0, err
    assert "Feature importance" in out.decode()
    assert {"figures.html", "predicted_vs_actual.png", "permutation_importance.png"} <= {
        path.name for path in (tmp_path / "cars").iterdir()
    }
    code, out, err = tunelab("results", "digits", "--figures", str(tmp_path / "digits"))
    assert code == 0, err
    shown = " ".join(out.decode().split())
    for part in (
        "Handwritten digits, bundled sample of 5,000 images",
        "do not compare with those on the full",
        "By class",
        "Confusion matrix",
        "gradient boosting – –",
        "Left out: gradient boosting not run: 6,272,000 cells",
        "Left out: permutation importance failed: ValueError: made up.",
        "tunelab results digits --figures FOLDER",
    ):
        assert part in shown
    assert image_sweep.evaluation.classification is not None
    counts = image_sweep.evaluation.classification.confusion
    assert " ".join(["3", *map(str, counts[3])]) in shown
    summary = json.loads(tunelab("results", "digits", "--json")[1])
    assert "bundled sample" in summary["title"]
    assert "do not compare" in summary["note"]
    assert (tmp_path / "digits" / "samples.png").is_file()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def moved(store: str, tmp_path: Path) -> Iterator[str]:
    """The URI of the store at another place; the old place is away meanwhile, and so are the data."""
    home, away = Path(store.removeprefix("sqlite:///")).parent, tmp_path / "away"
    copy = tmp_path / "옮긴 곳" / "runs"
    shutil.copytree(home, copy)
    home.rename(away)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainables.base.contract.files.bundled.read_bytes", lambda name: pytest.fail(f"{name} was read"))
        yield f"sqlite:///{copy / 'mlflow.db'}"
    away.rename(home)


def test_results_are_exported_for_other_tools(
    table_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    code, _, err = tunelab("results", "cars", "--export", str(tmp_path / "out"))
    assert code == 0, err
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert table_sweep.best is not None
    assert metrics["best_val_loss"] == table_sweep.best.val_loss
    assert metrics["test_rmse"] == table_sweep.best.test["rmse"]
    trials = pd.read_csv(tmp_path / "out" / "trials.csv")
    assert trials["trial"].tolist() == [trial.number for trial in table_sweep.trials]
    winner = pd.read_csv(tmp_path / "out" / "winner.csv")
    assert winner["val_loss"].min() == pytest.approx(trials["val_loss"].min())
    code, _, err = tunelab("results", "--export", str(tmp_path / "none"))
    assert (code, "--export needs a sweep's name" in err) == (2, True)
    (tmp_path / "file").write_text("")
    code, _, err = tunelab("results", "cars", "--export", str(tmp_path / "file"))
    assert (code, "--export" in err) == (2, True)


def test_a_store_that_was_moved_needs_neither_its_old_place_nor_the_data(
    table_sweep: SweepResult, moved: str, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    rows = {"cylinders": [4, 8], "displacement": 150, "horsepower": 90, "weight": 2900, "acceleration": 15, "origin": 1}
    content = pd.DataFrame(rows).to_csv(index=False).encode()
    here = ("--tracking-uri", moved)
    for model in ("cars", "models:/tunelab-auto_mpg@champion"):
        code, out, err = tunelab("predict", model, "-", *here, stdin=content)
        assert code == 0, err
        assert pd.read_csv(io.BytesIO(out))["prediction"].notna().all()
    code, _, err = tunelab("results", "cars", *here, "--figures", str(tmp_path / "figures"))
    assert code == 0, err
    artifacts = Path(moved.removeprefix("sqlite:///")).parent / "artifacts"
    artifacts.rename(tmp_path / "elsewhere")
    for line in (("predict", "cars", "-"), ("results", "cars")):
        code, out, err = tunelab(*line, *here, stdin=content)
        assert (code, out) == (2, b"")
        assert f"artifacts not found at '{artifacts}'" in err


WITHOUT_TUNELAB = """
import importlib.util, os, pathlib, sys
sys.path = [path for path in sys.path if not pathlib.Path(path, "trainables").exists()]
if importlib.util.find_spec("trainables") is not None:
    os._exit(3)
"""


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(
    ("sweep", "name"),
    [("table_sweep", "tunelab-auto_mpg"), pytest.param("image_sweep", "tunelab-mnist", marks=pytest.mark.slow)],
)
def test_a_served_model_answers_its_own_input_example(
    sweep: str, name: str, store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """``mlflow models serve``, where tunelab is not installed, asked with MLflow's input example."""
    from tunelab.tracking.store import Store

    request.getfixturevalue(sweep)
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TUNELAB)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow calls uvicorn by name
    settings = {"MLFLOW_TRACKING_URI": store, "MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path}
    port, log = free_port(), tmp_path / "server.log"
    line = ["models", "serve", "-m", f"models:/{name}@champion", "--env-manager", "local"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *line, "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, **settings, "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", process, log)
        example = Store(store).model_file(f"models:/{name}@champion", "serving_input_example.json")
        question = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", example, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(question) as answer:
            rows = json.load(answer)["predictions"]
        assert len(rows) == 3
        assert all("prediction" in row for row in rows)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(30)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-3000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer in {seconds} s")


def test_a_broken_picture_of_a_folder_is_left_out_and_said(
    image_sweep: SweepResult, tunelab: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    seven = Image.new("L", (40, 40), 255)
    seven.paste(0, (18, 6, 23, 34))
    seven.save(folder / "b.png")
    (folder / "a.png").write_bytes(b"")
    code, out, err = tunelab("predict", "digits", str(folder))
    assert code == 0, err
    assert [line.split(b",")[0] for line in out.splitlines()] == [b"file", str(folder / "b.png").encode()]
    assert "Left out 1 of 2 pictures that cannot be read. " in err
    assert "a.png' is empty" in err
    code, _, err = tunelab("predict", "digits", str(folder / "a.png"), str(folder / "b.png"))  # named: all or nothing
    assert code == 2, err
