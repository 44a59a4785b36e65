"""Embeddings of numeric columns and the members that read them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rtdl_num_embeddings import PeriodicEmbeddings, PiecewiseLinearEmbeddings

from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind
from trainables.base.tables.families.embedded import averaged, build_embedded_mlp
from trainables.base.tables.families.numeric_embeddings import Periodic, PiecewiseLinear, build_embedded, quantile_edges
from trainables.base.tables.families.optimizer import parameter_groups

PIECEWISE = {"embedding": "piecewise", "n_bins": 8, "embedding_size": 4, "hidden_sizes": [16], "members": 4}


def test_piecewise_positions_by_hand() -> None:
    edges = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 4.0]])
    encode = PiecewiseLinear(edges, 3).encode
    x = torch.tensor([[0.5, 3.0], [2.0, 9.0], [-5.0, 1.0]])
    expected = [[[0.5, 0.0], [1.0, 0.5], [0.0, 0.0]], [[0.0, 0.5], [0.0, 1.0], [0.0, 0.0]]]  # by column
    assert encode(x).tolist() == expected


def test_piecewise_embedding_agrees_with_the_published_package() -> None:
    edges = torch.tensor([[0.0, 1.0, 3.0, 4.0], [-1.0, 0.0, 2.0, 5.0]])
    ours = PiecewiseLinear(edges, 4)
    theirs = PiecewiseLinearEmbeddings(list(edges), 4, activation=False, version="A")
    with torch.no_grad():
        theirs.linear.weight.copy_(ours.weight)
        theirs.linear.bias.copy_(ours.bias.squeeze(1))
    x = torch.tensor([[0.5, 3.0], [2.0, -0.5], [3.5, 4.0]])
    torch.testing.assert_close(ours(x), theirs(x))


def test_bins_hold_equal_shares_of_the_training_rows() -> None:
    x = np.random.default_rng(0).lognormal(size=(1000, 2)).astype(np.float32)
    counts = [
        np.histogram(column, bins=edges)[0] for column, edges in zip(x.T, quantile_edges(x, 10).numpy(), strict=True)
    ]
    assert np.ptp(np.stack(counts)) <= 2


def test_periodic_embedding_agrees_with_the_published_package() -> None:
    ours = Periodic(columns=3, frequencies=5, scale=0.1, size=4)
    theirs = PeriodicEmbeddings(3, 4, n_frequencies=5, frequency_init_scale=0.1, lite=False)
    with torch.no_grad():
        theirs.periodic.weight.copy_(ours.frequencies)
        theirs.linear.weight.copy_(ours.weight)
        theirs.linear.bias.copy_(ours.bias.squeeze(1))
    x = torch.randn(7, 3)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(("kind", "n_outputs"), [("binary", 1), ("multiclass", 3)])
def test_members_of_a_classifier_average_probabilities(kind: Kind, n_outputs: int) -> None:
    scores = torch.randn(4, 6, n_outputs, dtype=torch.float64)
    both = averaged(scores, row_kind(kind))
    if n_outputs == 1:
        torch.testing.assert_close(both.sigmoid(), scores.sigmoid().mean(dim=0))
    else:
        torch.testing.assert_close(both.softmax(dim=1), scores.softmax(dim=2).mean(dim=0))


def test_columns_without_numbers_pass_by_the_embedding() -> None:
    facts = {"n_numeric": 1, "n_inputs": 3, "n_outputs": 1}
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    embedded = build_embedded(PIECEWISE, facts, x)(torch.from_numpy(x))
    assert embedded.shape == (50, 4 + 2)
    assert torch.equal(embedded[:, 4:], torch.from_numpy(x[:, 1:]))


def test_members_begin_apart_with_one_scale_a_column() -> None:
    facts = {"n_numeric": 2, "n_inputs": 3, "n_outputs": 1}
    model = build_embedded_mlp(PIECEWISE, facts, np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32))
    scales = model.scales.detach()
    assert scales.shape == (4, 2 * 4 + 1)
    assert all(len(set(row[:4].tolist())) == 1 for row in scales)  # one draw for all of a column's embedding
    assert len({float(row[0]) for row in scales}) == 4


def test_members_outputs_on_shared_rows_are_those_on_rows_of_their_own() -> None:
    facts = {"n_numeric": 3, "n_inputs": 3, "n_outputs": 1}
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    model = build_embedded_mlp(PIECEWISE, facts, x)
    rows = torch.from_numpy(x)
    torch.testing.assert_close(model.scores(rows.expand(4, -1, -1)).mean(dim=0), model(rows))


def test_biases_and_embeddings_do_not_decay() -> None:
    facts = {"n_numeric": 3, "n_inputs": 3, "n_outputs": 1}
    model = build_embedded_mlp(PIECEWISE, facts, np.zeros((5, 3), dtype=np.float32))
    decayed, free = parameter_groups(model, 0.1)
    assert [p.shape for p in decayed.parameters] == [model.hidden[0].weight.shape]
    assert len(free.parameters) == len(list(model.parameters())) - 1
