"""``tunelab predict``: what a logged model says of files."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search_spaces.errors import UserError
from trainables.base.kinds.percent import as_percent
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.cli.arguments.inputs import STREAM, Input, find_inputs, fitting
from tunelab.cli.output.prediction_output import (
    ARRAYS,
    PICTURE,
    TABLES,
    check_output,
    format_of,
    formula_notes,
    is_folder_of_outputs,
    joined,
    to_bytes,
    write_each,
    write_output,
)
from tunelab.cli.output.say import note
from tunelab.system.language import tr
from tunelab.tracking.open import open_store

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from trainables import Predictor
    from trainables.base.prediction_input import ImagePrediction


SAMPLES, SHOWN_SAMPLES = 100, 3  # of a generator: drawn from a seed, and side by side on a terminal


@dataclass(frozen=True)
class Answer:
    """What a model says of one input.

    Attributes:
        frame: the predictions, of a table beside its own columns.
        notes: what the user should know, a sentence each.
        picture: of a picture, as the network saw it; None of anything else.
        samples: (n, height, width) uint8 of a generator; None of anything else.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    picture: ImagePrediction | None = None
    samples: np.ndarray | None = None


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="A sweep (@latest), a run id, or their beginning; tunelab-wine; models:/tunelab-wine/2.",
            autocompletion=complete_sweep,
        ),
    ],
    sources: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Tables, pictures, text files, folders of them; a seed; '-': stdin."),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="CSV, TSV (.gz) or Parquet; PNG or NPZ of pictures; a folder for a file an input; '-': stdout.",
        ),
    ] = STREAM,
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="The store that holds the model.")] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Python file whose code the model may run; repeat it for more."),
    ] = None,
) -> None:
    """Predict with a logged model: a table gives a table, a picture its class.

    Several inputs give one table with a column 'file', or with a folder as --output a table each.
    """
    inputs = find_inputs(sources)
    is_one = len(sources) == 1 and not any(file.from_folder for file in inputs)
    check_output(output, [file.source for file in inputs], several=not is_one)
    store = open_store(tracking_uri)
    with tempfile.TemporaryDirectory() as folder:
        predictor = store.load_model(store.model_uri(model), Path(folder), trust or [])
    answers = _answers(predictor, fitting(inputs, _sort(predictor)))
    if is_one:
        _write_one(next(iter(answers.values())), output)
    else:
        _write_several(answers, output)


def _sort(predictor: Predictor) -> str:
    """Return the sort of files that a model reads; what reads none says so of a picture."""
    return "picture" if predictor.reads == "nothing" else predictor.reads


def _answers(predictor: Predictor, files: Sequence[Input]) -> dict[str, Answer]:
    """Predict each input; a picture of a folder that cannot be read is left out, and said, unless none can."""
    found, errors = {}, []
    for file in files:
        try:
            found[file.source] = _answer(predictor, file)
        except UserError as error:
            if not file.from_folder or _sort(predictor) != "picture":
                raise
            errors.append(error)
    if errors and not found:
        raise errors[0]
    if errors:
        note(f"Left out {len(errors):,} of {len(files):,} pictures that cannot be read. {errors[0]}")
    return found


def _answer(predictor: Predictor, file: Input) -> Answer:
    """Predict one input; an error names the file where the user named its folder."""
    predict = {"text": _predict_texts, "table": _predict_table, "picture": _predict_picture}.get(_sort(predictor))
    if predict is None:
        return _draw(predictor, int(file.source))
    try:
        return predict(predictor, file.read(), file.name)
    except UserError as error:
        raise (UserError(f"{file.name}: {error}") if file.name not in str(error) else error) from None


def _predict_table(predictor: Predictor, content: bytes, name: str) -> Answer:
    from trainables.base.prediction_input import predict_table_file

    found = predict_table_file(predictor, content, name)
    return Answer(found.frame, found.notes)


def _predict_picture(predictor: Predictor, content: bytes, name: str) -> Answer:
    import pandas as pd

    from trainables.base.prediction_input import predict_image_file

    found = predict_image_file(predictor, content)
    row = {"prediction": found.prediction, **{f"p_{name}": share for name, share in found.probabilities.items()}}
    return Answer(pd.DataFrame([row]), picture=found)


