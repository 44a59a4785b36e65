"""The kinds of targets: each one's parts agree with each other and with torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from search_spaces.errors import UserError
from trainables.base.kinds.kind import GradientBuffers, RowKind
from trainables.base.kinds.registry import KINDS, kind_from_facts, kind_of, row_kind

ROW_KINDS = [kind for kind in KINDS.values() if isinstance(kind, RowKind)]


@pytest.fixture(params=ROW_KINDS, ids=lambda kind: kind.name)
def case(request: pytest.FixtureRequest) -> tuple[RowKind, dict[str, Any], np.ndarray, np.ndarray]:
    """A kind, its facts, raw targets (60,) and raw outputs (60, n_outputs)."""
    kind, rng = request.param, np.random.default_rng(1)
    names = np.array(["a", "b"] if kind.name == "binary" else ["a", "b", "c"])
    targets = names[rng.integers(len(names), size=60)] if kind.classifies else rng.normal(5, 3, 60)
    facts = kind.target_facts(targets, targets, "none")
    return kind, facts, targets, rng.normal(size=(60, facts["n_outputs"])).astype(np.float32)


Case = tuple[RowKind, dict[str, Any], np.ndarray, np.ndarray]


def test_row_losses_average_to_the_loss_that_is_trained(case: Case) -> None:
    kind, facts, targets, outputs = case
    encoded = kind.encode_target(targets, facts)
    loss = float(kind.loss(torch.from_numpy(outputs).double(), torch.from_numpy(encoded)))
    assert kind.row_losses(outputs, encoded).mean() == pytest.approx(loss)
    assert kind.decoded_loss(kind.decode(outputs), encoded) == pytest.approx(loss, rel=1e-6)


def test_the_gradient_written_by_hand_is_that_of_the_loss(case: Case) -> None:
    kind, facts, targets, outputs = case
    z, y = torch.from_numpy(outputs).requires_grad_(), torch.from_numpy(kind.encode_target(targets, facts))
    torch.autograd.backward(kind.loss(z, y))
    rows = len(y)
    work = SimpleNamespace(
        output_gradient=torch.empty_like(z),
        per_row=torch.tensor(1 / rows),
        two=torch.tensor(2.0),
        minus_ones=torch.full((rows, 1), -1.0),
    )
    with torch.inference_mode():
        ours = kind.output_gradient(z, y.unsqueeze(1), cast(GradientBuffers, work))
    assert z.grad is not None
    torch.testing.assert_close(ours, z.grad)


def test_decoded_outputs_can_be_encoded_again(case: Case) -> None:
    kind, _, _, outputs = case
    decoded = kind.decode(outputs)
    np.testing.assert_allclose(kind.decode(kind.encode_outputs(decoded)), decoded, atol=1e-12)


def test_no_other_constant_beats_the_best_one(case: Case) -> None:
    kind, facts, targets, _ = case
    encoded = kind.encode_target(targets, facts)
    constant = kind.constant_outputs(encoded, facts)

    def loss(outputs: np.ndarray) -> float:
        return float(kind.row_losses(np.broadcast_to(outputs, (len(encoded), len(outputs))), encoded).mean())

    shifts = np.random.default_rng(2).normal(0, 0.1, (20, len(constant)))
    assert all(loss(constant) <= loss(constant + shift) for shift in shifts)


def test_scores_read_raw_targets_and_metrics_encoded_ones(case: Case) -> None:
    kind, facts, targets, outputs = case
    scores = kind.scores(outputs, targets, facts)
    metrics = kind.metrics(outputs, kind.encode_target(targets, facts), facts)
    assert {name: scores[name] for name in metrics} == pytest.approx(metrics, rel=1e-6)
    assert kind.score in scores


def test_a_score_that_only_rounding_keeps_from_zero_is_zero() -> None:
    kind, facts = row_kind("images"), {"n_outputs": 3, "classes": [0, 1, 2]}
    scores = kind.scores(np.full((3, 3), np.log(1 / 3)), np.array([0, 1, 2]), facts)
    assert scores["ece"] == 0


def test_the_facts_of_a_table_say_its_kind() -> None:
    for kind in (row_kind(name) for name in ("regression", "binary", "multiclass")):
        targets = np.array([0, 1, 1]) if kind.name == "binary" else np.array([0, 1, 2])
        assert kind_from_facts(kind.target_facts(targets, targets, "none")) == kind


def test_a_language_model_has_no_outputs_for_each_row() -> None:
    assert kind_of("language_model").costly
    with pytest.raises(UserError, match="no outputs"):
        row_kind("language_model")
    with pytest.raises(UserError, match="Did you mean 'binary'"):
        kind_of("binry")
