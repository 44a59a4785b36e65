"""From a file as users have it to predictions: a table to a table, a picture of a digit to the digit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.contract.predictor import Predictor
from trainables.base.kinds.percent import as_percent
from trainables.base.tables.cells.dates import NO_DATE, YEARS
from trainables.base.tables.cells.missing import is_word
from trainables.base.tables.preprocessing import TablePreprocessing
from trainables.base.tables.reading.file import TableFile, read_table_bytes
from trainables.base.tables.reading.layout import NUMBERED
from trainables.base.tables.series.forecast import forecast, stored_series
from trainables.base.text.reader import cut_note, empty_note, text_cells, text_column

SHEET_COLUMNS = 10
SHADES = " ░▒▓█"  # of a picture in the terminal, from background to ink


@dataclass(frozen=True)
class TablePrediction:
    """A table with its predictions.

    Attributes:
        frame: the input's columns in their order, then ``prediction`` and, for classes, ``p_<class>``; a row each. Of
            a series its next steps instead, with the ends of their intervals.
        notes: what the user should know, a sentence each: columns and cells that were not used.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ImagePrediction:
    """What a picture shows.

    Attributes:
        prediction: the class.
        probabilities: by class.
        pixels: what the network was given, uint8: (28, 28), light ink on black, scaled and centred; or (side, side, 3)
            in colours.
    """

    prediction: str
    probabilities: dict[str, float]
    pixels: np.ndarray


def predict_table_file(predictor: Predictor, content: bytes, name: str = "input") -> TablePrediction:
    """Predict every row of a CSV, TSV or Parquet file.

    Columns may come in any order; further ones are ignored with a note, as is the target. Cells come back exactly as
    they are written. Cells that cannot be read are predicted like missing ones, and said.

    Args:
        predictor: a model of a table.
        content: the bytes of the file.
        name: what errors call it.

    Raises:
        UserError: no readable table, columns missing (all are named), a column of which no cell can be read, or a
            model that takes no table.
    """
    preprocessing = getattr(predictor, "preprocessing", None)
    if stored_series(predictor) is not None:
        table = read_table_bytes(content, name, fewest_columns=2)
        shown, notes = forecast(predictor, table.frame)
        return TablePrediction(shown, (*table.notes, *notes))
    if predictor.reads == "table" and predictor.columns:
        return _predict_columns(predictor, content, name)
    if not isinstance(preprocessing, TablePreprocessing):
        raise UserError(f"This model takes no table: it predicts {predictor.kind.replace('_', ' ')}.")
    table = _read(content, name, preprocessing)
    frame, read = table.frame, preprocessing.columns.names
    written = [column for column in frame.columns if pd.api.types.is_string_dtype(frame[column])]
    cells = frame.assign(**{column: frame[column].mask(frame[column] == "") for column in written})
    _require_readable(cells, preprocessing)
    predictions = predictor.predict(cells)  # refuses missing columns
    extra = [column for column in frame.columns if column not in read and column not in predictions.columns]
    replaced = [column for column in frame.columns if column in predictions.columns]
    notes = list(table.notes)
    if extra:
        notes.append(f"Ignored, as the model does not read them: {', '.join(extra)}.")
    if replaced:
        notes.append(f"Replaced by the model's own: {', '.join(replaced)}.")
    notes += _cell_notes(cells, preprocessing)
    return TablePrediction(pd.concat([frame.drop(columns=replaced), predictions], axis=1), tuple(notes))


def _predict_columns(predictor: Predictor, content: bytes, name: str) -> TablePrediction:
    """Predict every row of a file with a model that reads some columns as they are written."""
    table = read_table_bytes(content, name, fewest_columns=1, fewest_rows=0, verbatim=True)
    predictions = predictor.predict(table.frame)  # refuses missing columns
    replaced = [column for column in table.frame.columns if column in predictions.columns]
    notes = [*table.notes, *([f"Replaced by the model's own: {', '.join(replaced)}."] if replaced else [])]
    column = text_column(predictor)
    if column is not None:
        reader: Any = getattr(predictor, "preprocessing", None)
        texts = text_cells(table.frame[column])
        notes += [note for note in (empty_note(texts, column), cut_note(reader, texts, column)) if note]
    frame = table.frame.drop(columns=replaced)
    return TablePrediction(pd.concat([frame, predictions.set_axis(frame.index)], axis=1), tuple(notes))


def _read(content: bytes, name: str, preprocessing: TablePreprocessing) -> TableFile:
    """Return the file, with a header unless the model was trained on a file without one."""
    read = partial(read_table_bytes, content, name, fewest_columns=1, fewest_rows=0, verbatim=True)
    table = read()
    names = preprocessing.columns.names
    if all(NUMBERED.fullmatch(column) for column in names) and not set(names) & set(table.frame.columns):
        return read(header=False)
    return table


