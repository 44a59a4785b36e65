"""The kernel distance is the unbiased estimate of its definition, and orders samples as eyes do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainables.base.images.generation.gaussians import gaussian_of_each, one_gaussian
from trainables.base.images.generation.kernel_distance import kernel_distance
from trainables.base.images.generation.predictor import score_samples
from trainables.base.images.mnist_sample import read_sample


def test_it_is_the_definition() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(7, 3)), draw.normal(1.0, size=(5, 3))

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    of_x = np.mean([kernel(x[i], x[j]) for i in range(7) for j in range(7) if i != j])
    of_y = np.mean([kernel(y[i], y[j]) for i in range(5) for j in range(5) if i != j])
    across = np.mean([kernel(a, b) for a in x for b in y])
    assert kernel_distance(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(of_x + of_y - 2 * across)


def test_samples_of_one_distribution_have_distance_0_on_average() -> None:
    draw = torch.Generator().manual_seed(0)
    found = [kernel_distance(*torch.randn(2, 50, 4, generator=draw)) for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0


def test_real_digits_come_before_gaussians_of_each_of_all_and_noise() -> None:
    train, validation, _ = read_sample(0)
    draw = np.random.default_rng(0)
    noise = draw.integers(0, 256, size=validation.inputs.shape).astype(np.uint8)
    samples = [
        train.inputs[draw.permutation(len(train.inputs))[: len(validation.inputs)]],
        gaussian_of_each(train.inputs, train.targets, 0)(len(validation.inputs)),
        one_gaussian(train.inputs, 0)(len(validation.inputs)),
        noise,
    ]
    found = [score_samples(one, validation.inputs)["kernel_distance"] for one in samples]
    assert found == sorted(found)
    assert abs(found[0]) < 0.05 < 0.2 < found[1]
