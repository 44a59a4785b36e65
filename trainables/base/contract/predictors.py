"""Saving predictors and loading them back: those of tunelab by their name, those of users by their class."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path

from search_spaces.errors import UserError, describe_error, unknown
from trainables.base.contract.files.damage import entry, read_object, reading
from trainables.base.contract.own_code import FILE, OwnClass
from trainables.base.contract.predictor import Predictor

# lazily imported, so that a table's predictor loads no transformers
PREDICTORS = {
    "table": "trainables.base.tables.predictor:TablePredictor",
    "series": "trainables.base.tables.series.predictor:SeriesPredictor",
    "images": "trainables.base.images.predictor:ImagePredictor",
    "pictures": "trainables.base.images.picture_predictor:PicturePredictor",
    "generator": "trainables.base.images.generation.predictor:DigitGenerator",
    "text": "trainables.base.text.text_predictor:TextPredictor",
    "encoder": "trainables.base.text.encoder:EncoderPredictor",
    "language_model": "trainables.base.text.language_models.predictor:LanguageModelPredictor",
    "ensemble": "trainables.base.training.ensemble:EnsemblePredictor",
    "network": "trainables.base.contract.network:NetworkPredictor",
    "estimator": "trainables.base.functions.estimator:EstimatorPredictor",
    "reported": "trainables.base.functions.models:ReportedModel",
}


NETWORK = "network"  # of a torch task; the class noted beside it is the task's
_trusted: ContextVar[Sequence[str]] = ContextVar("trusted", default=())  # also for the members of an ensemble


def save(predictor: Predictor, folder: Path) -> None:
    """Write a predictor into an empty folder, and where its class is defined, if that is the user's own."""
    predictor.save(folder)
    own = OwnClass.from_class(type(predictor))
    if own is not None:
        own.save(folder)


def load(folder: Path, trusted: Sequence[str] | None = None) -> Predictor:
    """Load the predictor that a folder holds, and have it predict once, where that takes a moment only.

    Args:
        folder: As ``save`` left it.
        trusted: Python files that the user named, whose code may run; those of the ensemble that loads this member,
            when None.

    Raises:
        UserError: the folder holds none, one that is damaged, or one whose class is in a file that was not named.
    """
    token = _trusted.set(_trusted.get() if trusted is None else trusted)
    try:
        return _load(folder)
    finally:
        _trusted.reset(token)


def trusted_files() -> Sequence[str]:
    """Return the Python files whose code may run for the model that is being loaded."""
    return _trusted.get()


def _load(folder: Path) -> Predictor:
    file = folder / "predictor.json"
    name = entry(read_object(file), "predictor", str, file)
    if (folder / FILE).exists() and name != NETWORK:
        return _load_own(folder)
    if name not in PREDICTORS:
        raise unknown("predictor", name, PREDICTORS)
    module, _, cls = PREDICTORS[name].partition(":")
    predictor: type[Predictor] = getattr(importlib.import_module(module), cls)
    with reading(file):  # whatever a predictor does not say itself
        found = predictor.load(folder)
        _try(found)
    return found


def _load_own(folder: Path) -> Predictor:
    """Load a predictor of a user's class."""
    cls = OwnClass.load(folder / FILE).find(_trusted.get())
    if not issubclass(cls, Predictor):
        raise UserError(f"The model's class '{cls.__name__}' is not a Predictor.")
    try:
        found: Predictor = cls.load(folder)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"The class '{cls.__name__}' cannot load its model: {describe_error(error)}.") from error
    return found


def _try(predictor: Predictor) -> None:
    """Raise ``ValueError`` when a model that can be loaded predicts something that is not a number."""
    import numpy as np

    row = predictor.trial_input()
    if row is None:
        return
    with np.errstate(all="ignore"):
        numbers = predictor.predict(row).select_dtypes("number").to_numpy()
    if not np.isfinite(numbers).all():
        raise ValueError("the model predicts values that are not numbers")
