"""Names and places of sweeps that are to go on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from search_spaces import UserError
from tunelab.cli.main import main
from tunelab.records.spec import make_spec, public_spec
from tunelab.search.events import Started
from tunelab.search.journal import Journal
from tunelab.setup.resume import find_name, last_session, next_name, resumed_spec


def begin(home: Path, name: str, folder: Path) -> None:
    """A journal of a sweep that began in a folder and was killed at once."""
    (home / "sweeps" / name).mkdir(parents=True)
    journal = Journal(home / "sweeps" / name)
    spec = make_spec({"task": "wine", "trials": 3, "name": name})
    journal.append(Started(public_spec(spec).to_json(), folder=str(folder)))
    journal.close()


@pytest.mark.parametrize(
    ("name", "follower"),
    [
        ("a", "a-2"),
        ("a-2", "a-3"),
        ("a-99", "a-100"),
        ("wine-20261123-044053-1234", "wine-20261123-044053-1234-2"),  # four digits by chance
        ("run-2024", "run-2024-2"),
    ],
)
def test_a_sweep_that_follows_another_is_numbered(name: str, follower: str, tmp_path: Path) -> None:
    assert next_name(tmp_path, name) == follower
    begin(tmp_path, follower, tmp_path)
    assert next_name(tmp_path, name) == next_name(tmp_path, follower)


def test_a_sweep_is_found_by_its_beginning(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is none in"):
        find_name(tmp_path, "a")
    for name in ("alpha", "alphabet", "beta"):
        begin(tmp_path, name, tmp_path)
    assert find_name(tmp_path, "b") == "beta"
    assert find_name(tmp_path, "alpha") == "alpha"
    with pytest.raises(UserError, match="fits 2 sweeps: alpha, alphabet"):
        find_name(tmp_path, "al")
    with pytest.raises(UserError, match=r"Did you mean 'beta'.* The newest: "):
        find_name(tmp_path, "bety")


def test_a_folder_that_is_gone_is_said(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(in_folder / "mlruns", "lost", in_folder / "gone")
    monkeypatch.setattr(sys, "argv", ["tunelab", "resume", "lost"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert f"'{in_folder / 'gone'}', where its task file and data were named from" in capsys.readouterr().err


def test_a_relative_store_is_the_one_of_the_folder_where_it_is_typed(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_folder / "inner").mkdir()
    begin(in_folder / "inner" / "mlruns", "near", in_folder / "inner")
    asked = []
    monkeypatch.setattr("tunelab.cli.sweep.run_and_show", lambda spec, as_json: asked.append(spec))
    line = ["resume", "near", "--tracking-uri", "sqlite:///inner/mlruns/mlflow.db", "--storage", "files"]
    monkeypatch.setattr(sys, "argv", ["tunelab", *line])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert asked[0].tracking_uri == f"sqlite:///{in_folder}/inner/mlruns/mlflow.db"
    assert asked[0].storage == str(in_folder / "files")


def test_another_study_may_have_fewer_trials(tmp_path: Path) -> None:
    begin(tmp_path, "old", tmp_path)
    note = last_session(tmp_path, "old")
    with pytest.raises(UserError, match="has 3 already"):
        resumed_spec(note, {"trials": 2})
    assert resumed_spec(note, {"trials": 2, "name": "old-2", "warm_start": "old"}).trials == 2
