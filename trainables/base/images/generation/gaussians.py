"""Generators without training: Gaussian distributions of real digits, as baselines of a searched one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

COMPONENTS = 40  # of pixels that vary together; they hold nine tenths of the variance of MNIST's digits
Sampler = Callable[[int], np.ndarray]  # number of digits -> (n, 28, 28) uint8


def one_gaussian(digits: np.ndarray, seed: int) -> Sampler:
    """Return a sampler of one Gaussian in the main directions of all digits (n, 28, 28) uint8."""
    return gaussian_of_each(digits, np.zeros(len(digits), dtype=np.int64), seed)


def gaussian_of_each(digits: np.ndarray, labels: np.ndarray, seed: int) -> Sampler:
    """Return a sampler of one Gaussian for each class, in the main directions of all digits.

    Args:
        digits: (n, 28, 28) uint8.
        labels: (n,) the class of each; classes are drawn as often as they are there.
        seed: Of every draw.
    """
    pixels = digits.reshape(len(digits), -1) / 255
    middle = pixels.mean(axis=0)
    directions = np.linalg.svd(pixels - middle, full_matrices=False)[2][:COMPONENTS]
    places = (pixels - middle) @ directions.T
    classes = np.unique(labels)
    moments = {value: (places[labels == value].mean(axis=0), np.cov(places[labels == value].T)) for value in classes}

    def sample(count: int) -> np.ndarray:
        draw = np.random.default_rng(seed)
        chosen = draw.choice(labels, size=count)
        drawn = np.stack([draw.multivariate_normal(*moments[value], method="cholesky") for value in chosen])
        made: np.ndarray = np.clip((drawn @ directions + middle) * 255, 0, 255).round().astype(np.uint8)
        return made.reshape(count, 28, 28)

    return sample
