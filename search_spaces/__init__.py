"""What may vary: define-by-run search spaces, found by file name, entry point of ``tunelab.spaces`` or path.

Knows optuna only.
"""

from __future__ import annotations

import importlib
import pkgutil
import runpy
from collections.abc import Mapping
from importlib.metadata import entry_points

from search_spaces.domains import space_of_dict
from search_spaces.errors import UserError, describe_error, unknown
from search_spaces.python_file import PythonFile
from search_spaces.space import Config, SearchSpace
from search_spaces.values import ParamValue

__all__ = [
    "Config",
    "ParamValue",
    "PythonFile",
    "SearchSpace",
    "UserError",
    "as_space",
    "get_space",
    "space_names",
    "unknown",
]

ENTRY_POINTS = "tunelab.spaces"


def space_names() -> list[str]:
    """Return names of the spaces in this package: the files that hold ``space``."""
    no_spaces = {"changes", "distributions", "domains", "errors", "optuna_logging", "python_file", "space", "values"}
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - no_spaces)


def get_space(name: str) -> SearchSpace:
    """Return a space by the name of its file here, an entry point of a package, or the path of a Python file.

    An entry point names what ``as_space`` takes; a Python file defines it as ``space``, or under the name behind a
    colon (``train.py:wide``). Names of this package come first.

    Raises:
        UserError: there is no such space, it is not a ``SearchSpace``, or nothing can be drawn from it.
    """
    file = PythonFile.parse(name)
    if file is not None:
        return _space_of_file(file)
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
    return as_space(space, f"The installed space '{name}' ({entry.value})")


def as_space(value: object, where: str) -> SearchSpace:
    """Return a search space, after some draws from it.

    Args:
        value: what the user gave: a ``SearchSpace``, a plain function of an Optuna trial, or a dict of Optuna's
            distributions or of Ray Tune's domains.
        where: how messages name it.

    Raises:
        UserError: it is none of these, or it cannot be drawn from.
    """
    if isinstance(value, Mapping):
        value = space_of_dict(value, where)
    elif callable(value) and not isinstance(value, SearchSpace):
        value = SearchSpace(getattr(value, "__name__", "space"), value)
    return _checked(value, where)


def _space_of_file(file: PythonFile) -> SearchSpace:
    path = file.path
    if not path.is_file():
        raise UserError(f"Search space file '{path}' does not exist. Give the path of a Python file.")
    try:
        values = runpy.run_path(str(path), run_name=path.stem)
    except (Exception, SystemExit) as error:
        raise UserError(f"Search space file '{path}' does not run: {describe_error(error)}.") from error
    if file.name and file.name not in values:
        raise UserError(f"Search space file '{path}' defines no '{file.name}'.")
    return as_space(values.get(file.name or "space"), f"Search space file '{path}'")


def _checked(space: object, where: str) -> SearchSpace:
    """Return a user's own space after some draws, so that a mistake in it is found before a sweep begins."""
    if not isinstance(space, SearchSpace):
        raise UserError(
            f"{where} must be a SearchSpace, a function of an Optuna trial, or a dict of Optuna's distributions; got "
            f"{'nothing' if space is None else type(space).__name__}."
        )
    try:
        space.distributions()
        differs = space.unstable()
    except Exception as error:
        raise UserError(f"{where} cannot be drawn from: {describe_error(error)}.") from error
    if differs is not None:
        raise UserError(
            f"{where} gives another '{differs}' each time for the same parameters: draw everything with "
            "trial.suggest_*, so that a trial can be repeated."
        )
    return space
