"""MLflow's autologging, which a user may have switched on for the process; loads no MLflow."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_autologging() -> Iterator[None]:
    """Fit inside the block without runs in the user's own store: a sweep logs what is to be logged itself."""
    if "mlflow" not in sys.modules:
        yield
        return
    with importlib.import_module("mlflow.utils.autologging_utils").disable_autologging():
        yield
