"""Lines for people, in their language."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

from tunelab.system.terminal import wrapped
from tunelab.system.texts import tr_text


def say(*texts: str) -> None:
    """Write English texts, a line each, to stdout in the language in force; see ``tr_text``."""
    _write(sys.stdout, texts)


def note(*texts: str) -> None:
    """Write English texts, a line each, to stderr in the language in force; see ``tr_text``."""
    _write(sys.stderr, texts)


def _write(stream: TextIO, texts: tuple[str, ...]) -> None:
    """Write texts in the language in force; a terminal gets them broken between words, a pipe as they are."""
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    for line in "\n".join(map(tr_text, texts)).split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines = [line] if width is None else wrapped(line, width, indent=f"{indent}  ")
        stream.write("\n".join(lines) + "\n")
    stream.flush()
