"""A family of texts on public ones: which of five laws and bills a Korean paragraph is from (bundled, public text)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainables.base.text.korean import bundled
from trainables.text import Text
from tunelab.evaluation.baselines import baselines

SEEDS = (1, 2, 3)
LAWS = 5  # those with the most paragraphs


@pytest.mark.slow
def test_character_sequences_tell_laws_apart_better_than_the_baselines(tmp_path: Path) -> None:
    corpus = bundled()
    documents = [*corpus.train, *corpus.validation, *corpus.test]
    frame = pd.DataFrame([(document.text, document.source) for document in documents], columns=["text", "law"])
    frame = frame[frame["law"].isin(frame["law"].value_counts().index[:LAWS])]
    frame.to_csv(tmp_path / "laws.csv", index=False)
    task = Text(tmp_path / "laws.csv", "text", "law")
    splits = task.load()
    test = splits.test.open()
    simple = {row.name: row.test["accuracy"] for row in baselines(task, splits, test)}
    config = task.space().config(dict(task.reference))
    found = []
    for seed in SEEDS:
        best, weights = math.inf, dict[str, Any]()
        for report in task.fit(config, splits.training, seed, max_epochs=12):
            assert report.weights is not None
            if report.val_loss < best:
                best, weights = report.val_loss, {name: value.clone() for name, value in report.weights.items()}
        found.append(task.scores(task.predictor(config, weights, splits), test)["accuracy"])
    assert np.mean(found) > max(simple.values())
    assert min(found) >= simple["logistic"]
