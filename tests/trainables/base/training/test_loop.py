"""The training engine: reproducible curves, the hand-written perceptron against autograd, scores against sklearn."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.metrics import binary_metrics, multiclass_metrics, regression_metrics
from trainables.base.kinds.registry import row_kind
from trainables.base.training.loop import Plateau, fit_tensors
from trainables.base.training.mlp import MLP, FusedMLPTrainer, fit_mlp
from trainables.base.training.randomness import seeded

CONFIG: dict[str, Any] = {"hidden_sizes": [16, 8], "dropout": 0.2, "weight_decay": 0.01, "lr": 0.01, "batch_size": 32}
KINDS: list[Kind] = ["regression", "binary", "multiclass"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def table(kind: Kind, rows: int = 210, transform: str = "none") -> TrainingData:
    """A small learnable table; arrays are read-only, as shared memory is."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(rows + 90, 5)).astype(np.float32)
    signal = x[:, 0] - 2 * np.abs(x[:, 1]) + 0.1 * rng.normal(size=len(x))
    y: Any = ((signal - signal.mean()) / signal.std()).astype(np.float32)
    if kind == "binary":
        y = (y > 0).astype(np.float32)
    elif kind == "multiclass":
        y = np.digitize(y, [-0.5, 0.5]).astype(np.int64)
    arrays = {"x_train": x[:rows], "y_train": y[:rows], "x_val": x[rows:], "y_val": y[rows:]}
    for array in arrays.values():
        array.setflags(write=False)
    facts: dict[str, Any] = {"n_inputs": 5, "n_outputs": 3 if kind == "multiclass" else 1}
    if kind == "regression":
        facts |= {"target_mean": 2.0, "target_std": 0.5, "target_transform": transform}
    return TrainingData(arrays, facts, digest=f"{kind}-{rows}-{transform}")


def curve(reports: Iterator[EpochReport]) -> list[tuple[float, ...]]:
    return [(r.val_loss, *r.metrics.values()) for r in reports]


def curve_of(kind: Kind, seed: int) -> list[tuple[float, ...]]:
    torch.set_num_threads(1)
    return curve(fit_mlp(CONFIG, table(kind), seed, kind=kind, max_epochs=4))


def convolution(seed: int) -> list[tuple[float, ...]]:
    with seeded(seed):
        model = nn.Sequential(
            nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(12, 1)
        )
    return curve(fit_tensors(model, table("binary"), CONFIG, seed, kind="binary", max_epochs=3))


@pytest.mark.parametrize("kind", KINDS)
def test_curves_fall_and_hold_every_figure(kind: Kind) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # read-only arrays must not warn
        reports = list(fit_mlp(CONFIG, table(kind), 1, kind=kind, max_epochs=15))
    assert [r.epoch for r in reports] == list(range(1, len(reports) + 1))
    assert min(r.val_loss for r in reports) < 0.75 * reports[0].val_loss
    names = {"rmse", "mae", "r2"} if kind == "regression" else {"accuracy", "auc", "f1", "log_loss"}
    names |= {"average_precision"} if kind == "binary" else set()
    assert set(reports[0].metrics) == {"train_loss", "lr"} | {f"val_{name}" for name in names}


def test_the_same_seed_gives_the_same_curve_wherever_it_runs() -> None:
    alone = {kind: curve_of(kind, 5) for kind in KINDS}
    torch.manual_seed(123)  # whatever the process did before
    before = torch.get_rng_state()
    side_by_side = [fit_mlp(CONFIG, table(kind), 5, kind=kind, max_epochs=4) for kind in KINDS]
    interleaved = list(zip(*side_by_side, strict=True))
    for number, kind in enumerate(KINDS):
        assert curve(iter([reports[number] for reports in interleaved])) == alone[kind]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.starmap(curve_of, [(kind, 5) for kind in KINDS]) == list(alone.values())
    assert torch.equal(torch.get_rng_state(), before)
    assert curve_of("binary", 6) != alone["binary"]


def test_dropout_of_any_module_draws_from_the_trials_own_stream() -> None:
    first = convolution(2)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert convolution(2) == first
    assert torch.equal(torch.get_rng_state(), before)


def test_a_single_last_row_does_not_stop_batch_normalisation() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    data = table("regression", rows=65)
    assert len(list(fit_tensors(model, data, CONFIG, 1, kind="regression", max_epochs=2))) == 2


