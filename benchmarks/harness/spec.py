"""What was asked of a benchmark: a frozen dataclass of plain values that a lock keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Self


class SuiteSpec:
    """Base of frozen dataclasses whose fields are numbers, texts and tuples of these."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, lists in place of tuples; ``from_json`` reads them."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` gave.

        Raises:
            KeyError: A field is missing.
            TypeError: A field is unknown.
        """
        missing = [field.name for field in fields(cls) if field.name not in values]  # type: ignore[arg-type]
        if missing:
            raise KeyError(missing[0])
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})

    @classmethod
    def from_options(cls, **options: Any) -> Self:
        """Return the spec of a command's options; one that is None has the default."""
        return cls(**{name: value for name, value in options.items() if value is not None})
