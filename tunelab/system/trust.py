"""What this user has named before: the files and places that a record may name without being asked about.

A journal, a store or a lock may have been written by someone else, and can name any file of the disk and any address.
What it names is used only when the user names it on this command line, or when path and content are those of something
that this user ran before. That is noted in the user's own state folder, never in a store.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from search_spaces.errors import UserError
from tunelab.system.redaction import without_secrets

NOTES = "named.jsonl"
MAX_SHOWN = 3  # of what an error names
OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Named:
    """Something that a record names.

    Attributes:
        what: what it is for, e.g. ``"task file"``.
        where: an absolute path; for a place, which has no content to compare, an address or a URI without password.
        is_place: whether the name alone counts.
    """

    what: str
    where: str
    is_place: bool = False


def state_folder() -> Path | None:
    """Return this user's folder for notes, ``$XDG_STATE_HOME/tunelab``; None where there is no home."""
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):  # a relative one is to be ignored: XDG Base Directory Specification
        return Path(given) / "tunelab"
    home = os.environ.get("HOME", os.path.expanduser("~"))  # an empty one would become the root of the disk
    return Path(home) / ".local" / "state" / "tunelab" if os.path.isabs(home) else None


def remember(named: Iterable[Named]) -> None:
    """Note that this user has named these; without a folder that can be written nothing is noted."""
    folder = state_folder()
    if folder is None:
        return
    known = _notes()
    lines = [json.dumps(note) + "\n" for note in dict.fromkeys(map(_note, named)) if note[1] and note not in known]
    if not lines:
        return
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("".join(lines))


def check_trusted(named: Sequence[Named], trusted: Iterable[str], whose: str) -> None:
    """Raise ``UserError`` with what a record names and this user has not.

    Args:
        named: what the record names.
        trusted: files and places that the user gave on the command line, as given there.
        whose: the record, as the beginning of a sentence: ``"Sweep 'a'"``.
    """
    given = {*trusted, *map(os.path.abspath, trusted)}
    asked = [one for one in named if one.where not in given]
    known = _notes() if asked else frozenset()
    paths = {path for path, _ in known}
    # what was never named is not even read
    strange = [one for one in asked if one.where not in paths or _note(one) not in known]
    if not strange:
        return
    shown = ", ".join(f"the {one.what} '{one.where}'" for one in strange[:MAX_SHOWN])
    listed = shown if len(strange) <= MAX_SHOWN else f"{shown} and {len(strange) - MAX_SHOWN} more"
    changed = all(one.where in paths for one in strange)
    why = "changed since you last ran it" if changed else "you have not run before"
    options = " ".join(f"--trust '{one.where}'" for one in strange)
    raise UserError(
        f"{whose} names {listed}, which {why}; anyone who can write that record can name anything. "
        f"Look at it, then add {options}."
    )


def digest_of(path: Path) -> str:
    """Return the sha256 of a file, or of the names and digests of a folder's files; empty for anything else."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if not path.is_dir():
        return ""
    whole = hashlib.sha256()
    for file_path in sorted(_files(path)):
        whole.update(f"{file_path.relative_to(path)}\0{digest_of(file_path)}\0".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(root, name)).is_file())


def _note(named: Named) -> tuple[str, str]:
    """Return what is noted of a name: ``"place"`` instead of a digest for a place; empty when it cannot be read."""
    if named.is_place:
        return without_secrets(named.where), "place"
    try:
        return named.where, digest_of(Path(named.where))
    except OSError:
        return named.where, ""


def _notes() -> frozenset[tuple[str, str]]:
    """Return what was noted; nothing where others can write it."""
    folder = state_folder()
    if folder is None:
        return frozenset()
    path = folder / NOTES
    try:
        status = path.stat()
        if status.st_uid != os.geteuid() or status.st_mode & OTHERS or folder.stat().st_mode & OTHERS:
            return frozenset()
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    found = set()
    for line in lines:
        with suppress(ValueError, TypeError):  # a line that a full disk left half written
            where, digest = json.loads(line)
            found.add((str(where), str(digest)))
    return frozenset(found)
