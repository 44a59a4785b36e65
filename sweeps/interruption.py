"""Ctrl-C, SIGTERM and a closed terminal: the first asks for an orderly end, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

KINDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 130


class Interruptions:
    """Signals of the process while a sweep runs. Does nothing outside the main thread, where none arrive."""

    def __init__(self) -> None:
        self._asked = False
        self._main = threading.current_thread() is threading.main_thread()

    @contextmanager
    def raised(self) -> Iterator[None]:
        """In this block the first signal raises ``KeyboardInterrupt``."""
        with self.answered_by(_raise):
            yield

    @contextmanager
    def answered_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """In this block the first signal calls ``stop``. Blocks nest; each sets handlers anew: Ray sets its own."""
        if not self._main:
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            if self._asked:
                os._exit(EXIT_CODE)
            self._asked = True
            stop()

        before = {kind: signal.signal(kind, handle) for kind in KINDS}
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)


@contextmanager
def put_off() -> Iterator[None]:
    """In this block the first signal waits for its end: what runs here does not survive being left in the middle."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            os._exit(EXIT_CODE)
        came.append(number)

    before = {kind: signal.signal(kind, note) for kind in KINDS}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def hangup_ignored() -> Iterator[None]:
    """In this block started processes learn to ignore a closing terminal, which would end them before the sweep."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _raise() -> None:
    raise KeyboardInterrupt
