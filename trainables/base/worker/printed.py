"""What a trial prints: kept for its next report, beside where it goes anyway."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

from search_spaces.errors import bounded_text

MAX_PRINTED = 20_000  # characters kept between two reports


class Printed:
    """A standard output that keeps what is written to it.

    Args:
        stdout: The real one, to which everything is written too.
    """

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._kept = ""

    def write(self, text: str) -> int:
        """Write a text, and keep it."""
        self._kept += text
        if len(self._kept) > 2 * MAX_PRINTED:
            self._kept = bounded_text(self._kept, MAX_PRINTED)
        return self._stdout.write(text)

    def take(self) -> str:
        """Return what was written since the last time; of a long text the beginning and the end."""
        text, self._kept = bounded_text(self._kept, MAX_PRINTED), ""
        return text

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stdout, name)


@contextmanager
def keep_printed() -> Iterator[Printed]:
    """Keep what this process prints inside the block."""
    printed = Printed(sys.stdout)
    with redirect_stdout(printed):
        yield printed
