"""Benchmarks made of pieces, each kept as soon as it is done: searches, simulated sweeps."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from benchmarks.harness.jsonl import append_line, read_lines
from benchmarks.harness.lockfile import Lock
from benchmarks.harness.suite import Notify, R, Suite
from trainables import get_task

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RESULTS = "results.json"
MAX_SHOWN = 10  # differences between pieces


def data_digests(tasks: Iterable[str]) -> dict[str, str]:
    """Return the digest of what each bundled task's trials get, by name."""
    return {name: get_task(name).load().training.digest for name in tasks}


PlaceT = TypeVar("PlaceT", bound=Hashable)
PieceT = TypeVar("PieceT", bound="DataclassInstance")


class PieceSuite(Suite[R], Generic[R, PlaceT, PieceT]):
    """A benchmark whose pieces have places, in order; equal places give equal pieces but for seconds.

    Attributes:
        done: name of the file with a line for each finished piece.
        pieces: what several pieces are called: ``"searches"``.
        seconds: name of a piece's field that no repetition reproduces.
        spec_class: of what is asked for; its ``from_json`` reads what ``resolved`` says under ``"spec"``.
        under: entry of the results file that holds the pieces; empty where it is the list of them.
    """

    done: ClassVar[str]
    pieces: ClassVar[str]
    seconds: ClassVar[str] = "seconds"
    spec_class: ClassVar[Any]
    under: ClassVar[str] = ""

    @abstractmethod
    def __init__(self, spec: Any) -> None: ...

    @classmethod
    def from_lock(cls, lock: Lock) -> Self:
        return cls(cls.spec_class.from_json(lock["resolved"]["spec"]))

    @abstractmethod
    def places(self) -> Iterator[PlaceT]:
        """Yield the place of every piece, in order."""

    @abstractmethod
    def make(self, places: Sequence[PlaceT]) -> Iterator[PieceT]:
        """Make the pieces of some places, in order."""

    @abstractmethod
    def read(self, values: Mapping[str, Any]) -> PieceT:
        """Return a piece from what ``dataclasses.asdict`` gave, after JSON."""

    @abstractmethod
    def place_of(self, piece: PieceT) -> PlaceT:
        """Return the place of a piece."""

    @abstractmethod
    def summarize(self, pieces: Sequence[PieceT], lock: Lock) -> R:
        """Return the results of all pieces."""

    @abstractmethod
    def progress(self, piece: PieceT, done: Mapping[PlaceT, PieceT]) -> str:
        """Return a line about a piece that was just made, empty for none; ``done`` holds all pieces so far."""

    @abstractmethod
    def difference(self, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
        """Name the first difference between two unequal pieces of one place."""

    def measure(self, folder: Path, lock: Lock, notify: Notify) -> R:
        found = {self.place_of(piece): piece for piece in map(self.read, read_lines(folder / self.done))}
        places = list(self.places())
        for piece in self.make([place for place in places if place not in found]):
            append_line(folder / self.done, asdict(piece))
            found[self.place_of(piece)] = piece
            if line := self.progress(piece, found):
                notify(line)
        return self.summarize([found[place] for place in places], lock)

    def differences(self, folder: Path, lock: Lock) -> list[str]:
        now = self.repeatable(list(self.make(list(self.places()))))
        unequal = [self.difference(a, b) for a, b in zip(self.kept(folder), now, strict=True) if a != b]
        rest = len(unequal) - MAX_SHOWN
        return [*unequal[:MAX_SHOWN], f"and {rest} more {self.pieces}"] if rest > 0 else unequal

    def write_content(self, folder: Path, content: Any) -> list[str]:
        """Write the results file and return its name, as ``Suite.write`` does."""
        (folder / RESULTS).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return [RESULTS]

    def kept(self, folder: Path) -> list[dict[str, Any]]:
        """Return the pieces of a complete folder as ``repeatable`` gave them."""
        content: Any = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = content[self.under] if self.under else content
        return found

    def repeatable(self, pieces: Sequence[PieceT]) -> list[dict[str, Any]]:
        """Return what a repetition must give again, JSON values: everything but seconds."""
        plain = [json.loads(json.dumps(asdict(piece))) for piece in pieces]
        return [{name: value for name, value in piece.items() if name != self.seconds} for piece in plain]
