"""The picture files of a user with their classes: a folder with one folder a class, or a table of paths and labels."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.images.formats import SUFFIXES
from trainables.base.images.photograph import read_photograph

PATH_NAMES = ("path", "file", "filename", "image", "파일", "파일명", "경로", "사진")
LABEL_NAMES = ("label", "class", "target", "라벨", "분류")
SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "학습", "훈련", "검증", "테스트"})
MAX_CLASSES, MIN_CLASS_PICTURES = 1_000, 3
MAX_FILE_BYTES = 200_000_000
MAX_BYTES = 8 << 30  # of all pixels in memory
MIN_PICTURES = 20  # of all classes, for three splits
SHOWN = 3  # files in a note
OTHER_PICTURES = (".heic", ".heif", ".avif", ".svg", ".psd", ".jp2", ".raw", ".cr2", ".nef", ".dng")
NO_CLASS = "__MACOSX"  # folder of attributes that archives of macOS hold
COUNTED = 500  # pictures whose colours are counted at once: memory stays bounded


@dataclass(frozen=True)
class PictureFiles:
    """Files and their classes.

    Attributes:
        paths: Of the files, in a fixed order.
        labels: The class of each.
        notes: What the user should know, a sentence each.
    """

    paths: tuple[Path, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pictures:
    """Pictures that could be read.

    Attributes:
        pixels: (n, side, side, 3) uint8.
        labels: (n,) object, the class of each.
        notes: What the user should know, a sentence each.
    """

    pixels: np.ndarray
    labels: np.ndarray
    notes: tuple[str, ...]


def check_classes(files: PictureFiles, source: Path) -> PictureFiles:
    """Return the files, if they can be learned from.

    Args:
        files: As ``of_folder`` or ``of_table`` gives them.
        source: Where they were found, for the error.

    Raises:
        UserError: Fewer than two classes, too many, or a class with fewer than three pictures.
    """
    counts = Counter(files.labels)
    if len(counts) < 2:
        names = ", ".join(map(repr, counts)) or "none"
        raise UserError(
            f"'{source}' has pictures of {len(counts)} class(es) ({names}), but two are needed: one folder a class, "
            f"each with pictures in it.{_what_else(source)}"
        )
    if source.is_dir() and {label.lower() for label in counts} <= SPLIT_NAMES:
        raise UserError(
            f"The folders of '{source}' are splits ({', '.join(counts)}), not classes. Give the folder with one folder "
            f"a class, e.g. --data '{source / next(iter(counts))}': tunelab splits the pictures itself."
        )
    if len(counts) > MAX_CLASSES:
        raise UserError(f"'{source}' has {len(counts):,} classes, more than the {MAX_CLASSES:,} that are learned.")
    _check_counts(counts, "has")
    if len(files.labels) < MIN_PICTURES:
        raise UserError(
            f"'{source}' has {len(files.labels)} pictures, but training, validation and test need at least "
            f"{MIN_PICTURES}. Add pictures."
        )
    return files


def _what_else(source: Path) -> str:
    """Return what a folder without two classes holds instead, as a sentence that says what to do, or nothing."""
    if not source.is_dir():
        return ""
    inside = [child for child in source.iterdir() if not child.name.startswith(".")]
    folders = [child for child in inside if child.is_dir()]
    loose = sum(child.suffix.lower() in SUFFIXES for child in inside)
    if loose:
        return f" {loose:,} pictures lie in no folder of a class: move them, or give a table of paths and labels."
    if len(folders) == 1 and sum(child.is_dir() for child in folders[0].iterdir()) > 1:
        return f" The classes may be one folder deeper: --data '{folders[0]}'."
    others = Counter(path.suffix.lower() for path in source.rglob("*") if path.suffix.lower() in OTHER_PICTURES)
    if others:
        shown = ", ".join(f"{suffix} ({count:,})" for suffix, count in others.most_common(SHOWN))
        return f" Files of these formats are not read: {shown}. Save them as JPEG or PNG."
    return ""


def read_pictures(files: PictureFiles, side: int) -> Pictures:
    """Read all pictures; those that cannot be read are left out, and said.

    Args:
        files: As ``check_classes`` gives them.
        side: Pixels of the square that each becomes.

    Raises:
        UserError: The pixels do not fit in memory, or a class has too few pictures that can be read.
    """
    needed = len(files.paths) * side * side * 3
    if needed > MAX_BYTES:
        raise UserError(
            f"{len(files.paths):,} pictures of {side} x {side} pixels take {needed / 2**30:.1f} GiB, more than the "
            f"{MAX_BYTES >> 30} GiB that are kept in memory. Choose a smaller --side."
        )
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # Pillow decodes outside the interpreter's lock
        read = list(pool.map(lambda path: _read(path, side), files.paths))
    good = [i for i, found in enumerate(read) if not isinstance(found, str)]
    bad = [(i, found) for i, found in enumerate(read) if isinstance(found, str)]
    labels = [files.labels[i] for i in good]
    lost = sorted(set(files.labels) - set(labels))
    if lost:
        first, why = next((i, why) for i, why in bad if files.labels[i] == lost[0])
        raise UserError(f"No picture of the class '{lost[0]}' can be read, e.g. '{files.paths[first].name}': {why}")
    _check_counts(Counter(labels), "has readable")
    notes = list(files.notes)
    if bad:
        shown = ", ".join(f"'{files.paths[i].name}'" for i, _ in bad[:SHOWN])
        more = f" and {len(bad) - SHOWN:,} more" if len(bad) > SHOWN else ""
        reasons = " ".join(dict.fromkeys(why for _, why in bad[:SHOWN]))
        notes.append(f"Left out {len(bad):,} of {len(read):,} files that cannot be read: {shown}{more}. {reasons}")
    pixels = np.stack([read[i] for i in good]) if good else np.empty((0, side, side, 3), np.uint8)
    return Pictures(pixels, np.array(labels, dtype=object), tuple(notes))


def unlike_copies(digests: np.ndarray, labels: np.ndarray) -> list[str]:
    """Return a sentence on pictures that lie in several classes, or nothing.

    Args:
        digests: (n,) of the pictures' pixels.
        labels: (n,) their classes.
    """
    classes = pd.Series(labels).groupby(digests).nunique()
    unlike = int((classes > 1).sum())
    return [f"Pictures lie in more than one class ({unlike:,}): no model is right about all copies."] if unlike else []


def colour_moments(pixels: np.ndarray) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each colour, as shares of 255; exact sums, some pictures at a time.

    Args:
        pixels: (n, side, side, 3) uint8.
    """
    counts = np.zeros((3, 256), dtype=np.int64)
    for start in range(0, len(pixels), COUNTED):
        part = pixels[start : start + COUNTED]
        counts += [np.bincount(part[..., colour].reshape(-1), minlength=256) for colour in range(3)]
    levels, weights = np.arange(256) / 255, counts / counts.sum(axis=1, keepdims=True)
    mean = weights @ levels
    std = np.sqrt((weights * (levels - mean[:, None]) ** 2).sum(axis=1))
    return mean.tolist(), std.tolist()


