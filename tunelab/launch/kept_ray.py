"""A Ray that stays between the sweeps of one process, so that the second one starts training at once.

What stays in memory are Ray's two processes and the fork server that workers are copies of; workers themselves end with
their sweep, and with them what they held on a GPU. All of it ends with ``shutdown``, after ``IDLE_SECONDS`` without a
sweep, and with this process, however that ends.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import RLock, Timer

from search_spaces.errors import UserError
from tunelab.launch.cluster_address import given_address

IDLE_SECONDS = 900.0


@dataclass(frozen=True)
class _KeptRay:
    """A Ray that runs on.

    Attributes:
        block: What its end takes.
        address: Of the cluster; None for a local Ray.
        pid: Of the process that started it, whose forks must leave it alone.
    """

    block: ExitStack
    address: str | None
    pid: int


_lock = RLock()
_kept: _KeptRay | None = None
_users = 0  # sweeps that run
_timer: Timer | None = None


def shutdown() -> None:
    """End the Ray that stays between sweeps, and its workers; do nothing where there is none.

    The next sweep starts another one. It happens by itself when the process ends, and after a quarter of an hour
    without a sweep. Call it before a ``ray.init`` of your own.

    Raises:
        UserError: A sweep runs.
    """
    with _lock:
        if _users:
            raise UserError("A sweep runs in this process: interrupt it before tunelab.shutdown().")
        shutdown_kept()


def keep_running(block: ExitStack, address: str | None) -> None:
    """Keep a Ray that was started until ``shutdown``.

    Args:
        block: What its end takes.
        address: Of the cluster; None for a local Ray.
    """
    global _kept
    with _lock:
        _kept = _KeptRay(block, address, os.getpid())
        atexit.unregister(_at_exit)
        atexit.register(_at_exit)  # after Ray's own, so that it is called first


def leave_other(address: str | None) -> None:
    """End the Ray that stays where a sweep names another cluster."""
    with _lock:
        if _kept is not None and not _users and _kept.address != given_address(address):
            shutdown_kept()


@contextmanager
def in_use() -> Iterator[None]:
    """Count a sweep for the time of the block; after the last one begins the time until Ray ends by itself."""
    global _users, _timer
    with _lock:
        _users += 1
        if _timer is not None:
            _timer.cancel()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _kept is not None and not _users:
                _timer = Timer(IDLE_SECONDS, _when_idle)
                _timer.daemon = True
                _timer.start()


def shutdown_kept() -> None:
    """End the Ray that stays, if there is one, also one that died."""
    global _kept
    with _lock:
        kept, _kept = _kept, None
        if kept is not None and kept.pid == os.getpid():
            kept.block.close()


def _when_idle() -> None:
    with _lock:
        if not _users:
            shutdown_kept()


def _at_exit() -> None:
    if _timer is not None:
        _timer.cancel()
    shutdown_kept()
