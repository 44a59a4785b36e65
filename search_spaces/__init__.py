"""What may vary: define-by-run search spaces, found by file name, entry point of ``tunelab.spaces`` or path.

Knows optuna only.
"""

from __future__ import annotations

import importlib
import pkgutil
import runpy
from importlib.metadata import entry_points
from pathlib import Path

from search_spaces.errors import UserError, describe_error, unknown
from search_spaces.space import Config, SearchSpace
from search_spaces.values import ParamValue

__all__ = ["Config", "ParamValue", "SearchSpace", "UserError", "get_space", "space_names", "unknown"]

ENTRY_POINTS = "tunelab.spaces"


def space_names() -> list[str]:
    """Return names of the spaces in this package: the files that hold ``space``."""
    no_spaces = {"errors", "optuna_logging", "space", "values"}
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - no_spaces)


def get_space(name: str) -> SearchSpace:
    """Return a space by the name of its file here, an entry point of a package, or the path of a Python file.

    An entry point names a ``SearchSpace``; a Python file defines one as ``space``. Names of this package come first.

    Raises:
        UserError: there is no such space, it is not a ``SearchSpace``, or nothing can be drawn from it.
    """
    if name.endswith(".py"):
        return _space_of_file(Path(name))
    if name in space_names():
        space: SearchSpace = importlib.import_module(f"search_spaces.{name}").space
        return space
    return _installed_space(name)


def _installed_space(name: str) -> SearchSpace:
    installed = entry_points(group=ENTRY_POINTS)
    entries = {entry.value: entry for entry in installed if entry.name == name}
    if not entries:
        raise unknown("search space", name, {*space_names(), *(entry.name for entry in installed)})
    if len(entries) > 1:
        offers = " and ".join(entries)
        raise UserError(f"More than one installed package offers a space '{name}': {offers}. Uninstall all but one.")
    (entry,) = entries.values()
    try:
        space = entry.load()
    except Exception as error:
        raise UserError(
            f"The installed space '{name}' ({entry.value}) does not load: {describe_error(error)}."
        ) from error
    return _checked(space, f"The installed space '{name}' ({entry.value})")


def _space_of_file(path: Path) -> SearchSpace:
    if not path.is_file():
        raise UserError(f"Search space file '{path}' does not exist. Give the path of a Python file.")
    try:
        space = runpy.run_path(str(path), run_name=path.stem).get("space")
    except (Exception, SystemExit) as error:
        raise UserError(f"Search space file '{path}' does not run: {describe_error(error)}.") from error
    return _checked(space, f"Search space file '{path}'")


def _checked(space: object, where: str) -> SearchSpace:
    """Return a user's own space after some draws, so that a mistake in it is found before a sweep begins."""
    if not isinstance(space, SearchSpace):
        kind = type(space).__name__
        raise UserError(f"{where} must define `space = SearchSpace(name, function)`; it defines {kind}.")
    try:
        space.distributions()
    except Exception as error:
        raise UserError(f"{where} cannot be drawn from: {describe_error(error)}.") from error
    return space
