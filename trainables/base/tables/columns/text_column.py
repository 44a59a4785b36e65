"""A column of texts as a user's table has it: what cannot be learned from, and what its owner should know of it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from search_spaces.errors import UserError
from trainables.base.tables.cells.numbers import infer_number_format, read_numbers
from trainables.base.tables.columns.column import strange_cells

MOSTLY = 0.95  # share of the texts of which something is said that holds for almost all
MIN_NAME = 2  # characters of a class whose name is looked for in texts: a single one is in many by chance


def check_texts(cells: pd.Series) -> None:
    """Raise ``UserError`` for a column without texts, or with values that are not texts.

    Args:
        cells: The column as read.
    """
    present = cells.dropna()
    strange = strange_cells(present)
    if strange:
        raise UserError(f"The column '{cells.name}' holds {strange}; --text needs a column of texts.")
    if not present.astype(str).str.strip().astype(bool).any():
        raise UserError(f"The column '{cells.name}' has no text in any row. Choose another as --text.")


def text_notes(texts: pd.Series, classes: pd.Series | None) -> Iterator[str]:
    """Return what the user should know of the texts, a sentence each.

    Args:
        texts: Of the rows that are learned.
        classes: Their classes; None where numbers are learned.
    """
    copies = texts.duplicated()
    if copies.any():
        yield f"Texts that repeat another one are kept in one split with it ({int(copies.sum()):,})."
    if read_numbers(texts, infer_number_format(texts)).notna().mean() >= MOSTLY:
        yield f"'{texts.name}' holds numbers, which are read as text here; `tunelab sweep table` learns from numbers."
    if classes is None:
        return
    unlike = texts[classes.groupby(texts).transform("nunique") > 1].nunique()
    if unlike:
        yield f"Texts have more than one class, in copies of them ({unlike:,}): no model is right about all copies."
    if _name_their_class(texts, classes.astype(str)):
        yield (
            f"Almost every text of '{texts.name}' contains the name of its class '{classes.name}', and of no other: a "
            "model learns these words. Remove them unless they are there at a prediction too."
        )


def _name_their_class(texts: pd.Series, classes: pd.Series) -> bool:
    names = classes.unique()
    if min(map(len, names)) < MIN_NAME:
        return False
    named = {name: texts.str.contains(name, case=False, regex=False) for name in names}
    alone = pd.concat(named.values(), axis=1).sum(axis=1) == 1
    own = sum((named[name] & (classes == name)) for name in names)
    return bool((own.astype(bool) & alone).mean() >= MOSTLY)
