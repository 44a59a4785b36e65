"""What a training function must be: checked before anything runs, with a way out for functions of other libraries."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from search_spaces.errors import UserError

EXAMPLE = "def train(config, trial): ...; trial.report(val_loss=loss)"


def function_name(function: Any) -> str:
    """Return the name of a function or method, of the function in a ``functools.partial``, or of an object's class."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function whose code runs: that in a ``functools.partial``, of a bound method, or ``__call__``."""
    inner = inspect.unwrap(function)
    while isinstance(inner, partial):
        inner = inspect.unwrap(inner.func)
    if inspect.ismethod(inner):
        inner = inner.__func__
    elif not inspect.isroutine(inner):
        inner = type(inner).__call__
    code: Callable[..., Any] = inspect.unwrap(inner)
    return code


def check_function(function: Any) -> None:
    """Check that something can be called as ``function(config, trial)`` and runs to its end when it is.

    Raises:
        UserError: it cannot: a class, a network, a generator, a coroutine, or a function of other arguments.
    """
    name = function_name(function)
    if inspect.isclass(function):
        raise UserError(f"'{name}' is a class; give a function that makes and trains one: {EXAMPLE}.")
    if hasattr(function, "forward") and hasattr(function, "state_dict"):
        raise UserError(f"A network ({name}) was given; give a function that makes and trains one: {EXAMPLE}.")
    call = plain_function(function)
    if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
        raise UserError(
            f"The function '{name}' is async, and tunelab calls plain functions. Run it inside one: "
            "def train(config, trial): asyncio.run(...)."
        )
    if inspect.isgeneratorfunction(call):
        raise UserError(
            f"The function '{name}' is a generator, because it has a yield. Write trial.report(val_loss=...) in place "
            "of yield."
        )
    _check_arguments(function, name)


def _check_arguments(function: Callable[..., Any], name: str) -> None:
    try:
        inspect.signature(function).bind({}, None)
    except TypeError as error:
        raise UserError(
            f"The function '{name}' must take two arguments, (config, trial): {error}. {way_out(function)}"
        ) from error
    except ValueError:  # a builtin without a signature
        return


def way_out(function: Callable[..., Any]) -> str:
    """Return what to do: for functions as Optuna and Ray Tune take them, how to change those."""
    names = _names(function)
    if any(name.startswith("suggest_") for name in names):
        return (
            "An Optuna objective becomes two functions: def space(trial): return {'lr': trial.suggest_float('lr', "
            f"1e-4, 1e-1)}}, and {EXAMPLE}."
        )
    if "report" in names:
        return f"A function for Ray Tune takes trial as well and calls trial.report, not tune.report: {EXAMPLE}."
    return f"For example {EXAMPLE}."


def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names that a function's code looks up, attributes among them; none of an object's."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return () if code is None else tuple(code.co_names)
