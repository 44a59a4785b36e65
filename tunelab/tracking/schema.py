"""The schema of a store's database, compared with those that the installed MLflow knows; loads no MLflow.

MLflow itself migrates a database without a question when a table is missing, and refuses it otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from search_spaces import UserError

MIGRATIONS = "store/db_migrations/versions/*.py"  # in MLflow's package: a file a revision, as alembic has them
REVISION = re.compile(r'^(revision|down_revision) = ["\'](\w+)["\']', re.MULTILINE)


@dataclass(frozen=True)
class Revisions:
    """The revisions of the schema that the installed MLflow knows.

    Attributes:
        known: all of them.
        head: the one that it reads and writes; empty if there is not exactly one.
    """

    known: frozenset[str]
    head: str


@cache
def mlflow_revisions() -> Revisions:
    """Read the revisions from the files of the installed MLflow."""
    package = find_spec("mlflow")
    folders = [Path(place) for place in (package.submodule_search_locations or ())] if package is not None else []
    found = [
        pair for folder in folders for file in folder.glob(MIGRATIONS) for pair in REVISION.findall(file.read_text())
    ]
    known = {revision for name, revision in found if name == "revision"}
    heads = known - {revision for name, revision in found if name == "down_revision"}
    return Revisions(frozenset(known), heads.pop() if len(heads) == 1 else "")


def check_revision(revision: str, store: str) -> None:
    """Check that the installed MLflow reads a database without changing its schema.

    Args:
        revision: what the database says of itself; empty for one of a time before revisions.
        store: the database, for the message.

    Raises:
        UserError: its schema is an older or a newer one.
    """
    revisions, version = mlflow_revisions(), metadata.version("mlflow")
    if not revisions.head or revision == revisions.head:  # without a head, MLflow's own check is left
        return
    if revision in revisions.known or not revision:
        raise UserError(
            f"The store {store} was made by an earlier MLflow (its schema is {revision or 'without a number'}, MLflow "
            f"{version} needs {revisions.head}). It is not changed unasked: copy the database, then run "
            "`mlflow db upgrade` with its URI, or give another --tracking-uri."
        )
    raise UserError(
        f"The store {store} was made by a later MLflow (MLflow {version} does not know its schema, {revision[:40]}). "
        "Use it with that MLflow, or give another --tracking-uri."
    )
