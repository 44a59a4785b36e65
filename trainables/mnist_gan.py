"""A generator of handwritten digits, trained against a critic (GAN) on mnist's digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.task import SPLIT_SEED, Config, EpochReport, Task

if TYPE_CHECKING:
    import numpy as np
    import torch

    from trainables.base.images.generation.predictor import DigitGenerator

RIVAL_SEED = 1


class MNISTGAN(Task):
    """A DCGAN on the bundled digits; reference: the settings of Radford et al. 2016 with fewer channels.

    ``val_loss`` is the kernel distance of generated digits to the validation digits in the features of a fixed
    classifier that ships with tunelab; the test digits are compared at the end.
    """

    facts = TaskFacts(
        name="mnist_gan",
        title="Generator of handwritten digits, bundled sample of 5,000 images",
        kind="generator",
        source="LeCun et al. 1998; a sample of 5,000 images of MNIST's training set, 500 of each digit",
        licence="CC BY-SA 3.0",
        score="kernel_distance",
        score_direction="minimize",
        trials=24,
        max_epochs=30,
        grace_period=5,
        note=(
            "Kernel distance (KID, Bińkowski et al. 2018): the unbiased squared MMD with the kernel (x·y/d + 1)³, here "
            "on 64 features of a fixed classifier of digits, not of Inception: it compares with no published figure. "
            "0 is the distance of real digits to real digits."
        ),
    )
    reference = {
        "latent_size": 100,
        "channels": 16,
        "loss": "logistic",
        "lr": 2e-4,
        "critic_rate": 1.0,
        "beta1": 0.5,
        "batch_size": 64,
        "critic_dropout": 0.0,
        "smoothing": 0.0,
        "averaged_steps": 1,
    }
    bundled_files = ("mnist_5k.npz", "digit_judge.safetensors")

    def __init__(self) -> None:
        self._floor = ""

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        from trainables.base.images.generation.judge import as_pictures, bundled_judge
        from trainables.base.images.generation.predictor import score_samples
        from trainables.base.images.mnist_sample import read_sample

        train, validation, test = read_sample(split_seed)
        floor = score_samples(validation.inputs[::2], validation.inputs[1::2])["kernel_distance"]  # rows are by class
        self._floor = f"{floor:.4f} from one half of the validation digits to the other, the least to be expected"
        arrays: dict[str, np.ndarray] = {"y_train": train.targets}  # with which batches are drawn, and no model reads
        for name, part in (("train", train), ("val", validation)):
            arrays[f"x_{name}"] = as_pictures(part.inputs).numpy()
        features = bundled_judge().read(as_pictures(validation.inputs))[0].numpy()
        return Splits(
            # the digest covers the digits and not the features, whose last bits depend on the machine
            training=TrainingData(
                {**arrays, "features_val": features}, {"floor": floor}, digest_arrays(arrays, {"x_test": test.inputs})
            ),
            train=_seeds_to(train),
            validation=_seeds_to(validation),
            test=SealedTest(_seeds_to(test)),
            preprocessing=train.targets,
        )

    def fit(
        self,
        config: Config,
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        """Train; see ``fit_generator`` for the metrics and for what ends a trial as diverged."""
        from trainables.base.images.generation.training import fit_generator

        return fit_generator(config, data, seed, max_epochs=max_epochs, device=device)

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> DigitGenerator:
        from trainables.base.images.generation.predictor import DigitGenerator

        return DigitGenerator(dict(config), dict(splits.training.facts), weights)

    def scores(self, predictor: Any, split: RawSplit) -> dict[str, float]:
        """Return ``kernel_distance`` to the split's digits, ``class_entropy`` and ``confidence`` of the samples."""
        found: dict[str, float] = predictor.score(split.targets)
        return found

    def rivals(self, splits: Splits) -> dict[str, Callable[[RawSplit], Mapping[str, float]]]:
        """Return Gaussians of all digits and of each, which draw without training."""
        from trainables.base.images.generation.gaussians import Sampler, gaussian_of_each, one_gaussian
        from trainables.base.images.generation.predictor import score_samples

        digits, labels = splits.train.targets, splits.preprocessing

        def scored(sample: Sampler) -> Callable[[RawSplit], Mapping[str, float]]:
            return lambda split: score_samples(sample(len(split.targets)), split.targets)

        return {
            "one Gaussian": scored(one_gaussian(digits, RIVAL_SEED)),
            "Gaussian of each digit": scored(gaussian_of_each(digits, labels, RIVAL_SEED)),
        }

    def description(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"data": "bundled sample of 5,000 images", "rows": 5_000, "pixels": "28 x 28"}
        return shown | ({"real digits": self._floor} if self._floor else {})


def _seeds_to(part: RawSplit) -> RawSplit:
    """Return a seed for each digit, and the digits as what seeds should lead to."""
    import numpy as np
    import pandas as pd

    return replace(part, inputs=pd.DataFrame({"seed": np.arange(len(part.inputs))}), targets=part.inputs)
