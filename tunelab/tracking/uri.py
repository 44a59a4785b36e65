"""The URI of a tracking store: what it means, and whether it can be used. Nothing here writes, or loads MLflow."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from search_spaces import UserError
from tunelab.records.spec import OFF
from tunelab.system.redaction import without_secrets
from tunelab.tracking.schema import check_revision

SERVERS = ("http", "https")
DATABASES = ("postgresql", "mysql", "mssql")
SCHEME = re.compile(r"([a-z]+)(?:\+\w+)?:")
NEEDS_QUOTES = re.compile("[%?]")
LOCKED_SECONDS = 1.0
VERSION_TABLE = "alembic_version"
REVISION_QUERY = f"SELECT version_num FROM {VERSION_TABLE}"
MLFLOW_TABLES = {"experiments", VERSION_TABLE}  # one of them is there from the first moment on


def default_tracking_uri() -> str:
    """Return what ``MLFLOW_TRACKING_URI`` says, else ``sqlite:///<cwd>/mlruns/mlflow.db``.

    In a folder whose path would have to be quoted, the URI is relative: MLflow creates the folder of a sqlite file
    by its quoted name.
    """
    folder = str(Path.cwd())
    path = "mlruns/mlflow.db" if NEEDS_QUOTES.search(folder) else f"{folder.rstrip('/')}/mlruns/mlflow.db"
    return environment_uri() or f"sqlite:///{path}"


def environment_uri() -> str:
    """Return the store that ``MLFLOW_TRACKING_URI`` names; empty for a folder, which is left to its user."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    return "" if _is_folder(uri) else uri


def folder_note(uri: str) -> str:
    """Return the sentence that MLflow is set to a folder, which is not the store of a sweep; empty when it is not."""
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not given or not _is_folder(given) or uri != default_tracking_uri():
        return ""
    folder = without_secrets(given)
    return f"MLflow is set to the folder '{folder}', which tunelab does not write to: results go to '{uri}'"


def _is_folder(uri: str) -> bool:
    return scheme_of(uri) in ("", "file") and uri != OFF


def check_uri(uri: str) -> str:
    """Return the URI of a store that tunelab works with, or ``"off"``; raise ``UserError`` for anything else."""
    scheme = scheme_of(uri)
    if uri == OFF or (scheme == "sqlite" and sqlite_path(uri) is not None):
        return uri
    if names_server(uri):
        return uri
    if scheme in DATABASES:
        _check_driver(uri)
        return uri
    raise UserError(
        f"--tracking-uri '{without_secrets(uri)}' is not a store that can be used. Give sqlite:///path/mlflow.db, "
        f"the URL of an MLflow server (http://…), a database ({', '.join(DATABASES)}), or off."
    )


def names_server(uri: str) -> bool:
    """Return whether this is the URL of a server, with a host."""
    return scheme_of(uri) in SERVERS and _names_a_host(uri)


def scheme_of(uri: str) -> str:
    """``sqlite``, ``http``, ``postgresql``, ... without the driver; empty when there is none."""
    match = SCHEME.match(uri)
    return match[1] if match else ""


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a sqlite store, absolute; None for other stores; raise ``UserError`` when it names no file."""
    if scheme_of(uri) != "sqlite":
        return None
    path = uri.partition("?")[0].partition(":///")[2]  # sqlite:///relative.db or sqlite:////absolute.db
    if "%" in path:
        from sqlalchemy import make_url  # how a quoted path is read is its business; it takes a while to load

        path = make_url(uri).database or ""
    if not path.strip("/") or path.endswith("/") or path == ":memory:" or "\0" in path:
        raise UserError(f"--tracking-uri '{uri}' names no file. Write sqlite:///path/mlflow.db.")
    return Path(path).absolute()


def absolute_uri(uri: str) -> str:
    """Return the URI with an absolute path, for use in another directory; one that needs quoting stays relative."""
    path = sqlite_path(uri)
    if path is None or NEEDS_QUOTES.search(str(path)):
        return uri
    options = uri.partition("?")[2]
    return f"sqlite:///{path}{f'?{options}' if options else ''}"


def home_of(uri: str) -> Path:
    """Return the folder that belongs to a store: a sqlite file's own, else ``mlruns`` in the working directory."""
    path = sqlite_path(uri)
    return Path.cwd() / "mlruns" if path is None else path.parent


