"""Scratch folders of a sweep's process, which ``tunelab clean`` finds when a kill left them behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from search_spaces.errors import UserError

SCRATCH_PREFIX = "tunelab-"
PROCESS_MARK = "tunelab.pid"  # in a scratch folder, and in that of a Ray session of our own: its process


SHORT_PARENTS = ("/tmp", "/var/tmp", "/dev/shm")  # where every user can write, beside the folder that TMPDIR names


@contextmanager
def short_folder(limit: int) -> Iterator[Path]:
    """Make a folder whose path has at most ``limit`` characters, for sockets; for the time of the block.

    Raises:
        UserError: there is not enough space for one.
    """
    for parent in (tempfile.gettempdir(), *SHORT_PARENTS):
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-", dir=parent))
            if len(str(folder)) <= limit:
                break
            folder.rmdir()
    else:
        raise UserError(
            f"No folder with a path of at most {limit} characters, which sockets need, can be made in "
            f"{tempfile.gettempdir()}, {', '.join(SHORT_PARENTS)}. Set TMPDIR to a short one that can be written."
        )
    with _removed(folder):
        yield folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder that is removed after the block."""
    with _removed(Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-"))) as folder:
        yield folder


@contextmanager
def _removed(folder: Path) -> Iterator[Path]:
    """Mark a folder as this process's and remove it after the block."""
    try:
        mark_process(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mark_process(folder: Path) -> None:
    """Note in a folder that it is this process's."""
    (folder / PROCESS_MARK).write_text(str(os.getpid()), encoding="utf-8")