def predict_image_file(predictor: Predictor, content: bytes) -> ImagePrediction:
    """Predict what a picture shows, given as bytes; raises ``UserError`` as the model's ``read_image`` does."""
    pixels = predictor.read_image(content)
    predicted = predictor.predict(pixels[None])
    row = predicted.iloc[0]
    shares = {str(name)[2:]: float(row[name]) for name in row.index if str(name).startswith("p_")}
    return ImagePrediction(str(predicted["prediction"].iloc[0]), shares, pixels)


def text_picture(pixels: np.ndarray) -> str:
    """Return a picture as 14 lines of 28 shaded characters, for a terminal."""
    if pixels.ndim == 3:
        from PIL import Image, ImageOps

        grey = ImageOps.autocontrast(Image.fromarray(pixels).convert("L"))  # a pale photograph is seen too
        pixels = np.asarray(grey.resize((28, 28)))
    halves = pixels.reshape(pixels.shape[0] // 2, 2, pixels.shape[1]).mean(axis=1)  # a character is twice as high
    shade = np.round(halves * (len(SHADES) - 1) / 255).astype(int)
    return "\n".join("".join(SHADES[value] for value in row) for row in shade)


def sample_sheet(samples: np.ndarray) -> bytes:
    """Return a PNG with pictures (n, height, width) uint8, light ink on black, ten a row."""
    from PIL import Image

    count, height, width = samples.shape
    rows = -(-count // SHEET_COLUMNS)
    cells = np.zeros((rows * SHEET_COLUMNS, height, width), np.uint8)
    cells[:count] = samples
    sheet = cells.reshape(rows, SHEET_COLUMNS, height, width).transpose(0, 2, 1, 3).reshape(rows * height, -1)
    drawn = io.BytesIO()
    Image.fromarray(255 - sheet).resize((sheet.shape[1] * 2, sheet.shape[0] * 2), Image.Resampling.NEAREST).save(
        drawn, "PNG"
    )
    return drawn.getvalue()


def array_file(samples: np.ndarray, seen: pd.DataFrame) -> bytes:
    """Return an NPZ file with ``pictures`` (n, height, width) uint8 and what is seen in them, ``classes`` (n,)."""
    content = io.BytesIO()
    np.savez_compressed(content, pictures=samples, classes=seen["prediction"].to_numpy())
    return content.getvalue()


def draw_prediction(found: ImagePrediction) -> bytes:
    """Return a PNG with the picture as the network saw it and the probabilities as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(found.pixels, cmap="gray_r", vmin=0, vmax=255)  # of a digit; colours are drawn as they are
    left.set_title(f"{found.prediction}  ({as_percent(found.probabilities[found.prediction], 1)})")
    left.set_axis_off()
    classes = list(found.probabilities)
    right.barh([str(name) for name in classes], [found.probabilities[name] for name in classes])
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel="probability", ylabel="class")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    return drawn.getvalue()


def _require_readable(frame: pd.DataFrame, preprocessing: TablePreprocessing) -> None:
    """Raise ``UserError`` when a column has cells but none that can be read: a prediction would be made of nothing."""
    columns = preprocessing.columns
    unreadable = []
    for name in (*columns.numeric, *columns.dates):
        if name in frame.columns:
            cells = frame[name].dropna()
            text = cells.astype(object).astype(str)
            cells = cells[~(is_word(text) | text.str.fullmatch(NO_DATE))]
            if len(cells) and columns.numbers(cells).isna().all():
                how = columns.formats.get(name, "plain number" if name in columns.numeric else "date")
                unreadable.append(f"'{name}' (e.g. {str(cells.iloc[0])[:30]!r}; read as: {how})")
    if unreadable:
        raise UserError(
            f"No cell can be read of {', '.join(unreadable)}. Write these columns as in the table that the model was "
            "trained on."
        )


def _cell_notes(frame: pd.DataFrame, preprocessing: TablePreprocessing) -> Iterator[str]:
    """Return cells that hold something the model cannot use, a sentence for each column."""
    columns = preprocessing.columns
    for name in columns.numeric:
        lost = columns.numbers(frame[name]).isna() & frame[name].notna()
        yield from _note(frame[name], lost, "cells that are not numbers are read as missing")
    for name in columns.dates:
        lost = columns.numbers(frame[name]).isna() & frame[name].notna()
        yield from _note(
            frame[name], lost, f"cells that are not dates from {YEARS[0]} to {YEARS[1]} are read as missing"
        )
    pooled = preprocessing.pooled_categories
    for name, known in preprocessing.known_categories.items():
        how = "count as rare ones" if name in pooled else "count as none of the known ones"
        unseen = ~columns.categories(frame[name]).isin(known)
        yield from _note(frame[name], unseen, f"values that training never saw {how}")


def _note(cells: pd.Series, lost: pd.Series, what: str) -> Iterator[str]:
    if lost.any():
        cell = cells[lost].iloc[0]
        example = "an empty cell" if pd.isna(cell) else repr(str(cell)[:30])
        yield f"'{cells.name}': {what}: {int(lost.sum()):,} of {len(cells):,} (e.g. {example})."
