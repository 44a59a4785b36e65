"""Pictures that a report shows: samples of a generator, and pictures that a classifier gets wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size.

    Attributes:
        png: A PNG file with the pictures below one another, as base64.
        count: Number of pictures.
    """

    png: str
    count: int


@dataclass(frozen=True)
class GeneratorSamples:
    """What a trained generator draws, and what it drew after some epochs.

    Attributes:
        generated: Samples of seed 0.
        real: Pictures of the test split, as many at most.
        epochs: Epochs that samples were kept of, the first and the last among them.
        by_epoch: Equally many samples after each of the epochs, of the same noise.
    """

    generated: Pictures
    real: Pictures
    epochs: tuple[int, ...]
    by_epoch: Pictures


@dataclass(frozen=True)
class Mistake:
    """A predicted class and the true one, each with its predicted probability."""

    predicted: str
    probability: float
    actual: str
    actual_probability: float


@dataclass(frozen=True)
class WrongPictures:
    """The test pictures that a classifier got wrong with the highest probability.

    Attributes:
        pictures: The surest mistake first.
        mistakes: What was predicted of each.
        wrong: Number of test pictures that it got wrong.
        rows: Number of test pictures.
    """

    pictures: Pictures
    mistakes: tuple[Mistake, ...]
    wrong: int
    rows: int
