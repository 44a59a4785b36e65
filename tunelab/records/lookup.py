"""Finding one of several named things by its name, the beginning of its name, or ``@latest``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.errors import UserError

LATEST = "@latest"
MAX_SHOWN = 5


@dataclass(frozen=True)
class Named:
    """Something that a user may name.

    Attributes:
        value: What the caller gets, e.g. a run id.
        names: What it can be called by, e.g. a sweep's name and its run id.
        label: How a sentence lists it when several fit.
    """

    value: str
    names: tuple[str, ...]
    label: str


def find_named(wanted: str, known: Sequence[Named], kind: str) -> str | None:
    """Find the one thing that a user means.

    Args:
        wanted: A name, the beginning of one, or ``@latest`` for the first of ``known``.
        known: All that there are, newest first.
        kind: Plural noun for the error, e.g. ``"sweeps"``.

    Returns:
        Its value; None when nothing fits.

    Raises:
        UserError: Several fit.
    """
    if wanted == LATEST:
        return known[0].value if known else None
    for fits in (str.__eq__, str.startswith):
        found = [thing for thing in known if any(fits(name, wanted) for name in thing.names)]
        if len(found) > 1:
            listed = ", ".join(sorted(thing.label for thing in found[:MAX_SHOWN]))
            more = ", …" if len(found) > MAX_SHOWN else ""
            raise UserError(
                f"'{wanted}' fits {len(found)} {kind}: {listed}{more}. Give more of the name, or the run id."
            )
        if found:
            return found[0].value
    return None
