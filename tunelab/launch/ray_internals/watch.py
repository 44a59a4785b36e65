"""Ray's processes watched from outside: their death is an event, and not the end of this process by Ray's C++ part.

Ray's driver part ends its process some seconds after the raylet died, and a minute after the control process did. What
needs Ray runs in a thread of its own, so that the main one can let go of Ray first and end the sweep in order.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Any

import psutil

from tunelab.launch.own_ray import has_ended, own_processes, own_sessions
from tunelab.launch.ray_internals.parts import forbid_restart
from tunelab.system.errors import RayLost

LOOK_SECONDS = 0.2
CLUSTER_LOOKS = 10  # looks at a cluster on other machines, one in this many: each is a connection
CONNECT_SECONDS = 5.0
TUNE_SECONDS = 30.0  # for Tune to end when it is told to, on a busy machine
END_SECONDS = 10.0  # for Ray's driver part to let go
PARTS = ("gcs_server", "raylet")


def run_watched(act: Callable[[], object], give_up: Callable[[Exception], object], ray: Any) -> None:
    """Run something that needs Ray to its end, or to Ray's.

    Args:
        act: runs in a thread of its own.
        give_up: called when ``act`` is to end early, with the reason.
        ray: the module; Ray runs.

    Raises:
        RayLost: a process of Ray's ended; this process has let go of Ray by then.
        Exception: what ``act`` raised.
    """
    lost_part = make_look(ray)
    raised: list[BaseException] = []
    ended = Event()  # not Thread.join: interrupted by a signal, it marks a running thread as ended (Python 3.11)

    def run() -> None:
        try:
            act()
        except BaseException as problem:  # noqa: BLE001 raised again below
            raised.append(problem)
        finally:
            ended.set()

    try:
        Thread(target=run, name="trials", daemon=True).start()
        over = False
        while not over:
            over = ended.wait(LOOK_SECONDS)
            part = lost_part()  # also at the end: Ray's death may be what ended it
            if part:
                problem = RayLost(f"Ray's process '{part}' ended while trials ran")
                give_up(problem)
                let_go(ray)
                raise problem
    except KeyboardInterrupt as problem:
        give_up(RayLost(str(problem)))
        if not ended.wait(TUNE_SECONDS):
            forbid_restart(ray)  # else the thread's next call starts another Ray once this one has ended
        raise
    if raised:
        raise raised[0]


@contextmanager
def guarded(ray: Any) -> Iterator[None]:
    """Let go of a Ray that dies during the block, also where nothing waits for it.

    The block ends before Ray is ended on purpose. A user who ends this Ray with ``ray.shutdown()`` and starts another
    one keeps that.
    """
    lost_part, over, address = make_look(ray), Event(), address_of(ray)

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            if lost_part():
                if address_of(ray) == address:
                    let_go(ray)
                return

    thread = Thread(target=watch, name="watching Ray", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def address_of(ray: Any) -> str:
    """Return the address of the Ray that this process is connected to; empty without one."""
    return str(ray.get_runtime_context().gcs_address) if ray.is_initialized() else ""


def make_look(ray: Any) -> Callable[[], str]:
    """Return a function that names the part of Ray that has ended; empty while all is well."""
    started = own_processes()
    processes = {part: started[part] for part in PARTS if part in started}
    if processes:
        return lambda: _first_ended(processes)
    host, _, port = str(ray.get_runtime_context().gcs_address).rpartition(":")
    looks = failures = 0

    def look() -> str:
        nonlocal looks, failures
        looks += 1
        if looks % CLUSTER_LOOKS:
            return ""
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
            failures = 0
        except OSError:
            failures += 1
        return "the cluster's control process" if failures > 1 else ""

    return look


_first: dict[frozenset[int], str] = {}  # which part ended first, by the process numbers of a Ray


def _first_ended(processes: Mapping[str, psutil.Process]) -> str:
    """Return the part that ended first; empty while none has. The first thread to see it ends the others itself."""
    key = frozenset(process.pid for process in processes.values())
    part = next((part for part, process in processes.items() if has_ended(process)), "")
    return _first.setdefault(key, part) if part else ""


def let_go(ray: Any) -> None:
    """End what is left of a local Ray, and this process's part in it, which would end the process otherwise."""
    with _letting_go:
        _let_go(ray)


_letting_go = Lock()  # the thread that watches and the one that waits may both see the death


def _let_go(ray: Any) -> None:
    started = own_processes()
    forbid_restart(ray)
    for process in started.values():
        with suppress(psutil.Error):
            process.kill()
    thread = Thread(target=_shut_down, args=(ray,), name="letting go", daemon=True)
    thread.start()
    thread.join(END_SECONDS)
    for folder in own_sessions() if started else ():
        shutil.rmtree(folder, ignore_errors=True)


def _shut_down(ray: Any) -> None:
    with suppress(Exception):  # half of it is gone
        ray.shutdown()
