"""Bundled data sets: found by file name, verified by sha256 at every load."""

from __future__ import annotations

import hashlib
import io
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

DATA = Path(__file__).parents[3] / "data"


@cache
def checksums() -> dict[str, str]:
    """Return sha256 by file name, read from the provenance table that ships with the data."""
    text = (DATA / "PROVENANCE.md").read_text(encoding="utf-8")
    return {name: digest for digest, name in re.findall(r"^\s+([0-9a-f]{64})\s+(\S+)$", text, re.MULTILINE)}


def read_bytes(name: str, folder: Path = DATA) -> bytes:
    """Return the bytes of a bundled file; raise ``UserError`` when they are missing or not those that were shipped."""
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"Bundled data file '{name}' cannot be read ({error.strerror}). Reinstall tunelab.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != checksums()[name]:
        raise UserError(
            f"Bundled data file '{name}' is damaged: its sha256 is {digest[:12]}…, expected {checksums()[name][:12]}…. "
            "Reinstall tunelab or restore the file from version control."
        )
    return content


def read_table(name: str) -> pd.DataFrame:
    """Read a bundled gzipped CSV as a DataFrame."""
    import pandas as pd

    return pd.read_csv(io.BytesIO(read_bytes(name)), compression="gzip")
