"""Language models by the names that a store knows: a sweep's, a registered model's, a model URI."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from search_spaces.errors import UserError, did_you_mean
from trainables.base.contract.files.digests import file_digest
from tunelab.records.spec import OFF, SweepSpec
from tunelab.tracking.uri import check_uri, default_tracking_uri, home_of, sqlite_path

FOLDER = "models"  # beside a store: copies of models that other programs read by their folder
MODEL = "model"  # the option of a task that names a language model


def with_local_model(spec: SweepSpec) -> SweepSpec:
    """Return the spec with the folder of a model that it names as a store does: tasks know folders and hub names."""
    model = spec.task_options.get(MODEL)
    if not isinstance(model, str):
        return spec
    return spec.model_copy(update={"task_options": {**spec.task_options, MODEL: local_model(model, spec.tracking_uri)}})


def local_model(wanted: str, tracking_uri: str | None) -> str:
    """Return the folder of a language model that a store holds.

    Args:
        wanted: what a user gave as a model: a folder, a hub name, a model URI (``models:/tunelab-kogpt2@champion``),
            the name of a registered model, or a sweep's name.
        tracking_uri: of the store; the default one when None.

    Returns:
        The path of a copy beside the store, named after the model; ``wanted`` itself where it names none of a store.

    Raises:
        UserError: a model URI that leads nowhere, or to a model that is not a language model; or a name that the store
            does not know but for a slip.
    """
    uri = check_uri(default_tracking_uri() if tracking_uri is None else tracking_uri)
    is_uri = ":/" in wanted and "://" not in wanted
    path = sqlite_path(uri)
    if os.path.exists(os.path.expanduser(wanted)) or uri == OFF or (path is not None and not path.exists()):
        return wanted
    if not is_uri and path is None:  # a server is asked for what names it alone
        return wanted
    from tunelab.tracking.store import Store  # loads MLflow

    store = Store(uri)
    if not is_uri and not store.knows_model(wanted):
        near = "" if "/" in wanted else did_you_mean(wanted, store.model_owners())
        if near:
            raise UserError(
                f"There is no model folder, sweep or registered model '{wanted}'.{near} A model of the hub is named "
                "with its owner, e.g. skt/kogpt2-base-v2."
            )
        return wanted
    folder = home_of(uri) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as part:
        found = store.fetch_language_model(wanted, Path(part))
        target = folder / f"{_file_name(wanted)}-{_short_digest(found)}"
        if not target.exists():
            found.rename(target)
    return str(target)


def _short_digest(model: Path) -> str:
    """Return the beginning of the digest of a model's weights."""
    weights = sorted(model.glob("*.safetensors"))
    return hashlib.sha256("".join(map(file_digest, weights)).encode()).hexdigest()[:8]


def _file_name(wanted: str) -> str:
    """Return a model's name as one of a folder: ``tunelab-kogpt2-2`` for ``models:/tunelab-kogpt2/2``."""
    return "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in wanted.partition(":/")[2] or wanted)
