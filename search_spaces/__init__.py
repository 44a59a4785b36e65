"""What may vary: define-by-run search spaces, one file each, found by file name. Knows optuna only."""

from __future__ import annotations

import importlib
import pkgutil
import runpy
from pathlib import Path

from search_spaces.errors import UserError, unknown
from search_spaces.space import Config, ParamValue, SearchSpace

__all__ = ["Config", "ParamValue", "SearchSpace", "UserError", "get_space", "space_names", "unknown"]


def space_names() -> list[str]:
    """Names of the spaces in this package: the files that hold ``space``."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - {"errors", "space"})


def get_space(name: str) -> SearchSpace:
    """A space by the name of its file here, or by the path of the user's own Python file that defines ``space``.

    Raises:
        UserError: when there is no such file, or it defines no ``SearchSpace`` named ``space``.
    """
    if name.endswith(".py"):
        return _space_of_file(Path(name))
    if name not in space_names():
        raise unknown("search space", name, space_names())
    space: SearchSpace = importlib.import_module(f"search_spaces.{name}").space
    return space


def _space_of_file(path: Path) -> SearchSpace:
    if not path.is_file():
        raise UserError(f"Search space file '{path}' does not exist. Give the path of a Python file.")
    try:
        space = runpy.run_path(str(path), run_name=path.stem).get("space")
    except (Exception, SystemExit) as error:
        raise UserError(f"Search space file '{path}' does not run: {type(error).__name__}: {error}.") from error
    if not isinstance(space, SearchSpace):
        raise UserError(
            f"'{path}' must define `space = SearchSpace(name, function)`; it defines {type(space).__name__}."
        )
    return space
