"""What trials print: a file for each in the sweep's folder, written while they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tunelab.setup.folders import PRINTED
from tunelab.system.redaction import without_secrets


class PrintedFiles:
    """Writes what trials print.

    Args:
        folder: The sweep's.
        notify: Told once where the files lie, or that they cannot be written.
    """

    def __init__(self, folder: Path, notify: Callable[[str], None]) -> None:
        self._folder = folder / PRINTED
        self._notify = notify
        self._has_told = self._has_failed = False

    def add(self, number: int, text: str) -> None:
        """Write what a trial printed since its last report; a sweep continues where that fails."""
        if not text or self._has_failed:
            return
        path = self._folder / f"trial-{number:05d}.txt"
        try:
            self._folder.mkdir(exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(without_secrets(text))
        except OSError as error:
            self._has_failed = True
            self._notify(f"What trials print cannot be kept in {self._folder}: {error.strerror}")
            return
        if not self._has_told:
            self._has_told = True
            self._notify(f"What trial {number} prints is kept in {path}; each trial that prints has such a file")
