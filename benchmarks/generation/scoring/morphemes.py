"""A second opinion on Korean: the morphemes of a text and how plausible their order is, by Kiwi (``kiwipiepy``).

Kiwi brings its own language model; nothing is downloaded.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.generation.scoring.metrics import repeated_share
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from kiwipiepy import Kiwi

PACKAGES = ("kiwipiepy", "kiwipiepy_model")
CONTENT = ("N", "V", "MA", "XR", "SL")  # first letters of the tags of words with a meaning of their own
SEQUENCE = 4
EXTRA = "Install the extra 'korean': pip install 'tunelab[korean]', or leave --korean out."

DEFINITIONS: dict[str, str] = {
    "morphemes": "Mean number of morphemes of a text, as Kiwi (kiwipiepy) reads it.",
    "repeated_words": "Share of the nouns, verbs, adjectives and adverbs of a text (morphemes with a meaning of their "
    "own) that occur more than once in it, mean over texts; by Kiwi.",
    "repeated_morphemes_4": "Share of the 4-grams of morphemes of a text that occur more than once, mean over texts; "
    "by Kiwi. Unlike those of tokens, the same in models with different vocabularies.",
    "kiwi_nll": "Mean nats per morpheme under Kiwi's own language model, over all texts of a setting: a judge of no "
    "tokenizer here. Neither lower nor higher is better: compare with human text.",
}


@dataclass(frozen=True)
class Reading:
    """How Kiwi reads a text.

    Attributes:
        morphemes: Form and tag of each, in order: ``"법률/NNG"``.
        score: Log-probability of them all under Kiwi's language model, nats.
    """

    morphemes: tuple[str, ...]
    score: float

    @property
    def content(self) -> list[str]:
        """The morphemes with a meaning of their own, without particles, endings and signs."""
        return [m for m in self.morphemes if m.rpartition("/")[2].startswith(CONTENT)]


def require_kiwi() -> dict[str, str]:
    """Return the versions of Kiwi and of its model.

    Raises:
        UserError: Kiwi is not installed.
    """
    if importlib.util.find_spec("kiwipiepy") is None:
        raise UserError(f"The second opinion on Korean needs the package 'kiwipiepy'. {EXTRA}")
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def read_morphemes(texts: Sequence[str]) -> list[Reading]:
    """Return the readings of texts, in their order."""
    found = []
    for analyses in _kiwi().analyze(list(texts)):
        tokens, score = analyses[0]
        found.append(Reading(tuple(f"{token.form}/{token.tag}" for token in tokens), float(score)))
    return found


def reading_figures(readings: Sequence[Reading]) -> dict[str, float]:
    """Return the metrics of ``DEFINITIONS`` of texts."""
    count = sum(len(reading.morphemes) for reading in readings)
    return {
        "morphemes": _mean([len(reading.morphemes) for reading in readings]),
        "repeated_words": _mean([repeated_share(reading.content, 1) for reading in readings]),
        "repeated_morphemes_4": _mean([repeated_share(reading.morphemes, SEQUENCE) for reading in readings]),
        "kiwi_nll": -sum(reading.score for reading in readings) / count if count else math.nan,
    }


@cache
def _kiwi() -> Kiwi:
    from kiwipiepy import Kiwi

    return Kiwi(num_workers=1)  # the same order of work everywhere


def _mean(values: Sequence[float]) -> float:
    """Return the mean of what is defined; NaN when nothing is."""
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan
