"""Files of a saved model that are damaged: one sentence that names the file, whatever a library raises over it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from search_spaces.errors import UserError, describe_error

T = TypeVar("T")
ADVICE = "Take it from a copy of the model, or train the model again."
JSON_NAMES = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read a file of a saved model inside the block.

    Raises:
        UserError: the file is missing, or anything was raised while it was read.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"The model's file '{_shown(path)}' is missing. {ADVICE}") from error
    except Exception as error:
        raise UserError(f"The model's file '{_shown(path)}' is damaged ({describe_error(error)}). {ADVICE}") from error


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a saved model; raise ``UserError`` where there is none."""
    with reading(path):
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict):
            raise TypeError(f"it holds {JSON_NAMES.get(type(stored), 'a value')}, not an object")
        return stored


def entry(stored: Mapping[str, Any], key: str, kind: type[T], path: Path) -> T:
    """Return a value of a JSON object.

    Args:
        stored: as ``read_object`` gives it.
        key: of the value.
        kind: its type, e.g. ``dict``.
        path: of the file, for the error.

    Raises:
        UserError: the key is missing, or its value is of another type.
    """
    with reading(path):
        if key not in stored:
            raise KeyError(key)
        value = stored[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"'{key}' is not {JSON_NAMES.get(kind, kind.__name__)}")
        return value


def _shown(path: Path) -> str:
    """Return a file's name with that of its folder: an ensemble has several of each name."""
    return f"{path.parent.name}/{path.name}"
