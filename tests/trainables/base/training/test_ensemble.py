"""Averages of trained models, and models with embedded columns: what they say, that they keep, how they are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from rtdl_num_embeddings import PeriodicEmbeddings

from search_spaces import UserError
from trainables import Predictor, Splits, TabularTask, get_task, load_predictor
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind
from trainables.base.training.embeddings import Periodic, PiecewiseLinear, averaged, build_embedded_mlp, quantile_edges
from trainables.base.training.ensemble import EnsemblePredictor, greedy_weights

PLAIN: dict[str, Any] = {"hidden_sizes": [16], "dropout": 0.1, "lr": 1e-2, "weight_decay": 1e-3, "batch_size": 32}
PIECEWISE = {**PLAIN, "embedding": "piecewise", "n_bins": 8, "members": 4}
PERIODIC = {
    **PLAIN,
    "embedding": "periodic",
    "n_frequencies": 8,
    "frequency_scale": 0.1,
    "embedding_size": 4,
    "members": 2,
}


def train(task: TabularTask, splits: Splits, config: dict[str, Any], seed: int, epochs: int = 4) -> Predictor:
    *_, last = task.fit(config, splits.training, seed, max_epochs=epochs)
    assert last.weights is not None
    return task.predictor(config, last.weights, splits)


@pytest.fixture(scope="module", params=["wine", "heart_disease", "auto_mpg"])
def trained(request: pytest.FixtureRequest) -> tuple[TabularTask, Splits, list[Predictor]]:
    """A task of each kind with three unlike models."""
    task = get_task(request.param)
    assert isinstance(task, TabularTask)
    splits = task.load()
    return task, splits, [train(task, splits, c, seed) for seed, c in enumerate((PLAIN, PIECEWISE, PERIODIC))]


def test_an_average_is_kept_and_loaded_as_it_was(
    trained: tuple[TabularTask, Splits, list[Predictor]], tmp_path: Path
) -> None:
    task, splits, members = trained
    ensemble = EnsemblePredictor(members, [0.5, 0.3, 0.2])
    ensemble.save(tmp_path)
    loaded = load_predictor(tmp_path)
    rows = splits.validation.inputs
    assert loaded.kind == "ensemble"
    assert loaded.predict(rows).equals(ensemble.predict(rows))
    assert task.scores(loaded, splits.validation) == task.scores(ensemble, splits.validation)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pkl", ".pt", ".pickle")]


def test_an_average_lies_between_its_members(trained: tuple[TabularTask, Splits, list[Predictor]]) -> None:
    task, splits, members = trained
    rows = splits.validation.inputs
    said = [member.predict(rows) for member in members]
    column = "prediction" if task.facts.kind == "regression" else next(n for n in said[0] if str(n).startswith("p_"))
    values = np.stack([frame[column].to_numpy(dtype=float) for frame in said])
    mean = EnsemblePredictor(members, [0.2, 0.2, 0.6]).predict(rows)[column].to_numpy(dtype=float)
    expected = np.array([0.2, 0.2, 0.6]) @ values  # none of these targets is trained as a logarithm
    np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-6)


def test_greedy_weights_are_no_worse_than_the_best_member(
    trained: tuple[TabularTask, Splits, list[Predictor]],
) -> None:
    _, splits, members = trained
    alone = [greedy_weights([member], splits.validation, 1)[1] for member in members]
    weights, loss = greedy_weights(members, splits.validation, 2)
    assert loss <= min(alone) + 1e-12
    assert np.isclose(sum(weights), 1.0)
    assert np.count_nonzero(weights) <= 2
    same, _ = greedy_weights([members[0]] * 3, splits.validation, 3)
    assert np.isclose(sum(same), 1.0)


def test_a_model_without_outputs_cannot_be_averaged() -> None:
    class Speaker(Predictor):
        kind = "speaker"

        def predict(self, inputs: Any) -> Any:
            return None

        def save(self, folder: Path) -> None:
            return

        @classmethod
        def load(cls, folder: Path) -> Predictor:
            return cls()

    with pytest.raises(UserError, match="'speaker' cannot be averaged"):
        EnsemblePredictor([Speaker()], [1.0])


@pytest.mark.parametrize("config", [PIECEWISE, PERIODIC])
def test_embedded_models_train_alike_and_better_than_nothing(config: dict[str, Any]) -> None:
    task = get_task("auto_mpg")
    splits = task.load()
    first, again = (
        [report.val_loss for report in task.fit(config, splits.training, 3, max_epochs=15)] for _ in range(2)
    )
    other = [report.val_loss for report in task.fit(config, splits.training, 4, max_epochs=3)]
    assert first == again
    assert first[:3] != other
    assert min(first) < 0.5  # the mean alone has a loss of about 1, as the target is standardised


def test_piecewise_positions_by_hand() -> None:
    edges = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 4.0]])
    encode = PiecewiseLinear(edges)
    x = torch.tensor([[0.5, 3.0], [2.0, 9.0], [-5.0, 1.0]])
    expected = [[0.5, 0.0, 0.0, 0.5], [1.0, 0.5, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    assert encode(x).tolist() == expected


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
    torch.testing.assert_close(ours(x), theirs(x).flatten(1))


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
    x: npt.NDArray[np.float32] = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    model = build_embedded_mlp(PIECEWISE, facts, x)
    embedded = model.embed(torch.from_numpy(x))
    assert embedded.shape == (50, 8 + 2)
    assert torch.equal(embedded[:, 8:], torch.from_numpy(x[:, 1:]))


@pytest.mark.parametrize("config", [PIECEWISE, PERIODIC])
def test_the_reported_weights_have_the_reported_loss(config: dict[str, Any]) -> None:
    task = get_task("auto_mpg")
    assert isinstance(task, TabularTask)
    splits = task.load()
    for report in task.fit(config, splits.training, 3, max_epochs=3):
        assert report.weights is not None
        kept = task.predictor(config, report.weights, splits)
        _, loss = greedy_weights([kept], splits.validation, 1)
        assert loss == pytest.approx(report.val_loss, rel=1e-4)
