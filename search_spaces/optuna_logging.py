"""Optuna's notes on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Silence Optuna's notes, e.g. one for each new study, inside the block; restore its verbosity on exit."""
    import optuna

    before = optuna.logging.get_verbosity()
    if before >= optuna.logging.WARNING:  # as the user has it
        yield
        return
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
