"""What the conformance suite compares: splits with each other, reports with reports, predictions with predictions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch

from trainables.base.contract.data import RawSplit, Splits
from trainables.base.contract.task import EpochReport
from trainables.base.kinds.kind import RowKind, TargetKind
from trainables.base.kinds.percent import as_percent

SHARED = 0.5  # share of a split's rows in another one from which the splits are treated as overlapping
COMPARED = 20_000  # rows of each split that are looked for in the others
ARCHIVE = ".skops"  # how the name of a kept estimator of scikit-learn ends


def data_faults(splits: Splits, kind: TargetKind) -> Iterator[str]:
    """Name what is wrong with splits, a sentence each."""
    arrays = splits.training.arrays
    if not arrays:
        yield "TrainingData holds no arrays."
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            yield f"The array '{name}' must be a numpy array, got {type(array).__name__}."
        elif array.size == 0:
            yield f"The array '{name}' is empty."
        elif np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            yield f"The array '{name}' holds NaN or inf."
    test = splits.test.open()
    raw = {"train": splits.train, "validation": splits.validation, "test": test}
    for name, part in raw.items():
        if len(part.targets) == 0 or len(part.targets) != len(part.inputs):
            yield f"The {name} split has {len(part.inputs)} inputs and {len(part.targets)} targets."
            return
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        share = shared_rows(raw[first], raw[second])
        if share > SHARED:
            yield f"{as_percent(share)} of the {second} rows are {first} rows too: the splits are not disjoint."
    if isinstance(kind, RowKind):
        yield from _misplaced(splits, kind)


def shared_rows(first: RawSplit, second: RawSplit) -> float:
    """Return the share of the rows of ``second`` (inputs and target) that ``first`` holds too."""
    known = set(_row_keys(first))
    rows = _row_keys(second)
    return sum(row in known for row in rows) / len(rows)


def _row_keys(part: RawSplit) -> list[int]:
    inputs, targets = part.inputs, np.asarray(part.targets)
    if isinstance(inputs, pd.DataFrame):
        keys = pd.util.hash_pandas_object(inputs.astype(str), index=False).tolist()
    elif isinstance(inputs, np.ndarray):
        keys = [hash(np.ascontiguousarray(row).tobytes()) for row in inputs[:COMPARED]]
    else:
        keys = [hash(str(row)) for row in inputs]
    return [hash((key, str(target))) for key, target in zip(keys, targets.tolist(), strict=False)]


def _misplaced(splits: Splits, kind: RowKind) -> Iterator[str]:
    """Return whether the arrays that trials get are the rows of their split, by the order of their targets."""
    arrays = splits.training.arrays
    for split, part in (("train", splits.train), ("val", splits.validation)):
        encoded = arrays.get(f"y_{split}")
        if encoded is None:
            yield f"TrainingData lacks the array 'y_{split}'."
            return
        rows = len(part.targets)
        odd = [name for name, array in arrays.items() if name.endswith(f"_{split}") and len(array) != rows]
        if odd:
            yield f"'{odd[0]}' has {len(arrays[odd[0]])} rows, but its split has {rows}: a trial sees other rows."
            return
        if not _agree(np.asarray(part.targets), encoded.reshape(rows, -1)[:, 0], kind):
            yield f"'y_{split}' does not belong to the targets of its split: a trial sees other rows."


def _agree(raw: np.ndarray, encoded: np.ndarray, kind: RowKind) -> bool:
    if not kind.classifies:  # any increasing scale will do
        return bool((np.diff(encoded[np.argsort(raw.astype(np.float64), kind="stable")]) >= -1e-6).all())
    pairs = set(zip(raw.tolist(), encoded.tolist(), strict=True))
    return len(pairs) == len(set(raw.tolist())) == len(set(encoded.tolist()))


def same_reports(first: Sequence[EpochReport], second: Sequence[EpochReport]) -> str | None:
    """Return the first difference between two trainings, bit for bit; None when there is none."""
    if len(first) != len(second):
        return f"{len(first)} epochs and {len(second)}"
    for one, other in zip(first, second, strict=True):
        metrics, others = ({"val_loss": report.val_loss, **report.metrics} for report in (one, other))
        for name in metrics:
            a, b = metrics[name], others.get(name)
            if a != b:
                return f"{name} in epoch {one.epoch} is {a} and {b}"
        for name, weight in (one.weights or {}).items():
            if name.endswith(ARCHIVE):  # holds times and identities of objects; the metrics tell models apart
                continue
            if not torch.equal(weight, (other.weights or {})[name]):
                return f"the weights '{name}' differ in epoch {one.epoch}"
    return None


def same_outputs(first: Any, second: Any, rows: int) -> str | None:
    """Return what is wrong with two predictions of the same rows, which must be equal; None when nothing is."""
    if not isinstance(first, pd.DataFrame) or "prediction" not in first.columns:
        return "predict() must return a DataFrame with a column 'prediction'"
    if len(first) != rows:
        return f"predict() returns {len(first)} rows for {rows} inputs"
    probabilities = [name for name in first.columns if str(name).startswith("p_")]
    if probabilities and not np.allclose(first[probabilities].sum(axis=1), 1.0, atol=1e-6):
        return "the probabilities of a row do not add up to 1"
    try:
        pd.testing.assert_frame_equal(first, second, check_exact=True)
    except AssertionError as error:
        return str(error).splitlines()[0]
    return None


@contextmanager
def frozen_randomness() -> Iterator[None]:
    """Leave the process's global random numbers as they were found."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


def global_state() -> tuple[Any, ...]:
    """Return the process's global random numbers, comparable."""
    numpy_state: Any = np.random.get_state()
    return random.getstate(), numpy_state[1].tobytes(), numpy_state[2:], torch.get_rng_state().numpy().tobytes()


@contextmanager
def other_global_state() -> Iterator[None]:
    """Use other global random numbers inside the block."""
    with frozen_randomness():
        random.seed(20)
        np.random.seed(21)
        torch.manual_seed(22)
        yield