def _draw(predictor: Predictor, seed: int) -> Answer:
    """Draw samples of a generator from a seed."""
    from trainables.base.images.generation.predictor import DigitGenerator

    if not isinstance(predictor, DigitGenerator):
        raise UserError(f"This model draws no pictures: it predicts {predictor.kind.replace('_', ' ')}.")
    samples = predictor.draw(seed, SAMPLES)
    return Answer(predictor.described(samples), samples=samples)


def _predict_texts(predictor: Predictor, content: bytes, name: str) -> Answer:
    """Each line of a UTF-8 file is a text to continue."""
    import pandas as pd

    try:
        lines = io.StringIO(content.decode("utf-8-sig"), newline=None)
    except UnicodeDecodeError as error:
        raise UserError(f"INPUT '{name}' is not UTF-8 text; this model continues texts, one a line.") from error
    texts = [line.rstrip("\n") for line in lines if line.strip()]
    if not texts:
        raise UserError(f"INPUT '{name}' holds no text; give one text a line.")
    predictions = predictor.predict(texts).reset_index(drop=True)
    return Answer(pd.concat([pd.DataFrame({"text": texts}), predictions], axis=1))


def _write_one(answer: Answer, output: str) -> None:
    """Write the table; of a picture, on the terminal as the network saw it, into a file a PNG or its table."""
    if answer.samples is not None:
        _write_samples(answer.frame, answer.samples, output)
        return
    if answer.picture is None or format_of(output, (PICTURE, *TABLES)) in TABLES:
        write_output(output, to_bytes(answer.frame, output))
    if answer.picture is not None:
        _show_picture(answer.picture, output)
    rows = "1 row" if len(answer.frame) == 1 else f"{len(answer.frame):,} rows"
    what = rows if answer.picture is None else "the picture and its probabilities"
    notes = [*answer.notes, *(formula_notes(answer.frame, output) if answer.picture is None else ())]
    note(*notes, *([] if output == STREAM else [f"Wrote {what} to {output}."]))


def _write_samples(frame: pd.DataFrame, samples: np.ndarray, output: str) -> None:
    """Write samples as a sheet, as arrays or what the fixed classifier sees in them; on the terminal, some of them."""
    from trainables.base.prediction_input import array_file, sample_sheet, text_picture

    kind = format_of(output, (PICTURE, ARRAYS, *TABLES))
    if output == STREAM:
        shown = zip(*(text_picture(sample).split("\n") for sample in samples[:SHOWN_SAMPLES]), strict=True)
        lines = ["".join(parts).rstrip() for parts in shown]
        counts = frame["prediction"].value_counts().sort_index()
        digits = ", ".join(f"{digit}: {count}" for digit, count in counts.items())
        sys.stdout.write("\n".join([*lines, "", f"{len(samples)} samples, by the digit that is seen: {digits}", ""]))
        return
    if kind in TABLES:
        write_output(output, to_bytes(frame, output))
    else:
        write_output(output, array_file(samples, frame) if kind == ARRAYS else sample_sheet(samples))
    note(f"Wrote {len(samples)} samples to {output}.")


def _show_picture(found: ImagePrediction, output: str) -> None:
    from trainables.base.prediction_input import draw_prediction, text_picture

    if output != STREAM and format_of(output, (PICTURE, *TABLES)) not in TABLES:
        write_output(output, draw_prediction(found))
    widest = max(map(len, found.probabilities))
    shares = "\n".join(
        f"{name:<{widest}}  {as_percent(share, 2):>8}  {'█' * round(share * 40)}".rstrip()
        for name, share in found.probabilities.items()
    )
    what = tr("digit") if found.pixels.ndim == 2 else tr("class")
    sys.stdout.write(f"{text_picture(found.pixels)}\n\n{what} {found.prediction}\n\n{shares}\n")


def _write_several(answers: Mapping[str, Answer], output: str) -> None:
    frames = {source: answer.frame for source, answer in answers.items()}
    is_folder = is_folder_of_outputs(output)
    if is_folder:
        write_each(output, frames)
    else:
        write_output(output, to_bytes(joined(frames), output))
    for source, answer in answers.items():
        notes = [*answer.notes, *formula_notes(answer.frame, source if is_folder else output)]
        note(*(f"{source}: {text}" for text in notes))
    rows = sum(len(frame) for frame in frames.values())
    note(*([] if output == STREAM else [f"Wrote {rows:,} rows of {len(frames)} files to {output}."]))
