"""Where predictions go: standard output, a file, or a folder with a file for each input."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

FORMULA = re.compile(r"[=@\t\r]|[-+](?![\d.,\s]*(?:[eE][-+]?\d+)?%?\s*$)")  # but no number with a sign
STREAM = "-"
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq")
PICTURE = ".png"
ARRAYS = ".npz"  # of a generator's samples
FILE_COLUMN = "file"  # of a table with the predictions of several files


def check_output(output: str, sources: Sequence[str], *, several: bool) -> None:
    """Raise ``UserError`` when a file cannot be written there, its suffix names no format, or it is an input.

    Args:
        output: as given.
        sources: the inputs, as given.
        several: whether there are several inputs; then it may be a folder, which is created.
    """
    path = Path(output)
    folder = path.resolve().parent
    is_folder = path.is_dir() and not several
    if output != STREAM and (
        is_folder or not folder.is_dir() or not os.access(path if path.is_dir() else folder, os.W_OK)
    ):
        raise UserError(f"--output '{output}' cannot be written. Give a file in a folder that exists.")
    if path.is_dir():
        return
    format_of(output, (*TABLES, PICTURE, ARRAYS))
    replaced = next((source for source in sources if _is_same_file(path, source)), None)
    if replaced is not None:
        raise UserError(f"--output '{output}' would replace the input '{replaced}'. Give another file.")


def is_folder_of_outputs(output: str) -> bool:
    """Return whether several inputs get a file each: ``--output`` is a folder, or a name without a suffix."""
    return output != STREAM and (Path(output).is_dir() or not format_of(output, (*TABLES, PICTURE, ARRAYS)))


def format_of(output: str, formats: Sequence[str]) -> str:
    """Return the suffix of an output, in lower case; empty for standard output, devices and names without one.

    Raises:
        UserError: a suffix that is none of ``formats``.
    """
    suffixes = [suffix.lower() for suffix in Path(output).suffixes]
    found = "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])
    if found and found not in formats:
        raise UserError(f"--output '{output}': '{found}' is not written here. Choose {', '.join(formats)}.")
    return found


def to_bytes(frame: pd.DataFrame, output: str) -> bytes:
    """Return a table as the output's suffix asks for: Parquet, TSV, otherwise CSV, gzipped for ``.gz``; UTF-8."""
    suffix = format_of(output, TABLES)
    if suffix in (".parquet", ".pq"):
        stream = io.BytesIO()
        frame.to_parquet(stream, index=False)
        return stream.getvalue()
    text = frame.to_csv(index=False, sep="\t" if suffix.startswith(".tsv") else ",", lineterminator="\n").encode()
    return gzip.compress(text, mtime=0) if suffix.endswith(".gz") else text


def write_output(output: str, content: bytes) -> None:
    """Write a file whole or not at all; a device, a pipe or standard output is written to directly."""
    if output == STREAM and sys.stdout.isatty():  # cells go back as they came, but none may steer a terminal
        sys.stdout.write(content.decode("utf-8", "replace"))
        sys.stdout.flush()
        return
    if output == STREAM:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(path.resolve(), content)  # a link stays one
    except OSError as error:
        raise UserError(f"--output '{output}' cannot be written: {error.strerror}.") from error


def formula_notes(frame: pd.DataFrame, output: str) -> Iterator[str]:
    """Yield a note where a spreadsheet would compute cells of a text: they stay as they are, the model's labels too."""
    if output.lower().endswith((".parquet", ".pq")):
        return
    for place, name in enumerate(map(str, frame.columns)):
        column = frame.iloc[:, place]
        cells = [] if column.dtype.kind in "biuf" else [str(cell) for cell in column.dropna().unique()]
        cell = next((text for text in (name, *cells) if FORMULA.match(text)), None)
        if cell is not None:
            yield (
                f"A cell of '{name}' begins as a formula does ({cell[:30]!r}) and is written as it is: "
                "import the file into a spreadsheet as text, do not open it there."
            )
            return


def joined(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of several inputs below each other, with the name of each in a first column."""
    import pandas as pd

    name = FILE_COLUMN
    while any(name in frame.columns for frame in frames.values()):
        name = f"_{name}"
    parts = [frame.assign(**{name: source})[[name, *frame.columns]] for source, frame in frames.items()]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def write_each(folder: str, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write the table of each input into a folder, under its input's name.

    Raises:
        UserError: two inputs have one name, or an output would take the place of its input.
    """
    targets: dict[Path, str] = {}
    for source in frames:
        name = Path(source).name
        target = Path(folder) / (name if name.lower().endswith(TABLES) else f"{name}.csv")
        advice = f"Give --output a table, e.g. all.csv: it has a column '{FILE_COLUMN}'."
        if target in targets:
            raise UserError(f"Two inputs are called {name}, '{targets[target]}' and '{source}'. {advice}")
        if _is_same_file(target, source):
            raise UserError(f"--output '{folder}' would replace the input '{source}'. Give another folder.")
        targets[target] = source
    try:
        Path(folder).mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"--output '{folder}' cannot be created: {error.strerror}.") from error
    for target, source in targets.items():
        write_output(str(target), to_bytes(frames[source], str(target)))


def _is_same_file(path: Path, source: str) -> bool:
    return path.is_file() and Path(source).exists() and path.samefile(source)


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        if path.exists():
            shutil.copymode(path, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
