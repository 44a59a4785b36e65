"""Lines for people, in their language."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from tunelab.system.terminal import cells, wrapped
from tunelab.system.texts import tr_text

GAP = 2  # blanks behind a mark


def say(*texts: str) -> None:
    """Write English texts, a line each, to stdout in the language in force; see ``tr_text``."""
    _write(sys.stdout, texts)


def note(*texts: str) -> None:
    """Write English texts, a line each, to stderr in the language in force; see ``tr_text``."""
    _write(sys.stderr, texts)


def print_marked(mark: str, text: str, style: str) -> None:
    """Write a line in the language in force behind a mark, which a terminal shows in colour."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(mark, style=style, end="")
    else:
        sys.stdout.write(mark)
    indent = " " * (cells(mark) + GAP)
    first, *others = wrapped(text, shutil.get_terminal_size().columns - len(indent)) if sys.stdout.isatty() else [text]
    sys.stdout.write("\n".join([" " * GAP + first, *(indent + line for line in others)]) + "\n")
    sys.stdout.flush()


def _write(stream: TextIO, texts: tuple[str, ...]) -> None:
    write_lines(stream, "\n".join(map(tr_text, texts)).split("\n"))


def write_lines(stream: TextIO, lines: Sequence[str]) -> None:
    """Write lines that are in the language in force; a terminal gets them broken between words, a pipe as they are."""
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        parts = [line] if width is None else wrapped(line, width, indent=f"{indent}  ")
        stream.write("\n".join(parts) + "\n")
    stream.flush()
