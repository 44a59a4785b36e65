"""The winner on the test split, beside a reference that is trained as the trials were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from trainables import EpochReport, TrainingData, get_task
from trainables.base.training.compute import active
from tunelab.evaluation.evaluate import evaluate
from tunelab.evaluation.weights import LeadingWeights
from tunelab.figures.worker import FigureProcess
from tunelab.launch.local import search_here
from tunelab.records.spec import make_spec
from tunelab.records.tracking_store import NullStore


def test_a_reference_trained_for_the_table_computes_as_the_trials_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure_process: FigureProcess
) -> None:
    task = get_task("wine")
    splits = task.load()
    reference = task.space().config(task.reference)
    other = {"dropout": 0.0 if reference["dropout"] else 0.1}
    spec = make_spec({"task": "wine", "trials": 1, "max_epochs": 2, "scheduler": "none", "set": other})
    searched = search_here(spec, task, splits)
    worker = {"device": "cpu", "threads": 2, "bf16": True}
    result = replace(searched, trials=tuple(replace(trial, worker=worker) for trial in searched.trials))

    settings = []
    fit = task.fit

    def noting(config: Mapping[str, Any], data: TrainingData, seed: int, **options: Any) -> Iterator[EpochReport]:
        if dict(config) == reference:
            settings.append((torch.get_num_threads(), active().bf16, options["device"]))
        yield from fit(config, data, seed, **options)

    monkeypatch.setattr(task, "fit", noting)
    weights = LeadingWeights(str(tmp_path), 1)
    threads = torch.get_num_threads()
    found = evaluate(result, task, splits, weights, NullStore(), figure_process, lambda line: None, lambda moment: None)
    assert settings == [(2, True, "cpu")]
    assert torch.get_num_threads() == threads
    row = next(model for model in found.baselines if model.name == "reference")
    assert row.test["accuracy"] > 0