def store_home(uri: str | None) -> Path:
    """Return the folder that belongs to the store that ``--tracking-uri`` names; of the default store without one."""
    return home_of(check_uri(uri or default_tracking_uri()))


def check_usable(uri: str) -> None:
    """Raise ``UserError`` when a sqlite store cannot be there, or a store's folder not be written."""
    path = sqlite_path(uri)
    if path is not None:
        check_sqlite(path)
    check_writable(home_of(uri))


def is_new(uri: str) -> bool:
    """Return whether a store is a sqlite file that is not there yet."""
    path = sqlite_path(uri)
    return path is not None and not os.path.exists(path)


def check_exists(uri: str) -> None:
    """Raise ``UserError`` when there is no sqlite store to read yet; a server must be asked."""
    path = sqlite_path(uri)
    if path is None:
        return
    if not os.path.exists(path) or (path.is_file() and not path.stat().st_size):
        raise UserError(f"There is no store at '{path}' yet; the first sweep creates it.")
    check_sqlite(path)


def check_sqlite(path: Path) -> None:
    """Raise ``UserError`` for a file that is not an MLflow database, or is one with another schema.

    MLflow would try the first for minutes, and may migrate the second without a question.

    The file is read by sqlite alone: to open and close it by hand would drop the locks that this process holds on it,
    and another could then take the log from under it.
    """
    if not os.path.exists(path):
        return
    if path.is_file() and not os.access(path, os.W_OK):
        raise UserError(f"The store '{path}' cannot be used: {os.strerror(errno.EACCES)}.")
    try:
        if not path.is_file():
            raise sqlite3.DatabaseError
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=LOCKED_SECONDS)) as database:
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            rows = database.execute(REVISION_QUERY).fetchall() if VERSION_TABLE in tables else []
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, or left by a killed process: MLflow will see
            return
        raise UserError(
            f"The store '{path}' is not an sqlite database, or it is damaged. Give another --tracking-uri."
        ) from error
    if tables and not tables & MLFLOW_TABLES:
        raise UserError(f"The database '{path}' is another program's: MLflow made none of it. Give another file.")
    if tables:
        check_revision(str(rows[0][0]) if rows else "", f"'{path}'")


def check_writable(folder: Path, option: str = "--tracking-uri") -> None:
    """Raise ``UserError`` when a folder, which ``option`` names, cannot be created or written."""
    existing = existing_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=existing):  # the one sure way: root may write anywhere, but not to /proc
            return
    except OSError as error:
        raise UserError(
            f"The folder '{folder}' cannot be written ({existing}: {error.strerror}). Choose another with {option}."
        ) from error


def existing_folder(path: Path) -> Path:
    """Return the path itself, or the nearest folder above it that exists."""
    return path if os.path.exists(path) or path == path.parent else existing_folder(path.parent)


def _names_a_host(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_driver(uri: str) -> None:
    """Raise ``UserError`` for a database URI that cannot be read, or whose Python driver is not installed."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    shown = without_secrets(uri)
    try:
        make_url(uri).get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        hint = f"install it, or name another driver ({scheme_of(uri)}+DRIVER://…)"
        if scheme_of(uri) == "postgresql":
            hint = "pip install 'tunelab[postgres]', and write postgresql+psycopg2://…"
        raise UserError(f"--tracking-uri '{shown}' needs the module '{error.name}': {hint}.") from error
    except (ArgumentError, ValueError) as error:
        what = str(error).partition("\n")[0].removesuffix(".")
        raise UserError(f"--tracking-uri '{shown}' cannot be read: {without_secrets(what)}.") from error
