"""What the user should know of a column to predict, or of numbers in any column: a sentence each."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd

from trainables.base.kinds.percent import as_percent
from trainables.base.tables.cells.missing import code_text, doubtful_code, is_word

SHOWN = 5  # classes in a note
FAR = 1000.0  # times the median distance from the median, from which a target is said to lie far out


def code_notes(name: str, numbers: pd.Series, codes: Sequence[float]) -> list[str]:
    """Return what is said of the numbers of a column that are taken for missing cells, or may be such."""

    def share(code: float) -> str:
        return f"{code_text(code)} in {as_percent(float((numbers == code).mean()))} of the cells of '{name}'"

    doubtful = None if codes else doubtful_code(numbers)
    if doubtful is not None:
        if not doubtful:  # in other columns, and in the target, 0 is a number: --missing 0 would take them all
            return [
                f"{share(doubtful)} is far from all others and is kept; empty these cells if it means a missing one."
            ]
        hint = f"--missing {code_text(doubtful)} if it means a missing cell"
        return [f"{share(doubtful)} is the only negative number and is kept; {hint}."]
    return [
        f"{share(code)} is far from all others and is read as missing; --missing none keeps it as a number."
        for code in codes
    ]


def word_notes(name: str, labels: pd.Series) -> list[str]:
    """Return a sentence for each class whose name may mean a missing cell."""
    words = labels[is_word(labels)].value_counts()
    return [
        f"'{word}' is a class of '{name}' ({row_count(count)}); --missing {word} leaves these rows out."
        for word, count in words.items()
    ]


def spelling_notes(name: str, labels: pd.Series) -> list[str]:
    """Return a sentence for each group of classes that differ in case, width or blanks alone."""
    classes = pd.Series([label for label in labels.unique() if isinstance(label, str)], dtype=object)
    if not len(classes):
        return []
    alike = classes.groupby(classes.map(lambda label: "".join(unicodedata.normalize("NFKC", label).casefold().split())))
    groups = [group for _, group in alike if len(group) > 1][:SHOWN]
    return [
        f"The classes {', '.join(map(repr, sorted(group)))} of '{name}' differ in case or blanks alone; write them "
        "alike if they mean one."
        for group in groups
    ]


def far_note(name: str, clean: pd.Series) -> list[str]:
    """Return a sentence on numbers so far out that they would decide a fit, or nothing."""
    median = float(clean.median())
    distance = (clean - median).abs()
    usual = float(distance.median())
    far = distance > FAR * usual
    if not usual or not far.any():
        return []
    farthest = float(clean.to_numpy()[int(distance.to_numpy().argmax())])
    times = abs(farthest / median) if median else np.inf
    what = f"{times:,.0f} times the median ({median:g})" if np.isfinite(times) else f"far from the median ({median:g})"
    values = f"1 value of '{name}' lies" if far.sum() == 1 else f"{int(far.sum()):,} values of '{name}' lie"
    return [f"{values} far from all others: {farthest:g} is {what}. Check them."]


def row_count(count: int) -> str:
    """Return a number of rows in words."""
    return "1 row" if count == 1 else f"{count:,} rows"
