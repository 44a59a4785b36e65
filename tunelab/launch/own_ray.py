"""The Ray that this process has started, as the operating system knows it: its processes and its session folders.

Ray has no public way to either once it has died, or when it did not come up.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil


def sessions_folder() -> Path:
    """Return the folder in which a local Ray makes its session folders."""
    return Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray"


def own_sessions() -> list[Path]:
    """Return the session folders of this process, the newest last; Ray names them after the time and the process."""
    return sorted(sessions_folder().glob(f"session_*_{os.getpid()}"))


def own_processes() -> dict[str, psutil.Process]:
    """Return the processes that this one has started for its Ray, by program: ``raylet``, ``gcs_server``, ...

    Empty where Ray belongs to a cluster or to another process.
    """
    found: dict[str, psutil.Process] = {}
    for process in psutil.Process().children():
        try:
            words = process.cmdline()
        except psutil.Error:  # it ended in this moment
            continue
        if any("session_" in word and f"_{os.getpid()}" in word for word in words):
            found[Path(words[0]).name] = process
    return found


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process is gone, or has left nothing but its exit status."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
