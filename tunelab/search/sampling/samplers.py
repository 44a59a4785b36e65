"""Optuna's samplers by name, and a user's own class of one."""

from __future__ import annotations

import importlib
import inspect
import runpy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler

from search_spaces import PythonFile, UserError
from search_spaces.errors import describe_error, did_you_mean
from trainables.base.contract.files.digests import file_digest
from tunelab.system.hashing import python_file_digest

GRID = "grid"
CURVES = "curves"
RANDOM = "random"
_REMEMBERING = ("cmaes", "qmc", "nsga2")  # keep something between proposals, see SamplerKind.remembers
POPULATION = 16  # of nsga2: Optuna's 50 would be all of a usual sweep


@dataclass(frozen=True)
class SamplerKind:
    """A sampler by name.

    Attributes:
        name: As the user gave it.
        make: Makes one from a seed.
        remembers: True if it keeps something between proposals, in itself or in the trials of its study. It is then
            made once for a sweep, and a resumed sweep goes through the earlier proposals again.
        is_own: True if it is the user's own class, of which nothing is known.
    """

    name: str
    make: Callable[[int], BaseSampler]
    remembers: bool = False
    is_own: bool = False


def find_sampler(name: str) -> SamplerKind:
    """Return a sampler by its name, or a user's class as ``package.module:Class`` or ``file.py:Class``.

    Raises:
        UserError: It needs a package that is not installed, or the class cannot be found or made.
    """
    if name in _MAKERS:
        if name == "cmaes" and find_spec("cmaes") is None:
            raise UserError(
                "--sampler cmaes needs the package cmaes, which is not installed: pip install 'tunelab[samplers]'."
            )
        return SamplerKind(name, _MAKERS[name], remembers=name in _REMEMBERING)
    cls = _own_class(name)
    _make_own(name, cls, 0)
    return SamplerKind(name, lambda seed: _make_own(name, cls, seed), remembers=True, is_own=True)


def resume_note(name: str) -> str:
    """Return what a resumed sweep cannot promise of a sampler, one sentence; empty for those of tunelab."""
    if name in _MAKERS:
        return ""
    return (
        f"--sampler {name}: a resumed sweep asks it for the earlier proposals again, and continues as it would have "
        "only if it draws all of its random numbers from its seed."
    )


def sampler_digest(name: str) -> str:
    """Return the sha256 of the file that a user's own sampler is defined in; empty for those of tunelab.

    Args:
        name: A sampler that ``find_sampler`` finds.
    """
    if name in _MAKERS or PythonFile.parse(name) is not None:
        return python_file_digest(name)
    try:
        source = inspect.getsourcefile(_own_class(name))
    except TypeError:  # made in memory
        return ""
    return file_digest(Path(source)) if source is not None and Path(source).is_file() else ""


def make_by_class(cls: Callable[..., Any], known: Mapping[str, Any]) -> Any:
    """Make an object with those of the known arguments that its class accepts, without warnings of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it or an argument is experimental: it was chosen by name
        return cls(**arguments_of(cls, known))


def arguments_of(cls: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the known arguments that a class accepts."""
    return {key: value for key, value in known.items() if key in inspect.signature(cls).parameters}


def _maker(cls: type[BaseSampler], **arguments: Any) -> Callable[[int], BaseSampler]:
    def make(seed: int) -> BaseSampler:
        known = {"warn_independent_sampling": False, **arguments, "seed": seed}
        made: BaseSampler = make_by_class(cls, known)
        return made

    return make


_MAKERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": _maker(optuna.samplers.TPESampler),
    RANDOM: _maker(optuna.samplers.RandomSampler),
    "gp": _maker(optuna.samplers.GPSampler),
    # most trials of a sweep are stopped early; without them it would learn from a few
    "cmaes": _maker(optuna.samplers.CmaEsSampler, consider_pruned_trials=True),
    "qmc": _maker(optuna.samplers.QMCSampler, scramble=True),
    GRID: _maker(optuna.samplers.RandomSampler),  # its points are planned; see tunelab/search/sampling/grid.py
    CURVES: _maker(optuna.samplers.TPESampler),  # and every second one from the study, which knows the space
    "nsga2": _maker(optuna.samplers.NSGAIISampler, population_size=POPULATION),
}


def _own_class(name: str) -> type[BaseSampler]:
    file = PythonFile.parse(name)
    source, _, wanted = name.rpartition(":")
    try:
        if file is None:
            values: Mapping[str, Any] = vars(importlib.import_module(source))
        else:
            values = runpy.run_path(str(file.path), run_name=file.path.stem)
    except FileNotFoundError as error:
        raise UserError(f"--sampler {name}: the file '{source}' does not exist.") from error
    except (Exception, SystemExit) as error:
        raise UserError(f"--sampler {name}: '{source}' cannot be imported: {describe_error(error)}.") from error
    classes = [n for n, v in values.items() if inspect.isclass(v) and issubclass(v, BaseSampler)]
    if wanted not in values:
        raise UserError(f"--sampler {name}: '{source}' has no '{wanted}'.{did_you_mean(wanted, classes)}")
    if wanted not in classes:
        raise UserError(f"--sampler {name}: '{wanted}' is not a class derived from optuna.samplers.BaseSampler.")
    found: type[BaseSampler] = values[wanted]
    return found


def _make_own(name: str, cls: type[BaseSampler], seed: int) -> BaseSampler:
    try:
        made: BaseSampler = make_by_class(cls, {"seed": seed, "warn_independent_sampling": False})
    except Exception as error:
        raise UserError(
            f"--sampler {name}: it cannot be made from a seed alone: {describe_error(error)}. Give a class whose "
            "other arguments have defaults."
        ) from error
    return made
