"""A store that someone else wrote: what it names is neither run, read, written nor called before this user says so."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search_spaces import UserError
from tests.toys import TOY
from tests.tunelab.conftest import Shelf
from tunelab.clean import find_removable
from tunelab.cli.main import main
from tunelab.records.spec import make_spec, public_spec
from tunelab.reproduce import reproduce
from tunelab.search.events import Started
from tunelab.search.inbox import Command, send
from tunelab.search.journal import Journal
from tunelab.tracking.store import Store

MARKED = "from pathlib import Path\nPath({mark!r}).write_text('ran')\nraise SystemExit('after that')\n"


@pytest.fixture(autouse=True)
def unknown_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was named before."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What the stranger's code leaves behind when it runs."""
    (tmp_path / "evil.py").write_text(MARKED.format(mark=str(tmp_path / "mark")))
    return tmp_path / "mark"


def write_journal(home: Path, name: str, folder: Path, **values: Any) -> None:
    """A journal of a killed sweep, as a stranger would write it."""
    (home / "sweeps" / name).mkdir(parents=True)
    journal = Journal(home / "sweeps" / name)
    spec = public_spec(make_spec({"task": "wine", "trials": 3, "name": name, **values})).to_json()
    journal.append(Started(spec, folder=str(folder)))
    journal.close()


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str]:
    """The exit code of a command line and what it wrote to stderr."""
    monkeypatch.setattr(sys, "argv", ["tunelab", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"task": "evil.py"}, "the task file '{folder}/evil.py'"),
        ({"space": "evil.py"}, "the space file '{folder}/evil.py'"),
        ({"task": "table", "task_options": {"data": "/etc/passwd", "target": "root"}}, "the data '/etc/passwd'"),
        ({"task": "kogpt2", "task_options": {"model": "{folder}"}}, "the model '{folder}'"),
        ({"task": "kogpt2", "task_options": {"model": "someone/elses"}}, "the model 'someone/elses'"),
        ({"task": "mnist", "task_options": {"data_dir": "/root"}}, "the data dir '/root'"),
        ({"address": "10.9.9.9:6379"}, "the Ray cluster '10.9.9.9:6379'"),
        ({"storage": "/etc"}, "the storage '/etc'"),
        ({"tracking_uri": "http://10.9.9.9"}, "the tracking store 'http://10.9.9.9'"),
        ({"tracking_uri": "sqlite:////root/theirs.db"}, "the tracking store 'sqlite:////root/theirs.db'"),
    ],
)
def test_resume_uses_nothing_that_only_the_journal_names(
    in_folder: Path,
    mark: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
    named: str,
) -> None:
    options = {key: value.replace("{folder}", str(in_folder)) for key, value in values.get("task_options", {}).items()}
    write_journal(in_folder / "mlruns", "theirs", in_folder, **{**values, "task_options": options})
    for words in (["resume", "theirs"], ["resume", "theirs", "--new-space"]):
        code, said = command(monkeypatch, capsys, *words)
        assert code == 2
        assert said.startswith("tunelab: Sweep 'theirs' names " + named.format(folder=in_folder))
        assert "--trust " in said
        assert said.count("\n") == 1
    assert not mark.exists()


