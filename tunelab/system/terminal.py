"""What reaches a terminal: text that it can show, whatever its encoding is and whatever a name or an error holds."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from typing import Any, TextIO
from unicodedata import east_asian_width

# Control characters other than tabs and line ends, among them all that begin an escape sequence; unseen marks of
# direction and separators of lines and paragraphs, which make a line read as another one, or as two; halves of
# characters, which no encoding has bytes for.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
)

_WORD = re.compile(r"\s*(?:`[^`]*`|[^\s`]|`)+")  # what is to be copied is one


def printable(text: str) -> str:
    r"""Return a text with each character that would steer a terminal written as an escape: ``\x1b``."""
    return _HIDDEN.sub(lambda found: f"\\x{code:02x}" if (code := ord(found[0])) < 256 else f"\\u{code:04x}", text)


def json_printable(text: str) -> str:
    """Return JSON with the same characters as JSON's own escapes, so that it means what it did."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cells(text: str) -> int:
    """Return the columns that a text takes on a terminal: two for a Hangul syllable."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def padded(text: str, width: int) -> str:
    """Return a text with blanks behind it, up to a number of columns."""
    return text + " " * (width - cells(text))


def wrapped(text: str, width: int, *, indent: str = "") -> list[str]:
    """Break a text between its words.

    Args:
        text: One paragraph; blanks at its beginning, and those between words of one line, stay.
        width: Columns of a line; a word that is wider, or a command in backticks, has a line to itself.
        indent: What further lines begin with.

    Returns:
        The lines, at least one.
    """
    first, *words = _WORD.findall(text.replace("\n", " ")) or [""]  # each with the blanks before it
    lines = [first]
    for word in words:
        if cells(lines[-1]) + cells(word) <= width:
            lines[-1] += word
        else:
            lines.append(indent + word.lstrip())
    return lines


def packed(parts: Sequence[str], width: int, *, behind: str = "") -> list[str]:
    """Join parts by blanks into lines, none of them broken: a command, or the values of a mapping.

    Args:
        parts: One is wider than a line where it must be.
        width: Columns of a line.
        behind: What ends a line that continues, such as a backslash for a shell.
    """
    lines = list(parts[:1])
    for part in parts[1:]:
        if cells(f"{lines[-1]} {part}{behind}") <= width:
            lines[-1] += f" {part}"
        else:
            lines[-1] += behind
            lines.append(f"  {part}")
    return lines


class PrintableStream(io.TextIOBase):
    """A text stream in which nothing steers the terminal, and what its encoding lacks becomes a question mark.

    Progress bars begin a line again with a carriage return: at the beginning of what is written it is left as it is.
    Rich finds the stream below by the name that it gives its own proxies, because it writes escape sequences itself;
    texts that it is given pass through ``printable`` where they come in. A live display of Rich puts a proxy before
    this stream and looks below that one alone: see ``stream_below``.

    Args:
        stream: standard output or standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)

    def write(self, text: str) -> int:
        body = text.lstrip("\r")
        self.rich_proxied_file.write("\r" * (len(text) - len(body)) + printable(body))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self.rich_proxied_file.flush()

    def isatty(self) -> bool:
        return self.rich_proxied_file.isatty()

    def fileno(self) -> int:
        return self.rich_proxied_file.fileno()

    def close(self) -> None:
        """Leave the stream below open: the interpreter flushes it at its end."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.rich_proxied_file.encoding

    @property
    def buffer(self) -> Any:
        return self.rich_proxied_file.buffer


def stream_below(stream: TextIO) -> TextIO:
    """Return the terminal's own stream, for a live display of Rich, which writes escape sequences itself."""
    below: TextIO = stream.rich_proxied_file if isinstance(stream, PrintableStream) else stream
    return below


def make_streams_printable() -> None:
    """Put a ``PrintableStream`` before standard output and standard error, once a process."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, PrintableStream):
            setattr(sys, name, PrintableStream(stream))
