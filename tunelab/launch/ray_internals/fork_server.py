"""The fork server of a local Ray: a process that loads what workers need once; each worker is a copy of it.

``forks`` runs it as ``python -P -m tunelab.launch.ray_internals.fork_server NUMBER``, the file descriptor of a socket
that listens. ``fork_client`` asks it for workers. Its standard input is a pipe from the sweep's process, with which it
ends; one line may come over it, the environment that workers will have.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import runpy
import select
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.system.machine import has_loaded

AT_ONCE = (
    "trainables.base.worker.trial",
)  # torch; Ray's C++ part must wait: it reads a worker's variables as it loads
PRELOADED = "RAY_preload_python_modules"  # Ray's variable: what each worker loads as it starts, with commas
WITH_RAY = ("ray._private.workers.default_worker", "trainables.base.worker.trial_actor")
CREDENTIALS = "3i"  # struct ucred: process, user, group
STREAMS = 3  # standard input, output and error, which a request brings along
EXPECTED_SIGNALS = (signal.SIGKILL, signal.SIGTERM)  # Ray ends workers by these


@dataclass(frozen=True)
class Request:
    """What a worker would have been started with.

    Attributes:
        script: and its arguments.
        environment: all variables.
        folder: the working directory.
        oom_score_adj: how soon the kernel ends it when memory is short.
        open_files: how many it may have, soft and hard limit; Ray raises the soft one.
    """

    script: list[str]
    environment: dict[str, str]
    folder: str
    oom_score_adj: str
    open_files: tuple[int, int]


class Server:
    """Answers requests until standard input ends.

    It forks nothing when copies would draw the same ids or find a CUDA that does not work in them, no more once a copy
    has died by a crash signal, such as SIGABRT, and not for a request whose variables Ray's C++ part has not
    seen. The client then starts its worker as Ray would.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._seen: dict[str, str] | None = None  # variables as Ray's C++ part has read them
        self._trusted = True
        self._ended, self._wake = socket.socketpair()

    def serve(self) -> Request | None:
        """Return a request in each copy, and None in the server itself at its end."""
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno())
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # else no byte comes
        _load(AT_ONCE)
        with selectors.DefaultSelector() as ready:
            for source in (sys.stdin, self._listener, self._ended):
                ready.register(source, selectors.EVENT_READ)
            while True:
                sources = [key.fileobj for key, _ in ready.select()]
                if sys.stdin in sources and not self._prepare(sys.stdin.readline()):
                    return None
                if self._ended in sources:
                    self._ended.recv(4096)
                    self._reap()
                if self._listener in sources and (request := self._answer()) is not None:
                    return request

    def _answer(self) -> Request | None:
        """Accept one request of this user's; return it in the copy that is to fulfil it."""
        connection, _ = self._listener.accept()
        with connection:
            if not _is_own(connection):
                return None
            request, streams = _receive(connection)
            try:
                if request is not None and self._may_fork(request) and not _is_gone(connection):
                    pid = os.fork()
                    if pid == 0:
                        self._let_go(streams)
                        return request
                    connection.sendall(str(pid).encode())
            except BrokenPipeError:  # the client has died in this moment
                pass
            finally:
                for stream in streams:
                    os.close(stream)
        return None

    def _prepare(self, line: str) -> bool:
        """Read the environment of future workers; false at the pipe's end."""
        if line and self._seen is None:
            self._load_ray(json.loads(line))
        return bool(line)

    def _may_fork(self, request: Request) -> bool:
        if self._seen is None:
            self._load_ray(request.environment)
        return self._trusted and _of_ray(request.environment) == self._seen

    def _load_ray(self, environment: dict[str, str]) -> None:
        self._seen = _of_ray(environment)
        _become(environment)
        with undrawn_ids():
            _load(WITH_RAY)
            with suppress(ImportError):  # workers say what is wrong, and continue
                _load(tuple(filter(None, environment.get(PRELOADED, "").split(","))))
        self._trusted = _draw_differently() and not _cuda_is_loaded()
        gc.collect()
        gc.freeze()  # the collector leaves the pages that copies share as they are

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) not in EXPECTED_SIGNALS:
                self._trusted = False

    def _let_go(self, streams: list[int]) -> None:
        """In a copy, switch to the worker's streams and leave the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)  # Ray ends whole groups
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        for own in (self._listener, self._ended, self._wake):
            own.close()


def _is_own(connection: socket.socket) -> bool:
    """Return whether a client is a process of this user, as the kernel says: a request names code to run."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(CREDENTIALS))
    _, user, _ = struct.unpack(CREDENTIALS, credentials)
    return bool(user == os.geteuid())


def _receive(connection: socket.socket) -> tuple[Request | None, list[int]]:
    """Return a request and its streams; None when it is not whole."""
    content, streams, _, _ = socket.recv_fds(connection, 1 << 16, STREAMS)
    while part := connection.recv(1 << 16):
        content += part
    try:
        return Request(**json.loads(content)), streams
    except (ValueError, TypeError):
        return None, streams


def _of_ray(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("RAY_")}


def _is_gone(connection: socket.socket) -> bool:
    """Return whether a client has died: Ray has given up on that worker."""
    poll = select.poll()
    poll.register(connection, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def _become(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _load(modules: tuple[str, ...]) -> None:
    for name in modules:
        importlib.import_module(name)


@contextmanager
def undrawn_ids() -> Iterator[None]:
    """Keep the decoration of actors in this block from drawing an id from the generator of Ray's C++ part.

    That seeds itself when it is first drawn from, for good: copies made after that would all draw the same ids.
    """
    actor = importlib.import_module("ray.actor")
    ids: Any = actor.ActorClassID

    class Ids:
        @staticmethod
        def from_random() -> Any:
            return ids(os.urandom(ids.size()))

    actor.ActorClassID = Ids  # type: ignore[attr-defined]
    try:
        yield
    finally:
        actor.ActorClassID = ids  # type: ignore[attr-defined]


def _draw_differently() -> bool:
    """Return whether two copies of this process draw ids, and different ones."""
    drawn = {_drawn_by_a_copy(), _drawn_by_a_copy()}
    return len(drawn) == 2 and b"" not in drawn


def _cuda_is_loaded() -> bool:
    """Return whether this process has loaded CUDA's driver, which fails in its copies; torch loads it on first use."""
    return has_loaded("libcuda.so")


def _drawn_by_a_copy() -> bytes:
    import ray

    result, given = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(given, ray.ObjectRef.from_random().binary())
        finally:
            os._exit(0)
    os.close(given)
    drawn = os.read(result, 64)  # nothing, when the copy has died
    os.close(result)
    os.waitpid(pid, 0)
    return drawn


def run_worker(request: Request) -> None:
    """Run a request's script as ``python SCRIPT`` would."""
    _become(request.environment)
    os.chdir(request.folder)
    Path("/proc/self/oom_score_adj").write_text(request.oom_score_adj, encoding="ascii")
    resource.setrlimit(resource.RLIMIT_NOFILE, request.open_files)
    sys.argv = request.script
    sys.path.insert(0, str(Path(request.script[0]).parent))
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # Python's own generator is seeded again by itself
    runpy.run_path(request.script[0], run_name="__main__")


if __name__ == "__main__":
    wanted = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if wanted is not None:
        run_worker(wanted)
