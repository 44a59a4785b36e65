"""Options that take several values with commas."""

from __future__ import annotations

from search_spaces.errors import UserError


def read_names(text: str | None) -> tuple[str, ...] | None:
    """Return the names of ``wine,auto_mpg``; None where the option was not given."""
    return tuple(text.split(",")) if text else None


def read_numbers(option: str, text: str | None) -> tuple[int, ...] | None:
    """Return the whole numbers of ``1,8``; None where the option was not given.

    Raises:
        UserError: Something else was given.
    """
    try:
        return tuple(int(number) for number in text.split(",")) if text else None
    except ValueError:
        raise UserError(f"--{option} '{text}' must be whole numbers with commas, e.g. 1,8.") from None
