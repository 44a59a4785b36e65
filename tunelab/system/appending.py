"""Files of a sweep's folder that are written at their end, in a store that others may be able to write."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from search_spaces.errors import UserError


def open_to_append(path: Path) -> int:
    """Open a file at its end; an empty one is made where there is none.

    Args:
        path: of the file.

    Returns:
        Its descriptor, for reading and writing.

    Raises:
        UserError: it is a link, which may lead to any file of this user, or not a regular file.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP or (not path.is_file() and path.exists()):
            raise _refused(path) from error
        raise
    if not path.is_file():
        os.close(file)
        raise _refused(path)
    return file


def _refused(path: Path) -> UserError:
    return UserError(
        f"'{path}' is a link or a device: what is written there would go elsewhere. Put a copy of the file there."
    )
