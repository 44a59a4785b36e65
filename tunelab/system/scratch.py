"""Scratch folders of a sweep's process, which ``tunelab clean`` finds when a kill left them behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRATCH_PREFIX = "tunelab-"
PROCESS_MARK = "tunelab.pid"  # in a scratch folder, and in that of a Ray session of our own: its process


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder for the time of the block."""
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-"))
    try:
        mark_process(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mark_process(folder: Path) -> None:
    """Notes in a folder that it is this process's."""
    (folder / PROCESS_MARK).write_text(str(os.getpid()), encoding="utf-8")
