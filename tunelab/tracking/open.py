"""Opening an existing store, and loading a result from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.errors import UserError

if TYPE_CHECKING:
    from tunelab.tracking.store import Store


def open_store(tracking_uri: str | None) -> Store:
    """Return an existing store; nothing is created.

    Args:
        tracking_uri: as given on the command line; the default store when None.

    Raises:
        UserError: the URI is not one of a store, there is no store, or no server answers.
    """
    from tunelab.tracking.uri import check_exists

    uri = wanted_uri(tracking_uri)
    check_exists(uri)
    from tunelab.tracking.store import Store  # loads MLflow, which takes a while

    return Store(uri)


def wanted_uri(tracking_uri: str | None) -> str:
    """Return the URI of a store to look at; raise ``UserError`` for one that cannot be, and for ``off``."""
    from tunelab.records.spec import OFF
    from tunelab.tracking.uri import check_uri, default_tracking_uri

    uri = check_uri(default_tracking_uri() if tracking_uri is None else tracking_uri)
    if uri == OFF:
        raise UserError("--tracking-uri off names no store, and this command reads one. Give the one of the sweep.")
    return uri
