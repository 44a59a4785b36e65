"""The predictors there are, by the name in their folder."""

from __future__ import annotations

import importlib
from pathlib import Path

from search_spaces.errors import unknown
from trainables.base.contract.damage import entry, read_object, reading
from trainables.base.contract.task import Predictor

# lazily imported, so that a table's predictor loads no transformers
PREDICTORS = {
    "table": "trainables.base.tables.predictor:TablePredictor",
    "images": "trainables.base.images.predictor:ImagePredictor",
    "pictures": "trainables.base.images.picture_predictor:PicturePredictor",
    "text": "trainables.base.text.text_predictor:TextPredictor",
    "language_model": "trainables.base.text.predictor:LanguageModelPredictor",
    "ensemble": "trainables.base.training.ensemble:EnsemblePredictor",
    "reported": "trainables.base.functions.models:ReportedModel",
}


def load(folder: Path) -> Predictor:
    """Load the predictor that a folder holds, and have it predict once, where that takes a moment only.

    Raises:
        UserError: the folder holds none, or one that is damaged; the sentence names the file.
    """
    file = folder / "predictor.json"
    name = entry(read_object(file), "predictor", str, file)
    if name not in PREDICTORS:
        raise unknown("predictor", name, PREDICTORS)
    module, _, cls = PREDICTORS[name].partition(":")
    predictor: type[Predictor] = getattr(importlib.import_module(module), cls)
    with reading(file):  # whatever a predictor does not say itself
        found = predictor.load(folder)
        _try(found)
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
