"""Generators without training: Gaussian distributions of real digits, as baselines of a searched one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

COMPONENTS = 40  # of pixels that vary together; they hold nine tenths of the variance of MNIST's digits
Sampler = Callable[[int], np.ndarray]  # number of digits -> (n, 28, 28) uint8


def one_gaussian(digits: np.ndarray, seed: int) -> Sampler:
    """Return a sampler of one Gaussian in the principal components of all digits (n, 28, 28) uint8."""
    return gaussian_of_each(digits, np.zeros(len(digits), dtype=np.int64), seed)


def gaussian_of_each(digits: np.ndarray, labels: np.ndarray, seed: int) -> Sampler:
    """Return a sampler of one Gaussian for each class, in the principal components of all digits.

    Args:
        digits: (n, 28, 28) uint8.
        labels: (n,) the class of each; classes are drawn as often as they are there.
        seed: Of every draw.
    """
    pixels = digits.reshape(len(digits), -1) / 255
    mean = pixels.mean(axis=0)
    components = np.linalg.svd(pixels - mean, full_matrices=False)[2][:COMPONENTS]
    coordinates = (pixels - mean) @ components.T
    of_class = {value: coordinates[labels == value] for value in np.unique(labels)}
    moments = {value: (rows.mean(axis=0), np.cov(rows.T)) for value, rows in of_class.items()}

    def sample(count: int) -> np.ndarray:
        draw = np.random.default_rng(seed)
        chosen = draw.choice(labels, size=count)
        drawn = np.stack([draw.multivariate_normal(*moments[value], method="cholesky") for value in chosen])
        drawn_pixels: np.ndarray = np.clip((drawn @ components + mean) * 255, 0, 255).round().astype(np.uint8)
        return drawn_pixels.reshape(count, 28, 28)

    return sample
