"""The inputs of ``tunelab predict``: files, folders of files, standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search_spaces.errors import UserError
from trainables.base.contract.files.bounded_input import read_bounded, read_file
from trainables.base.images.formats import SUFFIXES as PICTURE_SUFFIXES
from tunelab.cli.arguments.data_hints import TABLE_SUFFIXES

STREAM = "-"  # standard input or output
SEED = "seed"
TEXT_SUFFIXES = (".txt",)
SUFFIXES = {"table": TABLE_SUFFIXES, "picture": PICTURE_SUFFIXES, "text": TEXT_SUFFIXES, SEED: ()}


@dataclass(frozen=True)
class Input:
    """Something to predict.

    Attributes:
        source: as the user named it; a file's path, or ``-``.
        from_folder: True if the user named its folder.
    """

    source: str
    from_folder: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return "standard input" if self.source == STREAM else self.source

    @property
    def is_seed(self) -> bool:
        """Whether this is a whole number, from which a generator draws, and no file of that name."""
        return self.source.isdecimal() and not Path(self.source).exists()

    def fits(self, sort: str) -> bool:
        """Return whether a model of ``sort`` (a key of ``SUFFIXES``) may read it; what a user names always may."""
        return not self.from_folder or self.source.lower().endswith(SUFFIXES[sort])

    def read(self) -> bytes:
        """Return the bytes; raise ``UserError`` when there are none."""
        if self.source == STREAM:
            content = read_bounded(sys.stdin.buffer, "standard input")
        else:
            try:
                content = read_file(Path(self.source), self.source)
            except OSError as error:
                raise UserError(f"INPUT '{self.source}' cannot be read: {error.strerror}.") from error
        if not content:
            raise UserError(f"INPUT '{self.source}' is empty.")
        return content


def find_inputs(sources: Sequence[str]) -> list[Input]:
    """Return the inputs that a user names; a folder gives the files in it, in order of names.

    A whole number that names no file is a seed.

    Raises:
        UserError: a file that is not there, one that is named twice, or ``-`` beside others.
    """
    found: list[Input] = []
    for source in sources:
        path = Path(source)
        if source != STREAM and path.is_dir():
            files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
            found += [Input(str(file), from_folder=True) for file in files]
        elif source != STREAM and not path.exists() and not source.isdecimal():
            raise UserError(f"INPUT '{source}' cannot be read: no such file or folder.")
        else:
            found.append(Input(source))
    names = [file.source for file in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"INPUT '{twice}' is given twice. Leave one out.")
    if STREAM in names and len(names) > 1:
        raise UserError(
            "INPUT '-' is standard input, which comes alone. Give the other files in a command of their own."
        )
    return found


def fitting(inputs: Sequence[Input], sort: str) -> list[Input]:
    """Return the inputs that a model of ``sort`` reads.

    Raises:
        UserError: Folders hold none, or there is a seed where files are read or a file where seeds are.
    """
    for file in inputs:
        if file.is_seed and sort != SEED:
            raise UserError(f"INPUT '{file.source}' cannot be read: no such file or folder.")
        if not file.is_seed and sort == SEED:
            raise UserError(f"This model draws from a seed, so INPUT must be a whole number, got '{file.source}'.")
    found = [file for file in inputs if file.fits(sort)]
    if not found:
        raise UserError(f"No file to predict: a {sort} is a file that ends in {', '.join(SUFFIXES[sort])}.")
    return found
