"""Ctrl-C, SIGTERM and a closed terminal: the first asks for an orderly end, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

KINDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 130
Handler: TypeAlias = Callable[[int, FrameType | None], None] | signal.Handlers


class Interruptions:
    """Signals of the process while a sweep runs. Does nothing outside the main thread, where none arrive."""

    def __init__(self) -> None:
        self._asked = False

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Raise ``KeyboardInterrupt`` at the first signal in this block."""
        with self.answered_by(_raise):
            yield

    @contextmanager
    def answered_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call ``stop`` at the first signal in this block. Blocks nest; each sets handlers again: Ray sets its own."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self._asked:
                os._exit(EXIT_CODE)
            self._asked = True
            stop()

        with _handled_by(handle):
            yield


@contextmanager
def put_off() -> Iterator[None]:
    """Delay the first signal to the end of this block, which must not be left in the middle."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            os._exit(EXIT_CODE)
        came.append(number)

    try:
        with _handled_by(note):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])


@contextmanager
def unanswered() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the process at once in this block: for calls that hold the interpreter."""
    with _handled_by(signal.SIG_DFL, (signal.SIGINT, signal.SIGTERM)):
        yield


@contextmanager
def hangup_ignored() -> Iterator[None]:
    """Let processes started in this block ignore a closing terminal, which would end them before the sweep."""
    with _handled_by(signal.SIG_IGN, (signal.SIGHUP,)):
        yield


@contextmanager
def _handled_by(handler: Handler, kinds: Sequence[signal.Signals] = KINDS) -> Iterator[None]:
    """Send signals to a handler in this block, afterwards to those before it; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {kind: signal.signal(kind, handler) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler_before in before.items():
            signal.signal(kind, handler_before)


def _raise() -> None:
    raise KeyboardInterrupt
