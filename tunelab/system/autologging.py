"""MLflow's autologging, which a user may have switched on for the process; loads no MLflow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

MODULE = "mlflow.utils.autologging_utils"
SWITCH = "_AUTOLOGGING_GLOBALLY_DISABLED"  # what ``disable_autologging`` there sets; it switches on again when nested


class _Blocks:
    """The blocks that are open, in all threads, and the switch as it was before the first."""

    def __init__(self) -> None:
        self.lock, self.open, self.before = Lock(), 0, False


_BLOCKS = _Blocks()


@contextmanager
def no_autologging() -> Iterator[None]:
    """Fit inside the block without runs in the user's own store: a sweep logs what is to be logged itself."""
    module = sys.modules.get(MODULE)
    if module is None:  # no one can have switched it on
        yield
        return
    with _BLOCKS.lock:
        if not _BLOCKS.open:
            _BLOCKS.before = getattr(module, SWITCH)
        _BLOCKS.open += 1
        setattr(module, SWITCH, True)
    try:
        yield
    finally:
        with _BLOCKS.lock:
            _BLOCKS.open -= 1
            if not _BLOCKS.open:
                setattr(module, SWITCH, _BLOCKS.before)
