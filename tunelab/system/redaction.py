"""Keeps passwords and tokens of tracking URIs out of logs, runs and reports.

The time is linear in the length of a text, whatever it holds: exception texts of other programs pass through here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"  # what is shown and kept of a secret
_WORD = re.compile(r"\S+")
_SCHEME = re.compile(r"[a-z][\w+.-]*\Z", re.IGNORECASE)
_USER = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}:(?=[^/])")  # as before a password; models:/name@alias has none
_MAX_SCHEME = 64  # characters before ``://`` that are looked at; longer schemes do not exist
_NAMES = re.compile("pass|pwd|token|secret|key|sig|credential|auth", re.IGNORECASE)
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|pwd|token|secret|credentials?|(?:api|access|private|secret)_?key)$",
    re.IGNORECASE,
)
_QUERY = re.compile(r"([?&])([^=&?\s]*)=([^&\s]+)")  # the name ends before the next one can begin: no second look


def without_secrets(text: str) -> str:
    """Return a text with the user part and secret query values of every URI in it replaced by ``***``."""
    return _WORD.sub(lambda word: _without_queries(_without_users(word[0])), text)


def values_without_secrets(value: Any) -> Any:
    """Return JSON values with the secrets of every text in them hidden, and texts named ``token``, at any depth."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if _names_secret(name, inner) else values_without_secrets(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [values_without_secrets(inner) for inner in value]
    return value


def _names_secret(name: object, value: object) -> bool:
    return isinstance(value, str) and value != "" and _SECRET_NAME.search(str(name)) is not None


def _without_users(word: str) -> str:
    """Replace ``user:password@`` in each URI of a word.

    A password may hold any character, so with one the user part ends at the last @ of the word: rather too much than
    too little. A user alone ends before the first slash. Without a scheme there must be a password: user:password@host.
    """
    last = word.rfind("@")
    if "://" not in word:
        user = _USER.search(word, 0, last) if last != -1 else None
        return word if user is None else f"{word[: user.start()]}{HIDDEN}{word[last:]}"
    parts, start = [], 0
    while (mark := word.find("://", start)) != -1 and mark + 3 <= last:
        begin = mark + 3
        slash = word.find("/", begin)
        host_end = len(word) if slash == -1 else slash
        colon = word.find(":", begin, host_end)
        end = last if colon != -1 and colon < last else word.rfind("@", begin, host_end)
        scheme = _SCHEME.search(word, max(start, mark - _MAX_SCHEME), mark)
        if end == -1 or scheme is None:
            parts.append(word[start:begin])
            start = begin
        else:
            parts += [word[start:begin], HIDDEN]
            start = end
    return "".join([*parts, word[start:]])


def _without_queries(word: str) -> str:
    if "=" not in word:
        return word
    return _QUERY.sub(lambda found: f"{found[1]}{found[2]}={HIDDEN}" if _NAMES.search(found[2]) else found[0], word)
