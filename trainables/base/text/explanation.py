"""What each word of a text contributes to what a model says of it. Loads no torch."""

from __future__ import annotations

from typing import Any

import pandas as pd

from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind


def explain(predictor: Any, column: str, kind: Kind, text: str) -> pd.DataFrame:
    """Say what each word of a text contributes, by leaving it out (Li et al. 2016, "Representation Erasure").

    Args:
        predictor: Predicts a table with the column of texts: one model, or a mean of several.
        column: Of the texts.
        kind: Of the target.
        text: To predict.

    Returns:
        A row a word, in the text's order: ``word`` and ``contribution``, by how much the probability of the predicted
        class (for a number: the prediction, in the target's unit) falls without it.
    """
    words = text.split()
    without = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words))]
    found = predictor.predict(pd.DataFrame({column: [text, *without]}))
    name = f"p_{found['prediction'].iloc[0]}" if row_kind(kind).classifies else "prediction"
    values = found[name].to_numpy(dtype=float)
    return pd.DataFrame({"word": words, "contribution": values[0] - values[1:]})
