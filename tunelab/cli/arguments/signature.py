"""The signature of a command, from which Typer reads its parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from typing import Any


def with_parameters(function: Callable[..., Any], parameters: Sequence[Parameter]) -> Callable[..., Any]:
    """Return a function of keyword arguments alone whose signature lists them, as Typer reads it."""

    def command(*positional: Any, **given: Any) -> Any:
        return function(*positional, **given)

    command.__doc__ = function.__doc__
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command
