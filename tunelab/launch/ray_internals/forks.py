"""Workers of a local Ray as forks of one process that has loaded what they need.

A worker that loads Ray, Tune and torch by itself takes three seconds of CPU and 370 MB of its own; a fork takes .2 s
and 40 MB.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from search_spaces.errors import UserError
from tunelab.launch.cluster_address import given_address
from tunelab.launch.ray_internals.parts import forks_on
from tunelab.system.scratch import short_folder

CLIENT = Path(__file__).with_name("fork_client.py")
MAX_FOLDER = 100  # characters of a path: with the socket's name at most 107
SOCKET = "forks"  # in the scratch folder; what the server says of itself lies beside it
WORKER_COMMAND = "--python_worker_command="  # of a raylet's command line


@dataclass(frozen=True)
class ForkServer:
    """A fork server that starts, or has started.

    Attributes:
        path: of its socket; empty where there is none.
        pipe: its standard input.
    """

    path: str = ""
    pipe: IO[bytes] | None = None

    def expect_workers(self, environment: Mapping[str, str]) -> None:
        """Make the server load Ray's part for workers with these variables before the first one is requested.

        Others are then started by Ray, so that a wrong guess costs time and no more.
        """
        if self.pipe is not None:
            with suppress(BrokenPipeError):  # it could not start: Ray starts workers by itself then
                self.pipe.write(json.dumps(dict(environment)).encode() + b"\n")
                self.pipe.flush()

    def in_raylet(self, command: Sequence[str]) -> list[str]:
        """Return a raylet's command line with which it asks the server for its workers."""
        asking = subprocess.list2cmdline([sys.executable, "-I", "-S", str(CLIENT), self.path])
        return [
            f"{WORKER_COMMAND}{asking} {word.removeprefix(WORKER_COMMAND)}"
            if self.path and word.startswith(WORKER_COMMAND)
            else word
            for word in command
        ]


NONE = ForkServer()
_running = NONE  # of the outermost block


@contextmanager
def fork_server(address: str | None = None) -> Iterator[ForkServer]:
    """Yield this process's fork server for the block; it ends with this process, however that ends.

    A block within another has the same one. There is none where workers are another cluster's or of a Ray that runs
    already, and where a process that has loaded torch cannot be trusted to fork: elsewhere than on Linux.

    Args:
        address: of the cluster; None for a local Ray.
    """
    global _running
    if _running is not NONE or sys.platform != "linux" or not forks_on() or not starts_ray(address):
        yield _running
        return
    with new_server() as _running:
        try:
            yield _running
        finally:
            _running = NONE


def starts_ray(address: str | None) -> bool:
    """Return whether a sweep starts a local Ray, and not one that runs already is used."""
    return given_address(address) is None and not ray_runs()


def ray_runs() -> bool:
    """Return whether a Ray runs in this process; loads none to find out."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


@contextmanager
def new_server() -> Iterator[ForkServer]:
    """Yield a fork server of the block's own."""
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as scratch:
        path = ""
        with suppress(OSError, UserError):  # no space for temporary files: Ray starts workers by itself then
            folder = scratch.enter_context(short_folder(MAX_FOLDER))  # which only this user can enter
            listener.bind(str(folder / SOCKET))
            (folder / SOCKET).chmod(0o600)
            listener.listen()
            path = str(folder / SOCKET)
        if not path:
            yield NONE
            return
        errors = scratch.enter_context((folder / "stderr.txt").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tunelab.launch.ray_internals.fork_server", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            pass_fds=(listener.fileno(),),
        )
        listener.close()
        try:
            yield ForkServer(path, process.stdin)
        finally:
            process.kill()  # it may be loading still; the pipe is for the case that this process is killed
            process.communicate()
