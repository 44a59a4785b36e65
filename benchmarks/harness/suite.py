"""One protocol for every benchmark: spec, folder and lock, run, results, report; and the way back to running it again.

class MySuite(Suite[MyResults]): ...
results = run_suite(MySuite(spec), folder, print)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from benchmarks.harness.lockfile import Lock, check_folder, complete, open_folder
from benchmarks.harness.provenance import then_and_now
from search_spaces.errors import UserError
from tunelab.documents.blocks import Document
from tunelab.report.report import write_document
from tunelab.system.trust import Named, remember

REPORT = "report.html"
Notify = Callable[[str], None]


class SuiteResults(Protocol):
    """What a report shows: a frozen dataclass with the lock that fixed it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def lock(self) -> Lock: ...


R = TypeVar("R", bound=SuiteResults)


class Suite(ABC, Generic[R]):
    """A benchmark that was asked for; ``run_suite`` and ``verify`` do the rest.

    Attributes:
        kind: its name in the lock.
        continues: whether an interrupted run keeps what is done; else the same command begins again.
        packages: whose versions must not change before an interrupted run continues.
    """

    kind: ClassVar[str]
    continues: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def from_lock(cls, lock: Lock) -> Suite[R]:
        """Return the suite that wrote a lock.

        Raises:
            UserError: what it asks for is not here.
        """

    @staticmethod
    def named(resolved: Mapping[str, Any]) -> list[Named]:
        """Return the files and places outside its folder that a lock names under ``resolved``; none by default."""
        return []

    def asked(self) -> dict[str, Any]:
        """Return the part of ``resolved`` that is known before anything heavy is loaded; all of it by default."""
        return self.resolved()

    @abstractmethod
    def resolved(self) -> dict[str, Any]:
        """Return what fixes the numbers, JSON values: digests of data and models among them."""

    @abstractmethod
    def measure(self, folder: Path, lock: Lock, notify: Notify) -> R:
        """Return the results, from what an earlier call kept in the folder and from what is made now."""

    @abstractmethod
    def write(self, folder: Path, results: R) -> list[str]:
        """Write the results into the folder and return the names of the files that a repetition must reproduce."""

    @abstractmethod
    def document(self, results: R) -> Document:
        """Return the report."""

    def notes(self, results: R) -> dict[str, Any]:
        """Return further entries of the lock."""
        return {}

    def differences(self, folder: Path, lock: Lock) -> list[str]:
        """Run the benchmark again and name what is not as in the folder.

        Raises:
            UserError: it measures time, which no repetition reproduces.
        """
        raise UserError(f"A benchmark of {self.kind} measures time and memory, which no repetition reproduces.")


def run_suite(suite: Suite[R], folder: Path, notify: Notify) -> R:
    """Run what is not yet done in a folder, and write results, lock and report there.

    Args:
        suite: what is asked for, already validated.
        folder: missing, empty, or of the very same benchmark.
        notify: told of progress, a line at a time.

    Raises:
        UserError: the folder holds something else, or cannot be written.
        KeyboardInterrupt: what is done is kept; the same call continues from there where the suite ``continues``.
    """
    check_folder(folder, suite.kind, suite.asked(), suite.packages)
    lock = open_folder(folder, suite.kind, suite.resolved(), suite.packages, afresh=not suite.continues)
    remember(suite.named(lock["resolved"]))
    results = suite.measure(folder, lock, notify)
    names = suite.write(folder, results)
    results = replace(results, lock={**lock, **complete(folder, lock, names, suite.notes(results))})
    write_document(suite.document(results), folder / REPORT)
    return results


def differing_inputs(then: Mapping[str, Any], now: Mapping[str, Any], outer: str = "") -> Iterator[str]:
    """Name what ``resolved`` says otherwise now: ``data of wine: 1a2b then, 3c4d now``."""
    for key, value in now.items():
        old = then.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            yield from differing_inputs(old, value, f"{outer}{key} of ")
        elif old != value:
            yield then_and_now(f"{outer}{key}", old, value)
