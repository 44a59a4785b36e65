"""What a store's URI means: one file, one folder, whatever they are called."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from search_spaces import UserError
from tunelab.cli.main import main
from tunelab.tracking.schema import mlflow_revisions
from tunelab.tracking.store import Store
from tunelab.tracking.uri import absolute_uri, check_usable, default_tracking_uri, home_of, sqlite_path


@pytest.mark.parametrize("name", ["c#x", "p%20q", "빈 칸"])
def test_a_store_lies_in_the_working_folder_whatever_its_name(
    name: str, make_store_uri: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name
    make_store_uri(folder / "mlruns")
    monkeypatch.chdir(folder)
    uri = default_tracking_uri()
    assert home_of(uri) == folder / "mlruns"
    assert sqlite_path(uri) == folder / "mlruns" / "mlflow.db"
    store = Store(uri)
    run = store.client.create_run(store.experiment("e"), run_name="r").info
    (folder / "note.txt").write_text("kept")
    store.log_files(run.run_id, folder / "note.txt")
    assert store.artifact(run.run_id, "note.txt") == b"kept"
    assert list(folder.glob("mlruns/artifacts/**/note.txt"))
    assert list(tmp_path.iterdir()) == [folder]
    assert sorted(path.name for path in folder.iterdir()) == ["mlruns", "note.txt"]


@pytest.mark.parametrize("name", ["100%", "a?b", "a%3Fb", "file:x"])
def test_the_default_store_is_in_the_working_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    assert sqlite_path(default_tracking_uri()) == tmp_path / name / "mlruns" / "mlflow.db"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:///a/b.db", "a/b.db"),
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite+pysqlite:////a/b.db?timeout=3", "/a/b.db"),
        ("sqlite:////p%2520q/b.db", "/p%20q/b.db"),
    ],
)
def test_the_file_of_a_store(uri: str, path: str, in_folder: Path) -> None:
    assert sqlite_path(uri) == in_folder / path
    assert home_of(uri) == (in_folder / path).parent


def test_what_is_not_a_database_is_refused_at_once(tmp_path: Path) -> None:
    check_usable(f"sqlite:///{tmp_path}/not/yet/mlflow.db")
    (tmp_path / "empty.db").touch()
    check_usable(f"sqlite:///{tmp_path}/empty.db")
    (tmp_path / "text.db").write_text("SQLite it is not")
    for bad in (tmp_path, tmp_path / "text.db", Path("/dev/null")):
        with pytest.raises(UserError, match="is not an sqlite database"):
            check_usable(f"sqlite:///{bad}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.db", "text.db"]


def test_a_database_of_another_program_is_refused_and_stays_as_it_is(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_folder / "others.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE customers (name TEXT)")
    before = path.read_bytes()
    for line in ("results", "reproduce 0123456789", "sweep wine"):
        monkeypatch.setattr(sys, "argv", ["tunelab", *line.split(), "--tracking-uri", "sqlite:///others.db"])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        assert "is another program's" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert [found.name for found in in_folder.iterdir()] == ["others.db"]


OLDER = ("451aebb31d03", "an earlier MLflow")  # the first schema there was; its tables are not all of today's


@pytest.mark.parametrize(
    ("revision", "message"),
    [OLDER, ("bd07f7e963c5", "an earlier MLflow"), (None, "an earlier MLflow"), ("ffffffffffff", "a later MLflow")],
)
@pytest.mark.parametrize("lacks_tables", [True, False])
def test_a_store_of_another_schema_is_neither_changed_nor_used(
    revision: str | None,
    message: str,
    lacks_tables: bool,
    store_uri: str,
    in_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLflow would migrate a database that lacks one of its tables, and says nothing of it."""
    path = in_folder / "mlruns" / "mlflow.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM alembic_version")
        if revision is not None:
            database.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        if lacks_tables:
            database.execute("DROP TABLE logged_models")
    before = tables_of(path)
    for line in ("results", "sweep wine", "predict x mlruns/mlflow.db", "ui"):
        monkeypatch.setattr(sys, "argv", ["tunelab", *line.split(), "--tracking-uri", store_uri])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert end.value.code == 2
        assert message in " ".join((said.err + said.out).split()), line
        assert "Traceback" not in said.err
    with pytest.raises(UserError, match=message):
        Store(store_uri)
    assert tables_of(path) == before


def tables_of(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [*tables, *database.execute("SELECT version_num FROM alembic_version")]


def test_a_relative_store_is_named_for_another_folder(in_folder: Path) -> None:
    assert absolute_uri("sqlite:///a/b.db?timeout=3") == f"sqlite:///{in_folder}/a/b.db?timeout=3"
    assert absolute_uri("http://host:5000") == "http://host:5000"


def test_looking_at_a_store_leaves_the_locks_of_this_process_alone(tmp_path: Path) -> None:
    """Without them, another process that closes the database last removes its log under an open connection."""
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE experiments (name TEXT)")
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES (?)", (mlflow_revisions().head,))
        database.commit()
        check_usable(f"sqlite:///{path}")
        code = f"import sqlite3; d = sqlite3.connect({str(path)!r}); d.execute('DELETE FROM experiments'); d.close()"
        subprocess.run([sys.executable, "-c", code], check=True)
        assert path.with_name("mlflow.db-wal").exists()
