"""The journal of a sweep: one JSON line an event, appended before the event counts; a sweep resumes from it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from search_spaces import UserError
from trainables.base.worker.storage import NO_SPACE
from tunelab.search.events import FORMAT, MALFORMED, Ended, Event, Format, from_line, to_line
from tunelab.system.appending import open_to_append
from tunelab.system.errors import DiskFull

FILE = "journal.jsonl"
LOCK_FILE = "lock"


class Journal:
    """Appends the events of one sweep. The operating system gets every line at once, so that kill -9 loses none.

    Args:
        folder: The sweep's folder; it must exist.

    Raises:
        UserError: Another process runs this sweep, or the file is a link. A process releases its lock however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._owner = FileLock(folder / LOCK_FILE)
        try:
            self._owner.acquire(timeout=0)
        except Timeout as error:
            raise UserError(
                f"Sweep '{folder.name}' is running in another process. Wait for it, stop it, or give another --name."
            ) from error
        try:
            self._file = open_to_append(self.path)
        except BaseException:
            self._owner.release()
            raise
        self._cut_torn_line()
        self._lock = threading.Lock()  # the launcher's thread and tracking's both write
        self._flusher = _Flusher(self._file)

    def append(self, event: Event) -> None:
        """Write an event; the first one of a journal after a line with the format.

        Raises:
            DiskFull: There is no space left; the journal then ends with the event before, whole.
        """
        line = to_line(event)
        with self._lock:
            before = os.fstat(self._file).st_size
            if before == 0:
                line = to_line(Format(FORMAT)) + line
            try:
                if self._flusher.error is not None:
                    raise self._flusher.error
                written = os.write(self._file, line)
                if written < len(line):  # the disk took a part of it; writing the rest raises the reason
                    os.write(self._file, line[written:])
            except OSError as error:
                os.ftruncate(self._file, before)
                raise self._full(error) from error
        if isinstance(event, Ended):
            self._flusher.wanted.set()

    def close(self) -> None:
        """Let another process continue the sweep. Nothing can be written afterwards.

        Raises:
            DiskFull: There is no space left for what was written last.
        """
        self._flusher.finish()
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._full(error) from error
        finally:
            os.close(self._file)
            self._owner.release()

    def _full(self, error: OSError) -> Exception:
        if error.errno not in NO_SPACE:
            return error
        return DiskFull(f"The disk with '{self.path}' is full: {error.strerror}.")

    def _cut_torn_line(self) -> None:
        """Remove a last line that a kill left half-written."""
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.ftruncate(self._file, content.rfind(b"\n") + 1)


class _Flusher(threading.Thread):
    """Flushes a file to the disk soon after an event that should outlive a power failure.

    A disk needs milliseconds to do so, during which workers would wait for the launcher. Events of that time are
    flushed together.
    """

    def __init__(self, file: int) -> None:
        super().__init__(name="journal", daemon=True)
        self.wanted = threading.Event()
        self._file = file
        self.error: OSError | None = None
        self._closing = False
        self.start()

    def run(self) -> None:
        while not self._closing:
            self.wanted.wait()
            self.wanted.clear()
            try:
                os.fsync(self._file)
            except OSError as error:  # the next write raises it
                self.error = error

    def finish(self) -> None:
        """End the thread."""
        self._closing = True
        self.wanted.set()
        self.join()


def read_events(folder: Path) -> Iterator[Event]:
    """Yield the events of a folder's journal in order; a torn last line is left out.

    Yields:
        Events; nothing when there is no journal.

    Raises:
        UserError: The journal is damaged, or has a newer format.
    """
    yield from JournalTail(folder).read()


class JournalTail:
    """Reads a folder's journal, also while a sweep writes it.

    Args:
        folder: The sweep's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._bytes = self._lines = 0  # that were read

    def read(self) -> Iterator[Event]:
        """Yield the events that were written since the last call; a torn last line is left for the next one.

        Yields:
            Events in order.

        Raises:
            UserError: The journal is damaged, or has a newer format.
        """
        if self._path.is_fifo():  # it would be waited for
            raise UserError(f"The journal '{self._path}' is damaged: it is not a file.")
        try:
            with self._path.open("rb") as file:
                file.seek(self._bytes)
                content = file.read()
        except FileNotFoundError:
            return
        whole = content[: content.rfind(b"\n") + 1]
        self._bytes += len(whole)
        for line in whole.decode("utf-8", errors="replace").split("\n")[:-1]:
            self._lines += 1
            yield self._parse(line)

    def _parse(self, line: str) -> Event:
        try:
            event = from_line(line)
            newer = isinstance(event, Format) and event.version > FORMAT
        except MALFORMED as error:
            raise UserError(
                f"The journal '{self._path}' is damaged at line {self._lines}; this sweep cannot be resumed."
            ) from error
        if newer:
            raise UserError(
                f"The journal '{self._path}' was written by a newer version of tunelab, in a format that this one "
                "cannot read: resume the sweep with that version."
            )
        return event


def is_running(folder: Path) -> bool:
    """Return whether a process runs the sweep of a folder."""
    try:
        with FileLock(folder / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True
