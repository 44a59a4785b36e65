"""Private parts of other libraries: one switch for the parts of a library, and a check that they are still there."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from operator import attrgetter


@dataclass(frozen=True)
class PrivatePart:
    """A part of a library that is not public, which a later version may rename.

    Attributes:
        module: Where it is.
        name: Attribute of the module, dots for attributes of attributes.
        without: A sentence: what users notice where it is missing or switched off.
    """

    module: str
    name: str
    without: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    def is_there(self) -> bool:
        """Return whether the installed library has this part."""
        try:
            attrgetter(self.name)(importlib.import_module(self.module))
        except (ImportError, AttributeError):
            return False
        return True


def is_switched_on(switch: str) -> bool:
    """Return whether private parts may be used; ``SWITCH=0`` in the environment forbids it.

    Args:
        switch: Name of the environment variable.
    """
    return os.environ.get(switch, "1") != "0"