def noisy(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return batch + 0.1 * torch.randn(batch.shape, generator=generator, device=batch.device)


def test_images_are_flattened_and_augmented_alike_by_both_engines() -> None:
    data = table("multiclass")
    arrays = {name: a[:, None, :, None] if name.startswith("x") else a for name, a in data.arrays.items()}
    images = TrainingData(arrays, data.facts, "images")
    config = {**CONFIG, "dropout": 0.0}
    with seeded(4):
        model = MLP(5, [16, 8], 3)
    by_autograd = list(fit_tensors(model, images, config, 4, kind="multiclass", max_epochs=2, augment=noisy))
    ours = list(fit_mlp(config, images, 4, kind="multiclass", max_epochs=2, augment=noisy))
    assert ours[-1].val_loss == pytest.approx(by_autograd[-1].val_loss, rel=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_learns_what_the_cpu_learns(kind: Kind) -> None:
    on_gpu = curve(fit_mlp(CONFIG, table(kind), 5, kind=kind, max_epochs=4, device="cuda"))
    assert on_gpu[-1][0] == pytest.approx(curve_of(kind, 5)[-1][0], rel=1e-2)


@pytest.mark.parametrize("offset", [0, 1, 3])
def test_curves_do_not_depend_on_where_arrays_lie_in_memory(offset: int) -> None:
    data = table("regression")
    moved = {}
    for name, array in data.arrays.items():
        room = np.empty(array.size + 16, dtype=array.dtype)
        moved[name] = room[offset : offset + array.size].reshape(array.shape)
        moved[name][...] = array
    shifted = TrainingData(moved, data.facts, data.digest)
    assert curve(fit_mlp(CONFIG, shifted, 5, kind="regression", max_epochs=4)) == curve_of("regression", 5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden", [[16, 8], [7], []])
def test_the_hand_written_perceptron_learns_what_autograd_learns(kind: Kind, hidden: list[int]) -> None:
    config, data = {**CONFIG, "hidden_sizes": hidden, "dropout": 0.0}, table(kind)
    with seeded(4):
        model = MLP(5, hidden, data.facts["n_outputs"])
    by_autograd = list(fit_tensors(model, data, config, 4, kind=kind, max_epochs=3))
    reports = fit_mlp(config, data, 4, kind=kind, max_epochs=3)
    for ours, theirs in zip(reports, by_autograd, strict=True):
        assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-3)
        assert ours.metrics == pytest.approx(dict(theirs.metrics), rel=1e-3, abs=2e-2)
        weights = ours.weights
    assert weights is not None
    for name, value in model.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-3)


def test_weights_load_into_the_module_and_give_the_reported_loss() -> None:
    data = table("regression")
    *_, last = fit_mlp(CONFIG, data, 1, kind="regression", max_epochs=5)
    model = MLP(5, CONFIG["hidden_sizes"], 1, 0.2).eval()
    model.load_state_dict(last.weights)  # type: ignore[arg-type]
    outputs = model(torch.tensor(data.arrays["x_val"])).detach().numpy().reshape(-1)
    assert np.mean((outputs - data.arrays["y_val"]) ** 2) == pytest.approx(last.val_loss, rel=1e-5)
    assert last.metrics["val_rmse"] == pytest.approx(0.5 * math.sqrt(last.val_loss), rel=1e-5)


def test_dropout_keeps_the_share_it_says_independently() -> None:
    config = {**CONFIG, "hidden_sizes": [40, 30], "dropout": 0.3}
    trainer = FusedMLPTrainer(config, table("regression"), 1, kind="regression", device="cpu")
    kept = torch.stack([masks(trainer, 32)[0] for _ in range(200)])
    assert kept.mean() == pytest.approx(0.7, abs=0.003)
    share = kept.mean(0)  # of every unit and row over 200 steps: no unit always on or off
    assert share.min() > 0.5
    assert share.max() < 0.9
    pairs = torch.corrcoef(kept.reshape(200, -1)[:, :200].t())
    assert pairs.fill_diagonal_(0).abs().mean() < 0.08  # 0.056 is what independent bits of this length give


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_through_dropout_are_autograds(kind: Kind) -> None:
    data = table(kind)
    trainer = FusedMLPTrainer(CONFIG, data, 1, kind=kind, device="cpu")
    model = MLP(5, [16, 8], data.facts["n_outputs"])
    model.load_state_dict(dict(trainer.weights()))
    x, y = torch.tensor(data.arrays["x_train"][:32]), torch.tensor(data.arrays["y_train"][:32])
    outputs = torch.zeros(32, data.facts["n_outputs"])
    with torch.inference_mode():
        trainer._step(x, y[:, None], outputs, lr=0.0)

    first, second, last = (layer for layer in model.layers if isinstance(layer, nn.Linear))
    one, two = (hidden.kept / (1 - CONFIG["dropout"]) for hidden in trainer._activations._workspaces[32].hidden)
    expected = last(torch.relu(second(torch.relu(first(x)) * one)) * two)
    torch.testing.assert_close(outputs, expected.detach())
    torch.autograd.backward(row_kind(kind).loss(expected, y))
    for ours, theirs in zip(trainer._parameters.layers, (first, second, last), strict=True):
        torch.testing.assert_close(ours.weight_gradient.t(), theirs.weight.grad)
        torch.testing.assert_close(ours.bias_gradient, theirs.bias.grad)


def masks(trainer: FusedMLPTrainer, rows: int) -> list[torch.Tensor]:
    """The dropout masks of the trainer's next step."""
    return [hidden.kept.double() for hidden in trainer._activations.for_rows(rows).hidden if hidden.kept is not None]


def test_a_logarithmic_target_is_scored_in_its_unit() -> None:
    data = table("regression", transform="log")
    *_, last = fit_mlp(CONFIG, data, 1, kind="regression", max_epochs=2)
    model = MLP(5, CONFIG["hidden_sizes"], 1)
    model.load_state_dict(last.weights)  # type: ignore[arg-type]
    outputs = model(torch.tensor(data.arrays["x_val"])).detach().numpy().reshape(-1)
    truth, prediction = (np.exp(v.astype(float) * 0.5 + 2.0) for v in (data.arrays["y_val"], outputs))
    assert last.metrics["val_mae"] == pytest.approx(sk.mean_absolute_error(truth, prediction), rel=1e-5)


def test_a_diverged_trial_reports_its_loss_and_ends() -> None:
    *_, last = fit_mlp({**CONFIG, "lr": 1e20}, table("regression"), 1, kind="regression", max_epochs=50)
    assert not math.isfinite(last.val_loss)
    assert last.epoch < 50
    assert set(last.metrics) == {"train_loss", "lr"}


def test_training_ends_after_epochs_without_improvement() -> None:
    model = nn.Linear(5, 1)
    reports = list(
        fit_tensors(model, table("regression"), {**CONFIG, "lr": 0.0}, 1, kind="regression", max_epochs=100, patience=3)
    )
    assert len(reports) == 4


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
@settings(deadline=None, max_examples=50)
def test_the_schedule_is_torchs(losses: list[float]) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=5)
    ours = Plateau(lr=1.0)
    for loss in losses:
        theirs.step(loss)
        ours.step(loss)
        assert ours.lr == optimizer.param_groups[0]["lr"]


