"""Groups of near-duplicate texts, so that a split never has a text on one side and its near copy on the other.

Two texts are linked when they share half of all their shingles, or when nearly all of the shorter is in the longer.
Pairs are proposed by the rarest shingles of each text (prefix filtering: Chaudhuri et al. 2006; Bayardo et al. 2007): a
pair that shares enough of the shorter text must share one of these. The exact overlap decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SHINGLE = 5  # characters, blanks left out: about two Korean words
SIMILARITY = 0.5  # Jaccard
CONTAINMENT = 0.8  # share of the shorter text's shingles
FEWEST = 10  # shingles of a text that may count as contained: a shorter one is a phrase that anybody may use
PROPOSED = 50  # texts that one shingle proposes at most: where more have it, linking each to the first ones will do
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so multiplication permutes the 64-bit integers

Hashes = npt.NDArray[np.uint64]


def near_duplicate_groups(texts: Sequence[str]) -> list[int]:
    """Return the group of every text: equal numbers for texts that ``alike`` links, directly or through others.

    A group's number is the position of its first text.
    """
    shingles = [shingle_hashes(text) for text in texts]
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, proposed in enumerate(_study(shingles)):
        for other in proposed:
            a, b = sorted((root(i), root(other)))
            if a != b and alike(shingles[i], shingles[other]):
                parent[b] = a
    return [root(i) for i in range(len(texts))]


def alike(a: Hashes, b: Hashes) -> bool:
    """Return whether two texts, given by their shingles, are near copies, or one holds nearly all of the other."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    shorter = min(len(a), len(b))
    contained = shorter >= FEWEST and shared >= CONTAINMENT * shorter
    return contained or shared >= SIMILARITY * (len(a) + len(b) - shared)


def shingle_hashes(text: str) -> Hashes:
    """Return sorted, distinct hashes of a text's character 5-grams without blanks; a shorter text is one shingle."""
    letters = "".join(text.split())
    points = np.frombuffer(letters.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    width = min(SHINGLE, len(points))
    if width == 0:
        return np.zeros(1, np.uint64)
    hashes = np.zeros(len(points) - width + 1, np.uint64)
    for offset in range(width):
        hashes = _mixed(hashes ^ points[offset : offset + len(hashes)])
    return np.unique(hashes)


def _mixed(values: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        values = values * _MULTIPLIER
        return (values ^ (values >> np.uint64(29))) * _MULTIPLIER


def _study(shingles: Sequence[Hashes]) -> list[list[int]]:
    """By text, the others that may be alike and no shorter; a shorter one proposes for itself."""
    if not shingles:
        return []
    _, numbers, frequency = np.unique(np.concatenate(shingles), return_inverse=True, return_counts=True)
    owners = np.repeat(np.arange(len(shingles)), [len(hashes) for hashes in shingles])
    by_shingle = owners[np.argsort(numbers, kind="stable")]
    begins = np.concatenate([[0], np.cumsum(frequency)])
    least = min(CONTAINMENT, 2 * SIMILARITY / (1 + SIMILARITY))  # of the shorter text's shingles, in either way alike
    found = []
    for text, own in enumerate(np.split(numbers, np.cumsum([len(hashes) for hashes in shingles])[:-1])):
        rarest = own[np.argsort(frequency[own], kind="stable")][: len(own) - math.ceil(least * len(own)) + 1]
        others: set[int] = set()
        for shingle in rarest[frequency[rarest] > 1]:
            others.update(by_shingle[begins[shingle] : begins[shingle + 1]][:PROPOSED].tolist())
        found.append(sorted(others - {text}))
    return found
