"""A trained generator as users call it: whole numbers in, a picture of a digit for each out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from search_spaces.errors import UserError
from trainables.base.contract.files.damage import reading
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import Config
from trainables.base.images.generation.judge import as_pictures, bundled_judge, compare
from trainables.base.images.generation.networks import build_generator
from trainables.base.images.generation.training import SHEETS, draw_pictures, fixed_noise, to_pixels
from trainables.base.training.model_files import load_meta, load_weights, save_meta, save_weights
from trainables.base.training.restoring import restore

SEED = "seed"  # the column of a table
MAX_SEED = 2**63 - 1
SCORE_SEED = 7


class DigitGenerator(Predictor):
    """The generator of one trial.

    Args:
        config: The trial's configuration.
        facts: ``TrainingData.facts`` of the data it was trained on.
        weights: State dict of the generator, and ``sheets``: (epochs, pictures, 28, 28) uint8 samples of each epoch.
    """

    kind: ClassVar[str] = "generator"
    reads = "seed"

    def __init__(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        self.config, self.facts = config, facts
        self.sheets = weights[SHEETS].numpy()
        network = {name: value for name, value in weights.items() if name != SHEETS}
        self.network = restore(lambda: build_generator(config), config, network)

    def draw(self, seed: int, count: int) -> np.ndarray:
        """Draw digits.

        Args:
            seed: A whole number from 0; the same gives the same digits.
            count: Number of digits.

        Returns:
            (count, 28, 28) uint8, light ink on black.

        Raises:
            UserError: The seed is not such a number.
        """
        if not 0 <= seed <= MAX_SEED:
            raise UserError(f"A seed must be a whole number from 0 to {MAX_SEED:,}, got {seed}.")
        noise = fixed_noise(count, int(self.config["latent_size"]), seed)
        pixels: np.ndarray = to_pixels(draw_pictures(self.network, noise)).numpy()
        return pixels

    def predict(self, inputs: Any) -> pd.DataFrame:
        """Draw one digit for each seed.

        Args:
            inputs: (n,) whole numbers from 0, or a DataFrame with a column ``seed``.

        Returns:
            ``prediction``, the digit that the fixed classifier sees; its probabilities ``p_<digit>``; ``pixels``, a
            list of 28 x 28 grey values from 0 to 255, row by row, light ink on black.

        Raises:
            UserError: The inputs are not seeds.
        """
        seeds = _seeds(inputs)
        pixels = np.concatenate([self.draw(seed, 1) for seed in seeds] or [np.zeros((0, 28, 28), np.uint8)])
        return self.described(pixels).assign(pixels=[picture.reshape(-1).tolist() for picture in pixels])

    def described(self, pixels: np.ndarray) -> pd.DataFrame:
        """Return what the fixed classifier sees in digits (n, 28, 28) uint8: ``prediction`` and ``p_<digit>``."""
        probabilities = np.zeros((0, 10))
        if len(pixels):
            probabilities = bundled_judge().read(as_pictures(pixels))[1].double().numpy()
        frame = pd.DataFrame(probabilities, columns=[f"p_{digit}" for digit in range(10)])
        frame.insert(0, "prediction", probabilities.argmax(axis=1))
        return frame

    def score(self, digits: np.ndarray) -> dict[str, float]:
        """Judge as many samples as there are real digits (n, 28, 28) uint8; see ``compare``."""
        return score_samples(self.draw(SCORE_SEED, len(digits)), digits)

    def trial_input(self) -> np.ndarray:
        return np.zeros(1, dtype=np.int64)

    def save(self, folder: Path) -> None:
        save_weights(folder, {**self.network.state_dict(), SHEETS: torch.from_numpy(self.sheets)})
        save_meta(folder, self.kind, "generator", self.config, self.facts)

    @classmethod
    def load(cls, folder: Path) -> DigitGenerator:
        meta, weights = load_meta(folder), load_weights(folder)
        with reading(meta.path):
            return cls(meta.config, meta.facts, weights)


def score_samples(samples: np.ndarray, digits: np.ndarray) -> dict[str, float]:
    """Judge samples by real digits, both (n, 28, 28) uint8; see ``compare``."""
    judge = bundled_judge()
    return compare(as_pictures(samples), judge.read(as_pictures(digits))[0], judge)


def _seeds(inputs: Any) -> list[int]:
    if isinstance(inputs, pd.DataFrame):
        if SEED not in inputs.columns:
            raise UserError(f"A generator draws from seeds: give a column '{SEED}' of whole numbers.")
        inputs = inputs[SEED]
    try:
        numbers = [float(value) for value in np.asarray(inputs).reshape(-1).tolist()]
    except (TypeError, ValueError) as error:
        raise UserError("A generator draws from seeds, which are whole numbers from 0.") from error
    if not all(number.is_integer() for number in numbers):
        raise UserError("A generator draws from seeds, which are whole numbers from 0.")
    return [int(number) for number in numbers]
