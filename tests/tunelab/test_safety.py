"""Nothing leaves the machine, nothing escapes the store, no password is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search_spaces import UserError
from tests.toys import Toy
from tunelab.launch.worker_logs import WorkerStderr, with_stderr
from tunelab.records.data import DataDescription
from tunelab.records.spec import make_spec, public_spec
from tunelab.search.events import SweepIdentity
from tunelab.search.journal import Journal
from tunelab.setup.resume import resumed_spec
from tunelab.system.redaction import without_secrets

URI = "postgresql+psycopg2://mlflow:{}@db.example:5432/mlflow"


@given(st.text(st.characters(exclude_categories=("Z", "C")), min_size=4, max_size=20))
@example("hun@ter2/@b")
def test_a_password_in_a_uri_is_never_shown(password: str) -> None:
    uri = URI.format("pw-" + password)
    spec = make_spec({"task": "wine", "tracking_uri": uri, "storage": f"s3://key:pw-{password}@bucket/x", "name": "a"})
    assert f"pw-{password}" not in json.dumps(public_spec(spec).to_json(), ensure_ascii=False)
    assert f"pw-{password}" not in without_secrets(f"cannot reach {uri}: refused")
    assert f"pw-{password}" not in with_stderr(f"RuntimeError: {uri}", f"warning: {uri}")


def test_what_a_task_says_of_its_data_holds_no_password() -> None:
    class Remote(Toy):
        def description(self) -> dict[str, Any]:
            return {"data": URI.format("hunter2"), "parts": [{"from": "s3://key:hunter2@bucket/x"}], "rows": 3}

    task = Remote()
    details = DataDescription.from_splits(task, task.load(), 0).details
    assert "hunter2" not in json.dumps(details)
    assert details["rows"] == 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("HTTP://u:hunter2@h/x", "HTTP://***@h/x"),
        ("http://u:hunter2@h:5000 and s3://k:hunter2@b", "http://***@h:5000 and s3://***@b"),
        ("http://hunter2@h", "http://***@h"),
        ("--address 'u:hunter2@127.0.0.1:6379'", "--address '***@127.0.0.1:6379'"),
        ("models:/tunelab-wine@champion and me@h, 12:30", "models:/tunelab-wine@champion and me@h, 12:30"),
        ("abfs://c/x?sv=1&sig=hunter2", "abfs://c/x?sv=1&sig=***"),
        ("http://h/?X-Amz-Signature=hunter2&a=b", "http://h/?X-Amz-Signature=***&a=b"),
        ("http://h/?auth_token=hunter2", "http://h/?auth_token=***"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("http://127.0.0.1:5000/#/runs?state=1", "http://127.0.0.1:5000/#/runs?state=1"),
    ],
)
def test_what_is_shown_of_a_uri(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_a_hidden_password_must_be_given_again(tmp_path: Path) -> None:
    spec = make_spec({"task": "wine", "trials": 3, "name": "a", "tracking_uri": URI.format("secret")})
    note = SweepIdentity(public_spec(spec).to_json())
    with pytest.raises(UserError, match=r"holds a password, which is kept nowhere"):
        resumed_spec(note, {})
    spec = make_spec({"task": "own", "name": "a", "task_options": {"data": URI.format("secret")}})
    assert "secret" not in json.dumps(public_spec(spec).to_json())
    with pytest.raises(UserError, match="option data of the task holds a password"):
        resumed_spec(SweepIdentity(public_spec(spec).to_json()), {})
    spec = make_spec(
        {"task": "own", "name": "a", "task_options": {"api_key": "hunter2", "tokenizer": "bpe", "key": "k"}}
    )
    assert public_spec(spec).task_options == {"api_key": "***", "tokenizer": "bpe", "key": "k"}
    with pytest.raises(UserError, match="option api_key of the task holds a password"):
        resumed_spec(SweepIdentity(public_spec(spec).to_json()), {})
    assert resumed_spec(note, {"tracking_uri": URI.format("secret")}).tracking_uri == URI.format("secret")


@pytest.mark.parametrize("name", ["../up", "/etc/x", "a/b", "", ".hidden", "a\0b", "a b", "x" * 81, "-rf", "a\\b"])
def test_names_never_become_paths(name: str) -> None:
    for key in ("name", "warm_start"):
        with pytest.raises(UserError, match="must be 1 to 80 letters"):
            make_spec({"task": "wine", key: name})


@given(st.text(max_size=100))
def test_any_name_is_refused_or_stays_below_its_folder(name: str) -> None:
    try:
        spec = make_spec({"task": "wine", "name": name})
    except UserError:
        return
    home = Path("/home/of/sweeps")
    assert Path(os.path.normpath(home / str(spec.name))).parent == home


def test_a_sweep_has_one_owner(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(UserError, match="is running in another process"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_the_last_words_of_a_trial_are_its_own(tmp_path: Path) -> None:
    file = tmp_path / "worker-abc-01000000-77.err"
    file.write_text("of an earlier trial\n")
    stderr = WorkerStderr(tmp_path)
    stderr.mark(77)
    with file.open("a") as more:
        more.write("of this one\n")
    assert stderr.since_mark(77) == "of this one"
    assert stderr.since_mark(78) == ""
