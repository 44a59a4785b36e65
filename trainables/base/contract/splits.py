"""Splitting rows into training, validation and test, once and for all trials of a sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from search_spaces.errors import UserError

TEST_SHARE = 0.20
VALIDATION_SHARE = 0.16  # 64 / 16 / 20, as in the course notes
MIN_ROWS = 20
UNEVEN = 2.0  # times that a split may be larger or smaller than meant without a word


@dataclass(frozen=True)
class RowSplit:
    """Row positions of the three splits: disjoint int64 arrays that together hold every row once."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def uneven(rows: RowSplit) -> str:
    """Return a sentence when a split has far more or fewer rows than 64/16/20, else nothing."""
    sizes = [len(rows.train), len(rows.validation), len(rows.test)]
    meant = (1 - TEST_SHARE - VALIDATION_SHARE, VALIDATION_SHARE, TEST_SHARE)
    ratios = [size / (share * sum(sizes)) for size, share in zip(sizes, meant, strict=True)]
    if max(*ratios, *(1 / max(ratio, 1e-9) for ratio in ratios)) <= UNEVEN:
        return ""
    return f"{sizes[0]:,} rows train, {sizes[1]:,} validate, {sizes[2]:,} test, which is far from 64/16/20."


def check_rows(n_rows: int) -> None:
    """Raise ``UserError`` when there are too few rows to split."""
    if n_rows < MIN_ROWS:
        raise UserError(f"The data has {n_rows} usable rows, but splitting 64/16/20 needs at least {MIN_ROWS}.")


def fewest_held_out(n_rows: int) -> int:
    """Return the number of validation rows, the smallest split, of a random split."""
    rest = n_rows - math.ceil(TEST_SHARE * n_rows)
    return math.ceil(VALIDATION_SHARE / (1 - TEST_SHARE) * rest)


def split_rows(n_rows: int, seed: int, classes: np.ndarray | None = None) -> RowSplit:
    """Split 64/16/20 at random.

    Args:
        n_rows: number of rows, at least 20.
        seed: fixes the split.
        classes: (n_rows,) class of each row; when given, each split has the classes in the same proportions.
    """
    check_rows(n_rows)
    if classes is not None:
        _, counts = np.unique(classes, return_counts=True)
        if counts.min() < 3:
            raise UserError(
                f"The rarest class has {counts.min()} row(s), but every class needs at least 3 rows to be in all "
                "three splits. Merge or remove rare classes."
            )
    rows = np.arange(n_rows)
    if classes is not None and len(counts) > fewest_held_out(n_rows):
        return _dealt_classes(classes, seed)
    rest, test = train_test_split(rows, test_size=TEST_SHARE, random_state=seed, stratify=classes)
    train, validation = train_test_split(
        rest,
        test_size=VALIDATION_SHARE / (1 - TEST_SHARE),
        random_state=seed,
        stratify=None if classes is None else classes[rest],
    )
    return RowSplit(np.sort(train), np.sort(validation), np.sort(test))


def split_distinct(values: np.ndarray, seed: int, classes: np.ndarray | None = None) -> RowSplit:
    """Split 64/16/20 at random so that equal rows are in one split.

    Args:
        values: (n_rows,) what a row holds, e.g. its text or a digest of it.
        seed: fixes the split.
        classes: (n_rows,) class of each row; each split has them in proportion, where each has three distinct rows.

    Raises:
        UserError: fewer than 20 different rows.
    """
    _, first, copy_of = np.unique(values, return_index=True, return_inverse=True)
    if len(first) < MIN_ROWS <= len(values):
        raise UserError(
            f"Only {len(first)} of {len(values):,} rows differ, and copies stay in one split: splitting 64/16/20 needs "
            f"at least {MIN_ROWS} different ones."
        )
    kept = None if classes is None else classes[first]
    if kept is not None and np.unique(kept, return_counts=True)[1].min() < 3:
        return split_groups(copy_of, seed)
    found = split_rows(len(first), seed, kept)
    train, validation, test = (
        np.flatnonzero(np.isin(copy_of, part)) for part in (found.train, found.validation, found.test)
    )
    return RowSplit(train, validation, test)


def _dealt_classes(classes: np.ndarray, seed: int) -> RowSplit:
    """Make splits in which every class has a training row, where the other two have fewer rows than classes."""
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(classes))
    _, first = np.unique(classes[rows], return_index=True)
    others = np.delete(rows, first)
    test, validation = round(TEST_SHARE * len(rows)), round(VALIDATION_SHARE * len(rows))
    train = np.concatenate([rows[first], others[test + validation :]])
    return RowSplit(np.sort(train), np.sort(others[test : test + validation]), np.sort(others[:test]))


def split_groups(groups: np.ndarray, seed: int) -> RowSplit:
    """Split 64/16/20 so that no group is in two splits; ``groups``: (n_rows,) the group of each row."""
    check_rows(len(groups))
    n_groups = len(np.unique(groups))
    if n_groups < 5:
        raise UserError(f"The group column has {n_groups} group(s), but splitting by group needs at least 5.")
    rows = np.arange(len(groups))
    rest, test = next(GroupShuffleSplit(1, test_size=TEST_SHARE, random_state=seed).split(rows, groups=groups))
    inner = GroupShuffleSplit(1, test_size=VALIDATION_SHARE / (1 - TEST_SHARE), random_state=seed)
    train, validation = next(inner.split(rest, groups=groups[rest]))
    return RowSplit(np.sort(rest[train]), np.sort(rest[validation]), np.sort(test))


def split_time(times: Sequence[Any] | np.ndarray) -> RowSplit:
    """Split by time: the oldest 64 % for training, the next 16 % for validation, the newest 20 % for the test.

    Rows of one instant stay together, in the earlier split, so that no split holds a moment that another one tests.
    """
    times = np.asarray(times)
    check_rows(len(times))
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    cuts = []
    for share in (1 - TEST_SHARE - VALIDATION_SHARE, 1 - TEST_SHARE):
        cuts.append(int(np.searchsorted(ordered, ordered[round(share * len(times)) - 1], side="right")))
    train, validation, test = np.split(order, cuts)
    if not (len(train) and len(validation) and len(test)):
        raise UserError(
            "The time column has too few distinct times to split by time. Choose a finer column or split at random."
        )
    return RowSplit(np.sort(train), np.sort(validation), np.sort(test))


SPLIT_NAMES = {
    "train": ("train", "training", "학습", "훈련"),
    "validation": ("validation", "valid", "val", "dev", "검증"),
    "test": ("test", "testing", "holdout", "시험", "테스트"),
}


def split_named(names: Sequence[Any] | np.ndarray, column: str) -> RowSplit:
    """Read the split that a column says, by the words of ``SPLIT_NAMES`` in any case.

    Raises:
        UserError: a row that names no split, or a split without rows.
    """
    words = [str(name).strip().lower() for name in names]
    split_of = {word: split for split, known in SPLIT_NAMES.items() for word in known}
    strange = sorted({word for word in words if word not in split_of})
    if strange:
        raise UserError(
            f"The split column '{column}' holds {strange[0]!r}; every row must say train, validation or test."
        )
    found = np.array([split_of[word] for word in words])
    rows = {split: np.flatnonzero(found == split) for split in SPLIT_NAMES}
    empty = [split for split, part in rows.items() if not len(part)]
    if empty:
        raise UserError(f"The split column '{column}' has no row for {' and '.join(empty)}; all three are needed.")
    return RowSplit(rows["train"], rows["validation"], rows["test"])
