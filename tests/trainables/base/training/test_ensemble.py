"""Averages of trained models: what they say, that they keep, how they are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces import UserError
from trainables import Predictor, RawSplit, Splits, TabularTask, get_task, load_predictor
from trainables.base.kinds.registry import row_kind
from trainables.base.training.ensemble import EnsemblePredictor, SharedInputs, as_member
from trainables.base.training.ensemble_selection import select_greedily

PLAIN: dict[str, Any] = {"hidden_sizes": [16], "dropout": 0.1, "lr": 1e-2, "weight_decay": 1e-3, "batch_size": 32}
NEIGHBOURS: dict[str, Any] = {
    "family": "neighbours",
    **{"embedding": "periodic", "n_frequencies": 8, "frequency_scale": 0.1, "embedding_size": 4},
    **{"dim": 8, "n_blocks": 0, "candidates": 0.5, "lr": 1e-2, "weight_decay": 1e-4, "batch_size": 32},
}
BOOSTING = {"family": "boosting", "learning_rate": 0.1, "num_leaves": 4, "min_data_in_leaf": 5}


def train(task: TabularTask, splits: Splits, config: dict[str, Any], seed: int, epochs: int = 4) -> Predictor:
    *_, last = task.fit(config, splits.training, seed, max_epochs=epochs)
    assert last.weights is not None
    return task.predictor(config, last.weights, splits)


@pytest.fixture(scope="module", params=["wine", "heart_disease", "auto_mpg"])
def trained(request: pytest.FixtureRequest) -> tuple[TabularTask, Splits, list[Predictor]]:
    """A task of each kind with models of three families."""
    task = get_task(request.param)
    assert isinstance(task, TabularTask)
    splits = task.load()
    return task, splits, [train(task, splits, c, seed) for seed, c in enumerate((PLAIN, NEIGHBOURS, BOOSTING))]


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


def greedy_weights(members: list[Predictor], validation: RawSplit, at_most: int) -> tuple[list[float], float]:
    ready = [as_member(member) for member in members]
    kind, shared = row_kind(ready[0].task_kind), SharedInputs(validation.inputs)
    decoded = np.stack([kind.decode(shared.outputs(member)) for member in ready])
    target = kind.encode_target(np.asarray(validation.targets), ready[0].facts)
    weights, loss = select_greedily(kind, decoded, target, at_most)
    return weights.tolist(), loss


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


def test_members_of_a_loaded_ensemble_share_their_preprocessing(
    trained: tuple[TabularTask, Splits, list[Predictor]], tmp_path: Path
) -> None:
    _, splits, members = trained
    ensemble = EnsemblePredictor(members, [0.5, 0.3, 0.2])
    ensemble.save(tmp_path)
    loaded = EnsemblePredictor.load(tmp_path)
    assert len({id(as_member(member).preprocessing) for member in loaded.members}) == 1
    np.testing.assert_array_equal(loaded.outputs(splits.validation.inputs), ensemble.outputs(splits.validation.inputs))
