"""What a local Ray needs of this machine to start: a short folder, a token, open files; why it could not."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from search_spaces import UserError
from search_spaces.errors import describe_error
from tunelab.launch.own_ray import sessions_folder
from tunelab.system.redaction import without_secrets
from tunelab.system.scratch import short_folder

# Ray's sockets lie in FOLDER/session_2026-11-29_02-26-35_832801_2123800/sockets/plasma_store, at most 107 characters.
MAX_FOLDER = 38
MIN_FILES = 512  # open at once: Ray's processes, a worker a CPU, the store
LITTLE_ADDRESS_SPACE = 16 * 2**30  # bytes; Ray's processes reserve far more than they use
TOKEN_VARIABLES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@contextmanager
def prepared() -> Iterator[str | None]:
    """Prepare the start of a local Ray; for the time of the block.

    Yields:
        The folder in which Ray makes its own, where the usual one is too long for a socket or cannot be written; None
        for the usual one.

    Raises:
        UserError: no folder is short enough, or the process may open too few files.
    """
    _raise_open_files()
    usual = sessions_folder()
    if len(str(usual)) <= MAX_FOLDER and _writable(usual) and _has_token():
        yield None
        return
    with short_folder(MAX_FOLDER - len("/ray")) as folder:
        added = {} if _has_token() else {"RAY_AUTH_TOKEN_PATH": _write_token(folder)}
        with _environment(RAY_TMPDIR=str(folder), **added):
            yield str(folder)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables inside the block; restore them on exit."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def start_failed(error: BaseException, where: str) -> UserError:
    """Return the sentence for whatever Ray raised when it was started or connected to."""
    what = without_secrets(describe_error(error, whole=False))
    return UserError(f"Ray cannot be used at '{where}': {what}. {_advice()}")


def _advice() -> str:
    space = resource.getrlimit(resource.RLIMIT_AS)[0]
    if space != resource.RLIM_INFINITY and space < LITTLE_ADDRESS_SPACE:
        return (
            f"This process may reserve {space / 2**30:.1f} GiB of memory (ulimit -v), of which Ray reserves more: "
            "lift the limit, or limit memory by a control group."
        )
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if processes != resource.RLIM_INFINITY and processes < 1_000:
        return f"This user may start {processes} processes and threads (ulimit -u), and Ray needs some hundreds."
    return "`tunelab doctor` shows memory, disks and limits of this machine."


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < MIN_FILES:
        wanted = MIN_FILES if hard == resource.RLIM_INFINITY else min(MIN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        if wanted < MIN_FILES:
            raise UserError(
                f"This process may open {hard} files at once (ulimit -n), and Ray with its workers needs {MIN_FILES}: "
                "raise the limit and start again."
            )


def _has_token() -> bool:
    """Return whether Ray finds a token for its own connections, or can write one into the home folder."""
    if any(os.environ.get(name) for name in TOKEN_VARIABLES):
        return True
    token = Path(os.path.expanduser("~"), ".ray", "auth_token")
    return os.access(token, os.R_OK) or _writable(token.parent)


def _write_token(folder: Path) -> str:
    path = folder / "auth_token"
    path.touch(mode=0o600)
    path.write_text(token_hex(32), encoding="ascii")
    return str(path)


def _writable(folder: Path) -> bool:
    """Return whether a folder, or the nearest existing one above, is writable; root may not write to /proc."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False
