"""Rows that end in every way there is; each runs in a process of its own, which finds it here."""

from __future__ import annotations

import os
import time

from benchmarks.gpu_check.row import Measured, Setting


def count(setting: Setting, number: int) -> Measured:
    """Return a figure that holds the argument and the setting's device."""
    return Measured(f"{number} | on {setting.device}", {"number": number})


def need_card(setting: Setting) -> Measured:
    """Skip where there is no CUDA."""
    setting.need_cuda()
    return Measured("a card")


def raise_error(setting: Setting) -> Measured:
    """Fail with an exception."""
    raise RuntimeError("the card is on fire")


def crash(setting: Setting) -> Measured:
    """End the process without an outcome."""
    os.write(2, b"last words\n")
    os._exit(7)


def hang(setting: Setting) -> Measured:
    """Never return."""
    time.sleep(3600)
    raise AssertionError
