"""The generator of digits: what ends a trial, what is kept of it, and what it draws from a seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from search_spaces import UserError
from trainables import EpochReport, Splits, load_predictor
from trainables.base.contract.files.bundled import DATA
from trainables.base.images.generation.judge import FILE, bundled_judge, class_entropy
from trainables.base.images.generation.predictor import DigitGenerator
from trainables.mnist_gan import MNISTGAN
from trainables.mnist_gan_judge import main

SMALL = MNISTGAN.reference | {"latent_size": 16, "channels": 8, "batch_size": 32}


@pytest.fixture(scope="module")
def splits() -> Splits:
    """The digits, of which only some train, and only some are compared with what is drawn."""
    whole = MNISTGAN().load()
    few = {name: whole.training.arrays[name][::20] for name in ("x_train", "y_train")}
    few["features_val"] = whole.training.arrays["features_val"][::4]
    return replace(whole, training=replace(whole.training, arrays={**whole.training.arrays, **few}))


def reports(splits: Splits, config: Mapping[str, object], epochs: int) -> list[EpochReport]:
    return list(MNISTGAN().fit(config, splits.training, 0, max_epochs=epochs))


@pytest.fixture(scope="module")
def generator(splits: Splits) -> DigitGenerator:
    *_, last = reports(splits, SMALL, 2)
    assert last.weights is not None
    return MNISTGAN().predictor(SMALL, last.weights, splits)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_training_brings_samples_closer_to_unseen_digits(splits: Splits, loss: str) -> None:
    config = SMALL | {"loss": loss, "lr": 2e-3, "beta1": 0.0}
    found = reports(splits, config, 12)
    assert min(report.val_loss for report in found[6:]) < found[0].val_loss - 0.2
    assert all(0 <= report.metrics["class_entropy"] <= math.log(10) + 1e-9 for report in found)


def test_samples_that_collapse_end_the_trial_as_diverged(splits: Splits) -> None:
    found = reports(splits, SMALL | {"lr": 1.0}, 30)
    assert len(found) < 30
    assert math.isnan(found[-1].val_loss)
    assert all(math.isfinite(report.val_loss) for report in found[:-1])
    assert found[-1].metrics["class_entropy"] < math.log(3)


def test_an_entropy_of_classes_tells_a_collapse_from_a_mixture() -> None:
    assert class_entropy(torch.full((5, 10), 0.1)) == pytest.approx(math.log(10))
    assert class_entropy(torch.eye(10)) == pytest.approx(math.log(10))
    assert class_entropy(torch.eye(10)[[3] * 5]) == 0
    assert math.isnan(class_entropy(torch.full((5, 10), math.nan)))


def test_a_sheet_of_every_epoch_comes_with_the_weights(generator: DigitGenerator) -> None:
    assert generator.sheets.shape == (2, 30, 28, 28)
    assert (generator.sheets[0] != generator.sheets[1]).any()


def test_a_seed_gives_the_same_digits_again_also_after_loading(generator: DigitGenerator, tmp_path: Path) -> None:
    generator.save(tmp_path)
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, DigitGenerator)
    assert np.array_equal(generator.draw(5, 8), loaded.draw(5, 8))
    assert not np.array_equal(generator.draw(5, 8), generator.draw(6, 8))
    seeds = pd.DataFrame({"seed": [3, 1, 3]})
    predicted = loaded.predict(seeds)
    pd.testing.assert_frame_equal(predicted, generator.predict([3, 1, 3]))
    assert predicted["pixels"][0] == predicted["pixels"][2] == generator.draw(3, 1).reshape(-1).tolist()
    assert loaded.predict(seeds.iloc[:0]).empty


@pytest.mark.parametrize("inputs", [[-1], [0.5], ["seven"], pd.DataFrame({"digit": [1]}), [math.nan]])
def test_what_is_not_a_seed_is_refused(generator: DigitGenerator, inputs: object) -> None:
    with pytest.raises(UserError, match="seed"):
        generator.predict(inputs)


def test_an_unknown_loss_is_refused(splits: Splits) -> None:
    with pytest.raises(UserError, match="'loss' must be one of logistic, hinge"):
        reports(splits, SMALL | {"loss": "wasserstein"}, 1)


def test_the_judge_knows_digits_it_never_saw_and_its_features_have_scale_1(splits: Splits) -> None:
    x = torch.from_numpy(splits.training.arrays["x_val"])
    features, shares = bundled_judge().read(x)
    assert np.bincount(shares.argmax(dim=1), minlength=10).std() < 6  # 80 of each
    assert float(shares.max(dim=1).values.mean()) > 0.95
    assert float(features.square().mean()) == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_the_judge_is_made_again(tmp_path: Path) -> None:
    main(["--output", str(tmp_path / FILE)])
    made, shipped = load_file(tmp_path / FILE), load_file(DATA / FILE)
    assert made.keys() == shipped.keys()  # bit for bit on the machine and with the versions that made it
    assert {name: value.shape for name, value in made.items()} == {name: value.shape for name, value in shipped.items()}
