"""A field of a spec as an option: the panel of the help that lists it, its placeholder, its default and its choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast, get_args

from pydantic import Field
from pydantic.fields import FieldInfo

LARGEST = 2**53  # numbers from here on are slips; sums of them are no longer exact


@dataclass(frozen=True)
class Shown:
    """How the help of the command line shows a field; the field's description is the help text.

    Attributes:
        panel: Heading under which the option is listed.
        metavar: Placeholder of its value; empty for a switch, or where the choices are shown.
        default: What holds when it is not given, where the field's default does not say it.
        choices: Values that a shell completes, of a field that also takes others.
    """

    panel: str
    metavar: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()


def option(
    panel: str,
    default: Any,
    help: str,
    metavar: str = "",
    shown: str = "",
    choices: tuple[str, ...] = (),
    **constraints: Any,
) -> Any:
    """Make a field of ``SweepSpec`` that is an option of the command line, see ``Shown``."""
    if {"ge", "gt"} & constraints.keys():
        constraints.setdefault("lt", LARGEST)
    extra: dict[str, Any] = {"panel": panel, "metavar": metavar, "default": shown, "choices": choices}
    return Field(default, description=help, json_schema_extra=extra, **constraints)


def shown_as(field: FieldInfo) -> Shown | None:
    """Return how the help shows a field; None for one that is not an option."""
    extra = field.json_schema_extra
    return Shown(**cast("dict[str, Any]", extra)) if isinstance(extra, dict) else None


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the values that a field may have, or that a shell completes; empty when they cannot be listed."""
    if str(field.annotation).startswith("typing.Literal"):
        return get_args(field.annotation)
    shown = shown_as(field)
    return () if shown is None else shown.choices
