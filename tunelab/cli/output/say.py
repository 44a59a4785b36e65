"""Lines for people, in their language."""

from __future__ import annotations

import sys

from tunelab.system.texts import tr_text


def say(*texts: str) -> None:
    """Write English texts, a line each, to stdout in the language in force; see ``tr_text``."""
    sys.stdout.writelines(f"{tr_text(text)}\n" for text in texts)
    sys.stdout.flush()


def note(*texts: str) -> None:
    """Write English texts, a line each, to stderr in the language in force; see ``tr_text``."""
    sys.stderr.writelines(f"{tr_text(text)}\n" for text in texts)
    sys.stderr.flush()
