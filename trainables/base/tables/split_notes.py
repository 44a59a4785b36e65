"""What a split makes of a table's columns and classes: columns without use, values that share an indicator."""

from __future__ import annotations

import pandas as pd

from trainables.base.contract.splits import fewest_held_out
from trainables.base.kinds.classification import RARE
from trainables.base.kinds.percent import as_percent
from trainables.base.tables.columns.selection import Columns
from trainables.base.tables.preprocessing import TablePreprocessing


def constant_columns(train: pd.DataFrame, columns: Columns) -> list[str]:
    """Return the columns that have one value in all training rows, from which nothing can be learned.

    Args:
        train: the training rows.
        columns: the columns a model reads.
    """
    found = []
    for name in (*columns.numeric, *columns.dates):
        values = columns.numbers(train[name])
        gaps = int(values.isna().sum())
        if gaps == len(values) or (not gaps and values.min() == values.max()):
            found.append(name)
    found += [name for name in columns.categorical if columns.categories(train[name]).nunique() < 2]
    return found + [name for name in columns.text if train[name].nunique(dropna=False) < 2]


def class_notes(classes: pd.Series) -> list[str]:
    """Return sentences about classes that are too rare to be split evenly, or for accuracy to say much."""
    counts = classes.value_counts()
    notes = []
    if len(counts) > fewest_held_out(len(classes)):
        notes.append(
            f"{len(counts)} classes with {counts.min()} to {counts.max()} rows are too many to be in every split in "
            "their shares: each has a row to train on, the others are dealt at random."
        )
    if len(counts) == 2 and counts.min() < RARE * len(classes):
        notes.append(
            f"{as_percent(counts.min() / len(classes), 1)} of the rows are '{counts.index[-1]}': a model that never "
            "says so has a high accuracy, so average precision is the score, and the threshold is set on the "
            "validation rows."
        )
    return notes


def pooled_notes(preprocessing: TablePreprocessing) -> list[str]:
    """Return a sentence for each column some of whose values share an indicator."""
    return [
        f"Column '{name}': {len(preprocessing.known_categories[name]):,} different values; the {pooled:,} rarest share "
        "one indicator."
        for name, pooled in preprocessing.pooled_categories.items()
    ]
