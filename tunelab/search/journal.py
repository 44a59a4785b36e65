"""The journal of a sweep: one JSON line per event, appended before it counts; a sweep resumes from it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from search_spaces import UserError
from trainables.base.worker.storage import NO_SPACE
from tunelab.records.trial import Epoch, Row, TrialRecord, TrialStatus
from tunelab.system.errors import DiskFull

FILE = "journal.jsonl"
LOCK_FILE = "lock"


class Journal:
    """Appends events of one sweep. Every line is handed to the operating system at once, so kill -9 loses none.

    All writing methods raise ``DiskFull`` when there is no room; the journal then ends with the event before, whole.

    Args:
        folder: the sweep's; it must exist.

    Raises:
        UserError: another process runs this sweep. Its lock goes with it, however it ends.
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
        self._cut_torn_line()
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._lock = threading.Lock()  # the launcher's thread and tracking's both write
        self._flusher = _Flusher(self._file)

    def proposed(self, trial: TrialRecord) -> None:
        """A trial exists from now on."""
        self._write(
            event="proposed",
            trial=trial.number,
            params=dict(trial.params),
            config=dict(trial.config),
            seed=trial.seed,
            max_epochs=trial.max_epochs,
            time=trial.started,
        )

    def reported(self, number: int, rows: list[Row]) -> None:
        """Epochs that reached the driver."""
        self._write(event="reported", trial=number, rows=rows)

    def checkpointed(self, number: int, epoch: int, uri: str) -> None:
        """A checkpoint of a running trial is complete."""
        self._write(event="checkpointed", trial=number, epoch=epoch, uri=uri)

    def restarted(self, number: int, epoch: int, error: str) -> None:
        """A trial goes on after ``epoch`` (0: from the start) because its worker died or the sweep was resumed."""
        self._write(event="restarted", trial=number, epoch=epoch, error=error)

    def ended(self, record: TrialRecord) -> None:
        """A trial is over; its curve ends at its last epoch, whatever was reported beyond."""
        self._write(
            event="ended",
            trial=record.number,
            status=str(record.status),
            epochs=record.epochs[-1].epoch if record.epochs else 0,
            time=record.ended,
            error=record.error,
            worker=record.worker,
        )
        self._flusher.wanted.set()

    def tracked(self, number: int, run_id: str) -> None:
        """A trial is in the tracking store, complete."""
        self._write(event="tracked", trial=number, run_id=run_id)

    def note(self, event: str, **values: Any) -> None:
        """Something about the sweep as a whole, e.g. its parent run or an opening of the test set."""
        self._write(event=event, **values)

    def close(self) -> None:
        """Lets another process go on with the sweep. Nothing can be written afterwards."""
        self._flusher.finish()
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._full(error) from error
        finally:
            os.close(self._file)
            self._owner.release()

    def _write(self, **values: Any) -> None:
        # a lone surrogate, which UTF-8 has no bytes for, becomes the JSON escape that means it
        line = (json.dumps(values, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        with self._lock:
            before = os.fstat(self._file).st_size
            try:
                if self._flusher.error is not None:
                    raise self._flusher.error
                written = os.write(self._file, line)
                if written < len(line):  # the disk took a part of it; the rest says why it is no more
                    os.write(self._file, line[written:])
            except OSError as error:
                os.ftruncate(self._file, before)
                raise self._full(error) from error

    def _full(self, error: OSError) -> Exception:
        if error.errno not in NO_SPACE:
            return error
        return DiskFull(f"The disk with '{self.path}' is full: {error.strerror}.")

    def _cut_torn_line(self) -> None:
        """Removes a last line that a kill left half-written."""
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            with self.path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


class _Flusher(threading.Thread):
    """Flushes a file to the disk soon after an event that should outlive a power failure.

    A disk takes milliseconds for that, in which the launcher would let workers wait; what happens meanwhile is flushed
    together.
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
            except OSError as error:  # told to whoever writes next
                self.error = error

    def finish(self) -> None:
        """Ends the thread."""
        self._closing = True
        self.wanted.set()
        self.join()


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """The events of a journal in order; a torn last line is left out."""
    path = folder / FILE
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return
    for number, line in enumerate(lines[:-1], start=1):
        try:
            event = dict(json.loads(line))
            event["event"] = str(event["event"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise UserError(
                f"The journal '{path}' is damaged at line {number}; this sweep cannot be resumed."
            ) from error
        yield event


@dataclass(frozen=True)
class Replay:
    """What a journal describes.

    Attributes:
        trials: in order of numbers.
        checkpoints: (epoch, path) of the last checkpoint, by trial number.
        notes: the events about the sweep as a whole.
        longest: by number, how far a trial had come before it was restarted: what its rungs saw.
        wall_seconds: that earlier sessions took, each up to its last event.
        fit_seconds: of these, from the first proposal of a session to its last trial's end.
    """

    trials: tuple[TrialRecord, ...]
    checkpoints: dict[int, tuple[int, str]]
    notes: tuple[dict[str, Any], ...]
    longest: dict[int, tuple[Epoch, ...]]
    wall_seconds: float = 0.0
    fit_seconds: float = 0.0


class _Clock:
    """Adds up the time of sessions; a killed one lasted until its last event, as far as anybody knows."""

    def __init__(self) -> None:
        self.wall = self.fit = 0.0
        self._session: list[float] = []
        self._search: list[float] = []

    def take(self, event: dict[str, Any]) -> None:
        if event["event"] == "started":
            self.stop()
        if "time" in event:
            self._session.append(event["time"])
            if event["event"] in ("proposed", "ended"):
                self._search.append(event["time"])

    def stop(self) -> None:
        self.wall += max(self._session, default=0.0) - min(self._session, default=0.0)
        self.fit += max(self._search, default=0.0) - min(self._search, default=0.0)
        self._session, self._search = [], []


def replay(events: Iterator[dict[str, Any]]) -> Replay:
    """The state that a journal's events lead to; raises ``UserError`` for events that no sweep writes."""
    trials: dict[int, TrialRecord] = {}
    checkpoints: dict[int, tuple[int, str]] = {}
    notes: list[dict[str, Any]] = []
    longest: dict[int, tuple[Epoch, ...]] = {}
    clock = _Clock()
    for number, event in enumerate(events, start=1):
        try:
            _apply(event, trials, checkpoints, notes, longest)
            clock.take(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"A journal is damaged at line {number}; its sweep cannot be resumed.") from error
    clock.stop()
    return Replay(tuple(trials[n] for n in sorted(trials)), checkpoints, tuple(notes), longest, clock.wall, clock.fit)


def _apply(
    event: dict[str, Any],
    trials: dict[int, TrialRecord],
    checkpoints: dict[int, tuple[int, str]],
    notes: list[dict[str, Any]],
    longest: dict[int, tuple[Epoch, ...]],
) -> None:
    match event["event"]:
        case "proposed":
            trials[event["trial"]] = TrialRecord(
                number=event["trial"],
                params=event["params"],
                config=event["config"],
                seed=event["seed"],
                max_epochs=event["max_epochs"],
                status=TrialStatus.RUNNING,
                started=event["time"],
            )
        case "reported":
            trial = trials[event["trial"]]
            trials[trial.number] = trial.with_epochs(Epoch.from_row(row) for row in event["rows"])
        case "checkpointed":
            checkpoints[event["trial"]] = (event["epoch"], event["uri"])
        case "restarted":
            trial = trials[event["trial"]]
            longest[trial.number] = max(longest.get(trial.number, ()), trial.epochs, key=len)
            kept = tuple(e for e in trial.epochs if e.epoch <= event["epoch"])
            trials[trial.number] = replace(trial, epochs=kept)
        case "ended":
            trial = trials[event["trial"]]
            trials[trial.number] = replace(
                trial,
                status=TrialStatus(event["status"]),
                epochs=tuple(e for e in trial.epochs if e.epoch <= event["epochs"]),
                ended=event["time"],
                error=event["error"],
                worker=event["worker"],
            )
        case "tracked":
            trial = trials[event["trial"]]
            trials[trial.number] = replace(trial, run_id=event["run_id"])
        case _:
            notes.append(event)


def is_running(folder: Path) -> bool:
    """Whether a process runs the sweep of a folder."""
    try:
        with FileLock(folder / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True


def is_finished(state: Replay) -> bool:
    """Whether a sweep reached its end; one that was extended and cut short did not."""
    ends = [note for note in state.notes if note["event"] in ("started", "finished")]
    return bool(ends) and ends[-1]["event"] == "finished" and not ends[-1]["stopped"]