def test_what_is_vouched_for_is_used(
    in_folder: Path, mark: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_journal(in_folder / "mlruns", "theirs", in_folder, task="evil.py")
    code, said = command(monkeypatch, capsys, "resume", "theirs", "--trust", "evil.py")
    assert (code, mark.exists()) == (2, True), said
    assert "does not run: SystemExit: after that" in said


@pytest.mark.parametrize(
    "line", ['{"event": "started"}', '{"event": "started", "spec": 1, "folder": "/"}', "[1]", "[" * 9000]
)
def test_a_journal_of_another_shape_is_a_sentence(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    folder = in_folder / "mlruns" / "sweeps" / "odd"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_text(line + "\n")
    code, said = command(monkeypatch, capsys, "resume", "odd")
    assert code == 2
    assert "damaged" in said
    assert said.count("\n") == 1


def test_reproduce_runs_no_file_that_only_the_store_names(shelf: Shelf) -> None:
    run_id = next(t.run_id for t in shelf.results["toy"].trials if t.has_result)
    with pytest.raises(UserError, match=r"names the task file '.*toys.py', which you have not run before"):
        reproduce(Store(shelf.uri), run_id)
    assert reproduce(Store(shelf.uri), run_id, [TOY]).identical


def test_what_this_user_ran_before_is_used(
    ray_session: None, store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunelab.run import run_sweep

    task = tmp_path / "own.py"
    shutil.copy(TOY, task)
    values = {"task": str(task), "trials": 1, "max_epochs": 2, "confirm_top": 0, "tracking_uri": store_uri}
    (trial,) = run_sweep(make_spec(values)).trials
    assert reproduce(Store(store_uri), trial.run_id).identical
    with task.open("a") as more:
        more.write("# changed by someone\n")
    with pytest.raises(UserError, match="changed since you last ran it"):
        reproduce(Store(store_uri), trial.run_id)


def test_a_winner_whose_model_lies_elsewhere_is_refused(
    shelf: Shelf, tmp_path: Path, make_copy: Callable[[], Store]
) -> None:
    store = make_copy()
    best = shelf.results["와인"].best
    assert best is not None
    for uri in ("http://10.9.9.9/model", "/etc", "file:///etc", "s3://bucket/x"):
        store.client.set_tag(best.run_id, "tunelab.model_uri", uri)
        with pytest.raises(UserError, match="which is none of this store"):
            store.model_uri("와인")


@pytest.fixture
def make_copy(shelf: Shelf, tmp_path: Path) -> Callable[[], Store]:
    """A copy of the shelf's store that a test may change."""

    def make() -> Store:
        home = Path(shelf.uri.removeprefix("sqlite:///")).parent
        shutil.copytree(home, tmp_path / "copy")
        return Store(f"sqlite:///{tmp_path / 'copy'}/mlflow.db")

    return make


def test_clean_removes_nothing_where_only_a_journal_points(tmp_path: Path) -> None:
    (tmp_path / "mine" / "theirs" / "weights").mkdir(parents=True)
    (tmp_path / "mine" / "theirs" / "weights" / "precious").write_text("x")
    home = tmp_path / "mlruns"
    write_journal(home, "theirs", tmp_path, storage=str(tmp_path / "mine"))
    with (home / "sweeps" / "theirs" / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "finished", "stopped": "", "time": 1.0}\n')
    said: list[str] = []
    assert [one for one in find_removable(home, said.append) if one.owner == "theirs"] == []
    assert "theirs is left alone: Its journal names the storage" in said[0]


@pytest.mark.parametrize("name", ["journal.jsonl", "steering.jsonl", "lock"])
def test_nothing_is_written_through_a_link_in_a_sweeps_folder(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A torn last line of a journal is cut off, and commands are appended: not to this user's other files."""
    precious = in_folder / "precious.txt"
    precious.write_text("no line end")
    write_journal(in_folder / "mlruns", "theirs", in_folder)
    folder = in_folder / "mlruns" / "sweeps" / "theirs"
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(precious)
    if name == "steering.jsonl":
        with pytest.raises(UserError, match="is a link"):
            send(folder, Command("pause"))
    else:
        for words in (["resume", "theirs"], ["clean"]):
            command(monkeypatch, capsys, *words)
    assert precious.read_text() == "no line end"


def test_a_pipe_in_the_place_of_a_journal_is_not_waited_for(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = in_folder / "mlruns" / "sweeps" / "odd"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "journal.jsonl")
    code, said = command(monkeypatch, capsys, "resume", "odd")
    assert (code, "is damaged" in said) == (2, True)


def test_clean_follows_no_link_out_of_a_sweeps_folder(tmp_path: Path) -> None:
    precious = tmp_path / "mine"
    precious.mkdir()
    (precious / "precious").write_text("x")
    home = tmp_path / "mlruns"
    write_journal(home, "theirs", tmp_path)
    folder = home / "sweeps" / "theirs"
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "finished", "stopped": "", "time": 1.0}\n')
    (folder / "weights").symlink_to(precious)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "trial-00000").symlink_to(precious)
    for one in find_removable(home):
        if one.owner == "theirs":
            one.remove()
    assert (precious / "precious").exists()
