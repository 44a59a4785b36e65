"""``tunelab predict``: what a logged model says of a file."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search_spaces.errors import UserError
from trainables.base.contract.bounded_input import read_bounded, read_file
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.tracking.open import open_store

if TYPE_CHECKING:
    import pandas as pd

    from trainables import Predictor

FORMULA = re.compile(r"[=@\t\r]|[-+](?![\d.,\s]*(?:[eE][-+]?\d+)?%?\s*$)")  # but no number with a sign
STREAM = "-"  # standard input or output
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq")
PICTURE = ".png"


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="A sweep (@latest), a run id, their beginnings, or e.g. models:/tunelab-auto_mpg@champion.",
            autocompletion=complete_sweep,
        ),
    ],
    source: Annotated[str, typer.Argument(metavar="INPUT", help="Table, picture or text file; '-' reads stdin.")],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="CSV, TSV (.gz) or Parquet; PNG of a picture; '-': stdout."
        ),
    ] = STREAM,
    tracking_uri: Annotated[str | None, typer.Option(help="The store that holds the model.")] = None,
) -> None:
    """Predict with a logged model: a table gives a table, a picture of a digit the digit."""
    content = read_input(source)
    check_output(output)
    store = open_store(tracking_uri)
    with tempfile.TemporaryDirectory() as folder:
        predictor = store.load_model(store.model_uri(model), Path(folder))
    name = "standard input" if source == STREAM else source
    predict = {"table": _predict_table, "text": _predict_texts}.get(predictor.reads, _predict_picture)
    predict(predictor, content, name, output)


def read_input(source: str) -> bytes:
    """Return the bytes of a file or of standard input; raise ``UserError`` when there are none."""
    if source == STREAM:
        content = read_bounded(sys.stdin.buffer, "standard input")
    else:
        try:
            content = read_file(Path(source), source)
        except OSError as error:
            raise UserError(f"INPUT '{source}' cannot be read: {error.strerror}.") from error
    if not content:
        raise UserError(f"INPUT '{source}' is empty.")
    return content


def check_output(output: str) -> None:
    """Raise ``UserError`` when a file cannot be written there, or its suffix names no format."""
    path = Path(output)
    folder = path.resolve().parent
    if output != STREAM and (path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK)):
        raise UserError(f"--output '{output}' cannot be written. Give a file in a folder that exists.")
    format_of(output, (*TABLES, PICTURE))


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


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        if path.exists():
            shutil.copymode(path, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def to_bytes(frame: pd.DataFrame, output: str) -> bytes:
    """Return a table as the output's suffix asks for: Parquet, TSV, otherwise CSV, gzipped for ``.gz``; UTF-8."""
    suffix = format_of(output, TABLES)
    if suffix in (".parquet", ".pq"):
        stream = io.BytesIO()
        frame.to_parquet(stream, index=False)
        return stream.getvalue()
    text = frame.to_csv(index=False, sep="\t" if suffix.startswith(".tsv") else ",", lineterminator="\n").encode()
    return gzip.compress(text, mtime=0) if suffix.endswith(".gz") else text


def _predict_table(predictor: Predictor, content: bytes, name: str, output: str) -> None:
    from trainables.base.prediction_input import predict_table_file

    found = predict_table_file(predictor, content, name)
    write_output(output, to_bytes(found.frame, output))
    _say(*found.notes, *_formulas(found.frame, output), *_written(output, f"{len(found.frame):,} rows"))


def _predict_picture(predictor: Predictor, content: bytes, name: str, output: str) -> None:
    """On the terminal the picture as the network saw it; into a file a PNG, or the probabilities as a table."""
    import pandas as pd

    from trainables.base.prediction_input import draw_prediction, predict_image_file, text_picture

    found = predict_image_file(predictor, content)
    if format_of(output, (PICTURE, *TABLES)) in TABLES:
        row = {"prediction": found.prediction, **{f"p_{name}": share for name, share in found.probabilities.items()}}
        write_output(output, to_bytes(pd.DataFrame([row]), output))
    elif output != STREAM:
        write_output(output, draw_prediction(found))
    shares = "\n".join(
        f"{name}  {share:7.2%}  {'█' * round(share * 40)}".rstrip() for name, share in found.probabilities.items()
    )
    sys.stdout.write(f"{text_picture(found.pixels)}\n\ndigit {found.prediction}\n\n{shares}\n")
    _say(*_written(output, "the picture and its probabilities"))


def _predict_texts(predictor: Predictor, content: bytes, name: str, output: str) -> None:
    """Each line of a UTF-8 file is a text to continue."""
    import pandas as pd

    try:
        texts = [line for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(f"INPUT '{name}' is not UTF-8 text; this model continues texts, one a line.") from error
    if not texts:
        raise UserError(f"INPUT '{name}' holds no text; give one text a line.")
    predictions = predictor.predict(texts).reset_index(drop=True)
    frame = pd.concat([pd.DataFrame({"text": texts}), predictions], axis=1)
    write_output(output, to_bytes(frame, output))
    _say(*_written(output, f"{len(frame):,} texts"))


def _formulas(frame: pd.DataFrame, output: str) -> Iterator[str]:
    """Yield a note where a spreadsheet would compute cells of a text: they stay as they are, the model's labels too."""
    if format_of(output, TABLES) in (".parquet", ".pq"):
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


def _written(output: str, what: str) -> list[str]:
    return [] if output == STREAM else [f"Wrote {what} to {output}."]


def _say(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(f"{line}\n")
