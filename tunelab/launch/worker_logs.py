"""What workers wrote to stderr: Ray keeps it in a file per process, on the machine where the process runs."""

from __future__ import annotations

import re
from pathlib import Path

from search_spaces.errors import bounded_text
from tunelab.launch.ray_import import import_ray
from tunelab.system.redaction import without_secrets

COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # Ray colours its messages
MAX_ERROR = 24_000  # characters of an error's text: a worker's own is shorter, Ray's may hold anything
LIMIT = 4_000  # bytes kept of one trial's stderr, the last ones
PID = re.compile(r"\bpid[:=]\s*(\d+)")


def logs_folder() -> Path:
    """Return the log folder of the running Ray's session on this machine."""
    ray = import_ray()
    own = ray.get_runtime_context().get_node_id()
    socket_name = next(node["RayletSocketName"] for node in ray.nodes() if node["NodeID"] == own)
    return Path(socket_name).parents[1] / "logs"


class WorkerStderr:
    """Reads the stderr of worker processes on this machine, trial by trial.

    Args:
        logs: see ``logs_folder``; it may not exist here.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._marks: dict[int, int] = {}  # by pid, where the running trial's part begins

    def mark(self, pid: int) -> None:
        """Mark the end of a trial of this process (0 for one elsewhere); later output belongs to the next."""
        self._marks[pid] = sum(path.stat().st_size for path in self._files(pid))

    def since_mark(self, pid: int) -> str:
        """Return the end of what a process wrote since its last trial; empty for a process elsewhere."""
        content = b"".join(path.read_bytes() for path in self._files(pid))[self._marks.get(pid, 0) :]
        return content[-LIMIT:].decode("utf-8", "replace").strip()

    def _files(self, pid: int) -> list[Path]:
        return sorted(self._logs.glob(f"worker-*-{pid}.err"))


def pid_in(error: str) -> int:
    """Return the process id that Ray names in the error of a dead worker; 0 when it names none."""
    found = PID.search(error)
    return int(found[1]) if found else 0


def with_stderr(error: str, stderr: str) -> str:
    """Return an error's text followed by what the worker wrote, passwords in URIs removed."""
    error = bounded_text(without_secrets(COLOUR.sub("", error)), MAX_ERROR)
    if not stderr:
        return error
    return f"{error.rstrip()}\n\nThe worker's stderr ended with:\n{bounded_text(without_secrets(stderr), LIMIT)}\n"
