"""An ensemble is made where it helps on validation rows that it was not chosen on, and says what its members cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import row_kind
from trainables.base.training.ensemble_selection import held_out_losses
from tunelab.evaluation.candidates import Candidates
from tunelab.evaluation.ensemble import best_ensemble
from tunelab.records.assessment.cross_validation import CrossValidation, CrossValidationRow
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus

ROWS = 200


class Model:
    """What an ensemble needs of a predictor of numbers."""

    task_kind, facts, preprocessing = "regression", {"target_mean": 0.0, "target_std": 1.0}, None
    kind, reads, columns, packages = "made up", None, (), ()

    def encoded_outputs(self, encoded: Any) -> np.ndarray:
        raise NotImplementedError("nothing is predicted again")

    def outputs(self, inputs: Any) -> np.ndarray:
        raise NotImplementedError("nothing is predicted again")


def made_up(decoded: np.ndarray, target: np.ndarray) -> Candidates:
    kind: RowKind = row_kind("regression")
    losses = [kind.decoded_loss(one, target) for one in decoded]
    trials = tuple(
        TrialRecord(i, {}, {}, 0, 9, TrialStatus.FINISHED, (Epoch(1, loss, {}, 1.0),)) for i, loss in enumerate(losses)
    )
    models: Any = tuple(Model() for _ in trials)
    return Candidates(kind, trials, models, decoded, target, (0.02,) * len(trials), (1000,) * len(trials))


def test_models_with_errors_of_their_own_are_averaged() -> None:
    rng = np.random.default_rng(0)
    target = rng.standard_normal(ROWS)
    candidates = made_up(target[None, :, None] + rng.standard_normal((6, ROWS, 1)), target)
    found = best_ensemble(candidates, 25)
    assert found is not None
    held_out, single = held_out_losses(candidates.kind, candidates.decoded, target, 25)
    assert held_out < 0.5 * single
    assert len(found.members) > 3
    assert sum(member.weight for member in found.members) == 1.0
    weights = [member.weight for member in found.members]
    assert weights == sorted(weights, reverse=True)
    assert (found.members[0].milliseconds_per_1000_rows, found.members[0].bytes) == (100.0, 1000)
    assert len(best_ensemble(candidates, 2).members) == 2  # type: ignore[union-attr]


def test_one_model_that_is_far_better_stays_alone() -> None:
    rng = np.random.default_rng(1)
    target = rng.standard_normal(ROWS)
    decoded = target[None, :, None] + np.array([0.01, 3.0, 3.0])[:, None, None] * rng.standard_normal((3, ROWS, 1))
    candidates = made_up(decoded, target)
    held_out, single = held_out_losses(candidates.kind, decoded, target, 25)
    assert held_out >= single * 0.999
    assert best_ensemble(candidates, 25) is None


def test_a_cross_validation_of_the_leaders_has_the_last_word() -> None:
    rng = np.random.default_rng(3)
    target = rng.standard_normal(ROWS)
    candidates = made_up(target[None, :, None] + rng.standard_normal((4, ROWS, 1)), target)
    rows = [CrossValidationRow(n, (1.0,), 1.0, 0.1, weight) for n, weight in ((1, 0.25), (3, 0.75), (0, 0.0))]
    found = best_ensemble(candidates, 25, CrossValidation(tuple(rows), 1, ""))
    assert found is not None
    assert [(member.trial, member.weight) for member in found.members] == [(3, 0.75), (1, 0.25)]
    mean = 0.25 * candidates.decoded[1] + 0.75 * candidates.decoded[3]
    assert found.val_loss == pytest.approx(candidates.kind.decoded_loss(mean, target))
    alone = CrossValidation((CrossValidationRow(1, (1.0,), 1.0, 0.1), rows[-1]), 1, "")
    assert best_ensemble(candidates, 25, alone) is None


def test_few_rows_or_one_candidate_make_none() -> None:
    rng = np.random.default_rng(2)
    target = rng.standard_normal(10)
    assert best_ensemble(made_up(rng.standard_normal((4, 10, 1)), target), 25) is None
    assert best_ensemble(made_up(rng.standard_normal((1, ROWS, 1)), rng.standard_normal(ROWS)), 25) is None
