"""What a user's own function is: its source, the values it closes over and the packages it uses, as one digest."""

from __future__ import annotations

import hashlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from trainables.base.functions.signature import function_name, plain_function


@dataclass(frozen=True)
class FunctionSource:
    """The identity of a function.

    Attributes:
        name: the function's.
        text: its source; empty where there is none (made by ``exec``).
        file: the file it is defined in; ``"<notebook>"`` for a cell.
        values: what it closes over and the globals it reads, by name, as ``repr``; modules and functions by name.
        packages: versions of the installed packages it refers to.
        digest: sha256 over text, bytecode and values: the same digest means the same function.
    """

    name: str
    text: str
    file: str
    values: Mapping[str, str]
    packages: Mapping[str, str]
    digest: str


def describe_function(function: Callable[..., Any]) -> FunctionSource:
    """Describe a function and, one level deep, the functions and classes of the same module that it uses."""
    code = plain_function(function)
    text = _source(code)
    variables = inspect.getclosurevars(code) if inspect.isfunction(code) else None
    used = {} if variables is None else {**variables.globals, **variables.nonlocals}
    used |= _bound(function)
    values = {name: _in_words(value) for name, value in sorted(used.items())}
    modules = {value.__name__ for value in used.values() if isinstance(value, ModuleType)}
    modules |= {str(getattr(value, "__module__", "")) for value in used.values()}
    packages = _versions({name.partition(".")[0] for name in modules})
    sha = hashlib.sha256(text.encode())
    if hasattr(code, "__code__"):
        sha.update(code.__code__.co_code)
        sha.update(repr((code.__code__.co_consts if not text else (), code.__code__.co_names)).encode())
    for name, value in values.items():
        sha.update(f"{name}={value}".encode())
    file = getattr(getattr(code, "__code__", None), "co_filename", "")
    shown = "<notebook>" if "ipykernel" in file or file.startswith("<") else file
    return FunctionSource(function_name(function), text, shown, values, packages, sha.hexdigest())


def _bound(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what a partial, a bound method or an object with ``__call__`` carries along, by name."""
    inner, found = inspect.unwrap(function), dict[str, Any]()
    while isinstance(inner, partial):
        found |= {f"args[{i}]": value for i, value in enumerate(inner.args)} | inner.keywords
        inner = inspect.unwrap(inner.func)
    owner = inner.__self__ if inspect.ismethod(inner) else None if inspect.isroutine(inner) else inner
    return found | {f"self.{name}": value for name, value in getattr(owner, "__dict__", {}).items()}


def _source(value: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):  # made by exec, or a builtin
        return ""


def _in_words(value: Any) -> str:
    """Text that changes when the value does: source of functions and classes, name of modules, digest of arrays."""
    if isinstance(value, ModuleType):
        return value.__name__
    if inspect.isclass(value) or inspect.isfunction(value):
        return _source(value) or f"{value.__module__}.{value.__qualname__}"
    array = getattr(value, "__array__", None)
    if array is not None and not isinstance(value, type):
        import numpy as np

        content = np.ascontiguousarray(np.asarray(value.detach().cpu() if hasattr(value, "detach") else value))
        if content.dtype != object:
            digest = hashlib.sha256(content.tobytes()).hexdigest()
            return f"{type(value).__name__}{content.shape} sha256 {digest}"
    shown = repr(value)
    return type(value).__qualname__ if " at 0x" in shown else shown[:10_000]


def _versions(names: set[str]) -> dict[str, str]:
    owners = _distributions(_installed())
    found = {dist for name in names if name not in sys.stdlib_module_names for dist in owners.get(name, [])}
    return {name: metadata.version(name) for name in sorted(found)}


def _installed() -> tuple[tuple[str, float], ...]:
    """Return the folders of installed packages with the times of their last change, which an installation moves."""
    folders = [Path(entry) for entry in sys.path if entry.endswith("-packages")]  # site-packages, dist-packages
    return tuple((str(folder), folder.stat().st_mtime) for folder in folders if folder.is_dir())


@lru_cache(maxsize=1)
def _distributions(installed: tuple[tuple[str, float], ...]) -> Mapping[str, list[str]]:
    """Return the distributions of each top-level module; looking through all takes most of a second."""
    return metadata.packages_distributions()
