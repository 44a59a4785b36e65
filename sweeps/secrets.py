"""Keeps passwords and tokens of tracking URIs out of logs, runs and reports."""

from __future__ import annotations

import re

_USER = re.compile(r"(\b[a-z][\w+.-]*://)[^/@\s]+@")
_QUERY = re.compile(r"([?&][^=&\s]*(?:password|token|secret|key)[^=&\s]*=)[^&\s]+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """A text with the user part and secret query values of every URI in it replaced by ``***``."""
    return _QUERY.sub(r"\1***", _USER.sub(r"\1***@", text))
