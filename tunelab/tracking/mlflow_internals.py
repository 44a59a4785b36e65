"""The private part of MLflow that tunelab replaces. ``TUNELAB_MLFLOW_PATCHES=0`` does without; models are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.utils import requirements_utils

from trainables.base.contract.private_parts import PrivatePart, is_switched_on

SWITCH = "TUNELAB_MLFLOW_PATCHES"
SEEN_WITH = "3.17.2"  # the version of MLflow with which the part was last tried
_MAP = PrivatePart(
    "mlflow.utils.requirements_utils", "_MODULES_TO_PACKAGES", "Logging a winner takes a second longer in each process."
)
PARTS = (_MAP,)


@contextmanager
def without_map_of_packages() -> Iterator[None]:
    """Keep MLflow from looking through all installed packages inside the block, for a second of CPU in each process.

    It does so to compare a model's requirements with what is installed, of which ours are taken, by their own names.
    """
    if not is_switched_on(SWITCH) or getattr(requirements_utils, _MAP.name, {}) is not None:  # made, or of another name
        yield
        return
    setattr(requirements_utils, _MAP.name, {})
    try:
        yield
    finally:
        setattr(requirements_utils, _MAP.name, None)
