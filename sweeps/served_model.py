"""The MLflow model of a winner, logged as code: MLflow runs this file and hands it the saved predictor's folder."""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from trainables import load_predictor


class ServedModel(PythonModel):  # type: ignore[misc, unused-ignore]
    """Raw columns in, predictions in the target's unit out; loads safetensors, JSON and skops, never a pickle."""

    def load_context(self, context: PythonModelContext) -> None:
        self._predictor = load_predictor(Path(context.artifacts["predictor"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # MLflow reads hints here
        return self._predictor.predict(model_input)


mlflow.models.set_model(ServedModel())
