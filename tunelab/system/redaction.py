"""Keeps passwords and tokens of tracking URIs out of logs, runs and reports."""

from __future__ import annotations

import re

# ``user:password@``, up to the last @ of the word: passwords hold all kinds of signs. Rather too much than too little.
_USER = re.compile(r"(\b[a-z][\w+.-]*://)(?:[^/\s:]*:\S*|[^/\s]*)@", re.IGNORECASE)
_NAMES = "pass|pwd|token|secret|key|sig|credential|auth"
_QUERY = re.compile(rf"([?&][^=&\s]*(?:{_NAMES})[^=&\s]*=)[^&\s]+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """A text with the user part and secret query values of every URI in it replaced by ``***``."""
    return _QUERY.sub(r"\1***", _USER.sub(r"\1***@", text))
