"""Environments as machines have them: unset, empty and senseless variables end in an answer or one sentence.

``FUZZ_EXAMPLES`` sets the number of examples, 12 unless given.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search_spaces import UserError
from tests.fuzz.test_tables import FUZZ
from tunelab.cli import main as cli
from tunelab.launch.cluster_address import check_address, given_address
from tunelab.records.spec import SweepSpec
from tunelab.setup.resolve import resolve_sweep

VARIABLES = (
    *("HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "USER", "PATH"),
    *("COLUMNS", "LINES", "TERM", "LANG", "LC_ALL", "NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_TOKEN", "MLFLOW_EXPERIMENT_NAME"),
    *("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "RAY_ADDRESS", "RAY_TMPDIR", "RAY_AUTH_TOKEN_PATH"),
    *("TUNELAB_MAX_UNPACKED_GIB", "TUNELAB_FORKS", "TUNELAB_RAY_PATCHES", "MPLBACKEND", "MPLCONFIGDIR"),
)
SENSELESS = st.sampled_from(
    [
        *("", " ", "0", "-1", "1", "nan", "1e309", "9" * 400, "x" * 300, "true", "\udc80", "\x1b[2J", "와인"),
        *("/", "/dev/null", "/nonexistent/a", "/proc", "relative/x", "~", "~nobody-here", "a\nb"),
        *("sqlite:", "sqlite:///", "sqlite:////proc/x.db", "http://[", "http://u:hunter2@127.0.0.1:9", "file:", "off"),
        *("auto", "local", "127.0.0.1:9", "127.0.0.1", "u:hunter2@127.0.0.1:9", "ray://u:hunter2@127.0.0.1:9", ":1"),
        *("ascii", "latin-1", "C", "ko_KR.UTF-8", "dumb", "xterm-256color", "0,1,x", "GPU-1"),
    ]
)
VALUES = st.one_of(
    st.none(), SENSELESS, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
)
LINES = st.sampled_from(
    [
        *(["tasks"], ["tasks", "--json"], ["space", "wine"], ["sweep", "wine"], ["sweep", "wine", "--print-config"]),
        *(["plan", "wine"], ["results"], ["results", "a"], ["report", "a"], ["compare", "a", "b"], ["reproduce", "a"]),
        *(["predict", "a", "t.csv"], ["resume", "a"], ["ui"], ["sweep", "table", "--data", "t.csv", "--target", "y"]),
        *(["sweep", "--help"], ["bench", "--help"], ["--version"], ["swep"]),
    ]
)


@pytest.fixture
def stopped(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands end where Ray would start or a store would open."""

    def stop(*arguments: Any, **options: Any) -> None:
        raise UserError("as far as this test goes.")

    def plan(spec: SweepSpec, *arguments: Any, **options: Any) -> None:
        resolve_sweep(spec)
        address = given_address(spec.address)
        if address is not None:
            check_address(address)
        stop()

    monkeypatch.setattr("tunelab.run.run_sweep", plan)
    monkeypatch.setattr("tunelab.estimate.predict.predict", plan)
    monkeypatch.setattr("tunelab.launch.ray_internals.forks.starts_ray", lambda address: False)
    monkeypatch.setattr("tunelab.tracking.store.Store", stop)
    (in_folder / "t.csv").write_text("a,y\n" + "".join(f"{i},{i % 7}\n" for i in range(60)))
    return in_folder


@FUZZ
@given(line=LINES, values=st.dictionaries(st.sampled_from(VARIABLES), VALUES, max_size=6))
@example(line=["sweep", "wine"], values={"HOME": None, "TMPDIR": "/nonexistent"})
@example(line=["results"], values={"MLFLOW_TRACKING_URI": "http://u:hunter2@127.0.0.1:9", "COLUMNS": "0"})
@example(line=["sweep", "wine"], values={"RAY_ADDRESS": "u:hunter2@127.0.0.1:9"})
@example(line=["sweep", "wine"], values={"RAY_ADDRESS": "ray://u:hunter2@127.0.0.1:9", "HOME": None})
@example(line=["tasks"], values={"COLUMNS": "-1", "TERM": "dumb"})
@example(line=["sweep", "wine"], values={"XDG_STATE_HOME": "\udc80", "HOME": "/dev/null"})
def test_any_environment_ends_in_an_answer_or_a_sentence(
    line: list[str], values: dict[str, str | None], stopped: Path
) -> None:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tunelab", *line])
        patch.setattr(tempfile, "tempdir", None)
        for name, value in values.items():
            patch.setenv(name, value) if value is not None else patch.delenv(name, raising=False)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code in (0, 1, 2, None)
    said = err.getvalue()
    assert "Traceback" not in said
    assert "hunter2" not in said
    assert "\x1b[2J" not in said + out.getvalue()
    assert (ended.value.code == 2) == said.rpartition("\n")[0].rpartition("\n")[2].startswith("tunelab: ")
    assert {path.name for path in stopped.iterdir()} <= {"t.csv", "relative"}
    assert os.getcwd() == str(stopped)
