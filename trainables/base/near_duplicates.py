"""Groups of near-duplicate texts, so that a split never has a text on one side and its near copy on the other.

MinHash with banding (Broder 1997; Leskovec, Rajaraman & Ullman, *Mining of Massive Datasets*, ch. 3) proposes pairs,
the exact Jaccard similarity of their shingles decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SHINGLE = 5  # characters, blanks left out: about two Korean words
BANDS, ROWS = 40, 3  # a pair at similarity 0.5 is proposed with probability 1 - (1 - 0.5**3)**40 = 99.5 %
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so multiplication permutes the 64-bit integers

Hashes = npt.NDArray[np.uint64]


def near_duplicate_groups(texts: Sequence[str], similarity: float = 0.5) -> list[int]:
    """The group of every text: equal numbers for texts linked by shingle similarity of at least ``similarity``.

    A group's number is the position of its first text. Linking is transitive: a chain of near copies is one group.
    """
    shingles = [shingle_hashes(text) for text in texts]
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    signatures = _signatures(shingles)
    for band in range(BANDS):
        rows = signatures[:, band * ROWS : (band + 1) * ROWS]
        representatives: dict[bytes, list[int]] = {}  # the texts of a bucket that are unlike one another
        for i in range(len(texts)):
            bucket = representatives.setdefault(rows[i].tobytes(), [])
            for other in bucket:
                a, b = sorted((root(i), root(other)))
                if a == b:
                    break
                if jaccard(shingles[i], shingles[other]) >= similarity:
                    parent[b] = a
                    break
            else:
                bucket.append(i)
    return [root(i) for i in range(len(texts))]


def shingle_hashes(text: str) -> Hashes:
    """The sorted, distinct hashes of a text's character 5-grams, blanks left out; a shorter text is one shingle."""
    letters = "".join(text.split())
    points = np.frombuffer(letters.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    width = min(SHINGLE, len(points))
    if width == 0:
        return np.zeros(1, np.uint64)
    hashes = np.zeros(len(points) - width + 1, np.uint64)
    for offset in range(width):
        hashes = _mixed(hashes ^ points[offset : offset + len(hashes)])
    return np.unique(hashes)


def jaccard(a: Hashes, b: Hashes) -> float:
    """Shared shingles over all shingles, 0 to 1."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


def _mixed(values: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        values = values * _MULTIPLIER
        return (values ^ (values >> np.uint64(29))) * _MULTIPLIER


def _signatures(shingles: Sequence[Hashes]) -> Hashes:
    """MinHash signatures, shape (texts, BANDS * ROWS)."""
    salts = np.random.default_rng(0).integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
    signatures = np.empty((len(shingles), len(salts)), np.uint64)
    for row, hashes in zip(signatures, shingles, strict=True):
        for column, salt in enumerate(salts):
            row[column] = _mixed(hashes ^ salt).min()
    return signatures