def _read(path: Path, side: int) -> np.ndarray | str:
    """Return the pixels of a file, or why it cannot be read."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return f"It has more than {MAX_FILE_BYTES:,} bytes."
        return read_photograph(path.read_bytes(), side)
    except OSError as error:
        return f"{error.strerror}."
    except UserError as error:
        return str(error)


def of_folder(folder: Path) -> PictureFiles:
    """Find the pictures of a folder that has one folder a class, each with pictures at any depth."""
    paths: list[Path] = []
    labels: list[str] = []
    others: Counter[str] = Counter()
    empty, outside = [], 0
    for child in sorted(folder.iterdir()):
        if child.name.startswith(".") or child.name == NO_CLASS:
            continue
        if not child.is_dir():
            outside += child.suffix.lower() in SUFFIXES
            continue
        found = [path for path in child.rglob("*") if path.is_file() and not path.name.startswith(".")]
        files = sorted(path for path in found if path.suffix.lower() in SUFFIXES)
        others.update(path.suffix.lower() for path in found if path.suffix.lower() in OTHER_PICTURES)
        if not files:
            empty.append(child.name)
        paths += files
        labels += [_class_name(child.name)] * len(files)
    notes = [f"'{name}' has no picture and is not a class." for name in empty]
    if others:
        shown = ", ".join(f"{suffix} ({count:,})" for suffix, count in others.most_common(SHOWN))
        notes.append(f"Left out files of formats that are not read: {shown}. Save them as JPEG or PNG.")
    if outside:
        notes.append(f"Left out {outside:,} pictures that lie in no folder of a class.")
    return PictureFiles(tuple(paths), tuple(labels), tuple(notes))


def of_table(frame: pd.DataFrame, folder: Path) -> PictureFiles:
    """Find the pictures that a table names.

    Args:
        frame: A column of paths and one of labels: the column that holds names of picture files, else known by
            their names, else the first two.
        folder: What the paths are relative to.

    Raises:
        UserError: The table has one column only, or no file that it names exists.
    """
    if len(frame.columns) < 2:
        raise UserError("A table of pictures needs two columns, path and label.")
    path = _path_column(frame)
    others = [name for name in frame.columns if name != path]
    label = next((name for name in others if str(name).lower() in LABEL_NAMES), others[0])
    rows = frame[frame[path].notna() & frame[label].notna()]
    notes = [f"'{path}' is the path and '{label}' the class of each picture."]
    if len(rows) < len(frame):
        notes.append(f"Left out rows without a path or a class ({len(frame) - len(rows):,}).")
    paths = tuple(_path(folder, str(cell)) for cell in rows[path])
    if paths and not any(file.exists() for file in paths):
        raise UserError(
            f"None of the files in the column '{path}' exists, e.g. '{paths[0]}'. Write paths relative to the folder "
            "of the table, or absolute ones."
        )
    return PictureFiles(paths, tuple(_class_name(str(cell)) for cell in rows[label]), tuple(notes))


def _path_column(frame: pd.DataFrame) -> str:
    """Return the column that holds names of picture files in most rows, else one that is named so, else the first."""
    for name in frame.columns:
        cells = frame[name].dropna().astype(str).str.lower()
        if len(cells) and cells.str.endswith(SUFFIXES).mean() > 0.5:
            return str(name)
    return str(next((name for name in frame.columns if str(name).lower() in PATH_NAMES), frame.columns[0]))


def _path(folder: Path, cell: str) -> Path:
    """Return the file that a cell names, also as Windows writes it, or as macOS does: with letters in parts."""
    slashes = cell.replace("\\", "/")
    spellings = [cell, slashes, *(unicodedata.normalize(form, slashes) for form in ("NFC", "NFD"))]
    if not slashes.lower().endswith(SUFFIXES):  # an id_code, as data of competitions have
        spellings += [f"{name}{suffix}" for name in spellings[1:] for suffix in SUFFIXES]
    return next((folder / name for name in spellings if (folder / name).exists()), folder / cell)


def _class_name(written: str) -> str:
    """Return a class without blanks around it, its letters composed (NFC): macOS writes names of folders in parts."""
    return unicodedata.normalize("NFC", written).strip()


def _check_counts(counts: Counter[str], has: str) -> None:
    if len(counts) > sum(counts.values()) / MIN_CLASS_PICTURES and all(map(_is_number, counts)):
        raise UserError(
            f"The labels are {len(counts):,} different numbers, e.g. '{next(iter(counts))}', but pictures are learned "
            "by classes. Write ranges of them as classes (low, middle, high)."
        )
    label, fewest = min(counts.items(), key=lambda item: item[1])
    if 0 < fewest < MIN_CLASS_PICTURES:
        raise UserError(
            f"The class '{label}' {has} {fewest} picture(s), but each needs {MIN_CLASS_PICTURES}, one for each split. "
            "Add pictures or remove the class."
        )


def _is_number(label: str) -> bool:
    return re.fullmatch(r"[-+]?\d+(\.\d+)?", label) is not None


def shown_classes(labels: Sequence[str] | np.ndarray) -> dict[str, int]:
    """Return how many pictures each class has, in the order of their names."""
    return dict(sorted(Counter(labels).items()))
