"""The predictors there are, by the name in their folder."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

from search_spaces.errors import UserError, unknown
from trainables.base.contract.task import Predictor

# lazily imported, so that a table's predictor loads no transformers
PREDICTORS = {
    "table": "trainables.base.tables.predictor:TablePredictor",
    "images": "trainables.base.images.predictor:ImagePredictor",
    "language_model": "trainables.base.text.predictor:LanguageModelPredictor",
    "ensemble": "trainables.base.training.ensemble:EnsemblePredictor",
    "reported": "trainables.base.functions.models:ReportedModel",
}


def load(folder: Path) -> Predictor:
    """Load the predictor that a folder holds; raises ``UserError`` when it holds none."""
    path = folder / "predictor.json"
    try:
        name = json.loads(path.read_text(encoding="utf-8"))["predictor"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'{folder}' holds no tunelab predictor (no readable predictor.json).") from error
    if name not in PREDICTORS:
        raise unknown("predictor", str(name), PREDICTORS)
    module, _, cls = PREDICTORS[name].partition(":")
    predictor: type[Predictor] = getattr(importlib.import_module(module), cls)
    return predictor.load(folder)
