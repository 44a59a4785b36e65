"""What a task's constructor takes, declared once for the command line, YAML files, the help and Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search_spaces.errors import UserError


@dataclass(frozen=True)
class TaskOption:
    """A keyword argument of a task's constructor, which is also an option of ``tunelab sweep``.

    Attributes:
        name: The keyword argument; ``split_column`` is ``--split-column`` on the command line.
        help: One sentence for ``tunelab sweep --help``.
        type: ``str``, ``int``, ``float``, or ``bool`` for a switch without a value.
        choices: The values that are allowed; any when empty.
        repeatable: True if it may be given several times; the task gets a list.
        default: What holds when it is not given, as the help shows it; empty for nothing worth saying.
    """

    name: str
    help: str
    type: type = str
    choices: tuple[str, ...] = ()
    repeatable: bool = False
    default: str = ""

    @property
    def flag(self) -> str:
        """The option on the command line, e.g. ``--split-column``."""
        return "--" + self.name.replace("_", "-")

    def read(self, given: Any) -> Any:
        """Convert what the command line gave, text or a list of texts, to what the task takes.

        Raises:
            UserError: It is not of the option's type.
        """
        if self.repeatable and isinstance(given, list | tuple):
            return [self._read_one(text) for text in given]
        return self._read_one(given)

    def _read_one(self, text: Any) -> Any:
        try:
            return self.type(text)
        except ValueError as error:
            kind = "a whole number" if self.type is int else "a number"
            raise UserError(f"{self.flag} must be {kind}, got {text!r}.") from error