@given(st.integers(0, 10_000), st.integers(4, 60), st.booleans())
@settings(deadline=None, max_examples=50)
def test_scores_are_sklearns(seed: int, rows: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    truth, guess = rng.normal(size=(2, rows))
    ours = regression_metrics(truth, guess)
    assert ours["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, guess))
    assert ours["mae"] == pytest.approx(sk.mean_absolute_error(truth, guess))
    assert ours["r2"] == pytest.approx(sk.r2_score(truth, guess))

    label = np.r_[0, 1, rng.integers(2, size=rows - 2)]
    p = rng.uniform(size=rows).round(1 if ties else 9)
    ours = binary_metrics(label, p)
    assert ours["auc"] == pytest.approx(sk.roc_auc_score(label, p))
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(label, p > 0.5))
    assert ours["f1"] == pytest.approx(sk.f1_score(label, p > 0.5, zero_division=0))
    assert ours["log_loss"] == pytest.approx(sk.log_loss(label, p))
    assert ours["average_precision"] == pytest.approx(sk.average_precision_score(label, p))

    classes = np.r_[0, 1, 2, rng.integers(3, size=rows - 3)]
    table_ = rng.dirichlet(np.ones(3), size=rows)
    ours = multiclass_metrics(classes, table_)
    assert ours["auc"] == pytest.approx(sk.roc_auc_score(classes, table_, multi_class="ovr"))
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(classes, table_.argmax(1)))
    assert ours["f1"] == pytest.approx(sk.f1_score(classes, table_.argmax(1), average="macro"))
    assert ours["log_loss"] == pytest.approx(sk.log_loss(classes, table_))


def test_undefined_scores_are_left_out() -> None:
    assert "r2" not in regression_metrics(np.ones(3), np.zeros(3))
    assert "auc" not in binary_metrics(np.zeros(3), np.full(3, 0.2))


def test_a_stopped_trial_can_be_left_at_any_epoch() -> None:
    reports = fit_mlp(CONFIG, table("regression"), 1, kind="regression", max_epochs=1000)
    assert len(list(itertools.islice(reports, 3))) == 3
