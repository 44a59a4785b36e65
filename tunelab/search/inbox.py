"""Commands to a sweep that runs: another process appends lines to a file, the controller reads them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from tunelab.search.events import MALFORMED
from tunelab.system.appending import open_to_append

FILE = "steering.jsonl"
POLL_SECONDS = 0.2
NEEDED: Mapping[str, tuple[str, type | tuple[type, ...]]] = {  # what belongs to a command, and its type
    "stop": ("trial", int),
    "add": ("params", dict),
    "concurrency": ("slots", int),
    "until": ("time", (int, float)),
}


@dataclass(frozen=True)
class Command:
    """A command as it was given.

    Attributes:
        command: One of ``tunelab.search.steering.COMMANDS``.
        values: What belongs to it, e.g. ``{"trial": 3}``.
        before: Number of the trial before which it takes effect; None for the next one.
        id: Random: the journal notes a command once.
    """

    command: str
    values: Mapping[str, Any] = field(default_factory=dict)
    before: int | None = None
    id: str = field(default_factory=lambda: token_hex(8))


def send(folder: Path, command: Command) -> None:
    """Append a command to the file in a sweep's folder."""
    file = open_to_append(folder / FILE)
    try:
        os.write(file, (json.dumps(vars(command), ensure_ascii=False) + "\n").encode())
    finally:
        os.close(file)


class Inbox:
    """Reads the commands to a sweep, from the first one on; which of them are new is for the reader to say.

    Args:
        folder: The sweep's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._read = 0  # bytes
        self._next = 0.0  # monotonic time of the next look

    def receive(self) -> list[Command]:
        """Return what was appended since the last call; looks a few times a second, and passes over damaged lines."""
        now = time.monotonic()
        if now < self._next:
            return []
        self._next = now + POLL_SECONDS
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        return [command for line in whole.splitlines() if (command := _from_line(line)) is not None]


def _from_line(line: bytes) -> Command | None:
    try:
        command = Command(**json.loads(line))
        name, kind = NEEDED.get(command.command, ("", dict))
        fits = isinstance(command.values.get(name, {}), kind) and isinstance(command.before, int | None)
    except MALFORMED:
        return None
    return command if fits else None
