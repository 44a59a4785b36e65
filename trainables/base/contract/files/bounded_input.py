"""Input of bounded size: a file of a few bytes can unpack to, or declare, more than a machine holds."""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from pathlib import Path
from typing import IO, Protocol
from zipfile import BadZipFile, ZipFile

from search_spaces.errors import UserError

VARIABLE = "TUNELAB_MAX_UNPACKED_GIB"
DEFAULT_GIB = 2.0
PIECE = 1 << 20  # bytes


class Readable(Protocol):
    """Gives its bytes piece by piece, and none at its end."""

    def read(self, size: int, /) -> bytes: ...


def max_unpacked() -> int:
    """Return how many bytes one input may take in memory: ``TUNELAB_MAX_UNPACKED_GIB``, 2 GiB unless given.

    Raises:
        UserError: the variable is not a number above 0.
    """
    given = os.environ.get(VARIABLE, "").strip()
    try:
        gib = float(given) if given else DEFAULT_GIB
    except ValueError:
        gib = math.nan
    if not 0 < gib < math.inf:
        raise UserError(f"{VARIABLE} must be a number of GiB above 0, e.g. 8, got {given!r}.")
    return int(gib * 2**30)


def read_file(path: Path, name: str) -> bytes:
    """Return the bytes of a file; of a pipe or a device, which may be endless, no more than ``max_unpacked()``.

    Raises:
        OSError: it cannot be read.
        UserError: a pipe or a device gives more.
    """
    with path.open("rb") as stream:
        return stream.read() if path.is_file() else read_bounded(stream, name)


def read_bounded(stream: Readable, name: str, limit: int | None = None, what: str = "gives") -> bytes:
    """Read a stream to its end, a piece at a time.

    Args:
        stream: of bytes, perhaps endless.
        name: what errors call it.
        limit: of bytes; ``max_unpacked()`` when None.
        what: how errors say what the stream does.

    Raises:
        UserError: it has more bytes than ``limit``; no more than these were held.
    """
    limit, content = max_unpacked() if limit is None else limit, io.BytesIO()
    while piece := stream.read(PIECE):
        if content.tell() + len(piece) > limit:
            raise too_large(name, f"{what} more than", limit)
        content.write(piece)
    return content.getvalue()


def unpack_gzip(content: bytes, name: str, limit: int | None = None) -> bytes:
    """Unpack the bytes of a gzip file.

    Args:
        content: the file.
        name: what errors call it.
        limit: of unpacked bytes; ``max_unpacked()`` when None.

    Raises:
        UserError: it is damaged, or unpacks to more than ``limit``.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            return read_bounded(stream, name, limit, "unpacks to")
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"'{name}' is a damaged gzip file: {error}.") from error


def check_archive(file: IO[bytes] | str | os.PathLike[str], name: str) -> None:
    """Raise ``UserError`` for a file that is not a ZIP archive, or whose members unpack to more than the bound.

    ``zipfile`` reads no more of a member than the archive declares.
    """
    try:
        with ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (OSError, BadZipFile, ValueError) as error:
        raise UserError(f"'{name}' is a damaged archive: {error}.") from error
    check_size(size, name, "unpacks to")


def check_size(size: int, name: str, what: str) -> None:
    """Raise ``UserError`` when an input of this many bytes is larger than ``max_unpacked()``."""
    limit = max_unpacked()
    if size > limit:
        raise too_large(name, f"{what} {size / 2**30:,.1f} GiB, more than", limit)


def too_large(name: str, what: str, limit: int) -> UserError:
    """Return the error for an input that is larger than a bound in bytes."""
    hint = f" If that is right and the memory is there, set {VARIABLE} to more." if limit == max_unpacked() else ""
    return UserError(f"'{name}' {what} {limit / 2**30:,.3g} GiB, the most that is read.{hint}")
