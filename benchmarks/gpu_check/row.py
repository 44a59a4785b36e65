"""The values of a check: its setting, its rows, what a row measured and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

CUDA, CPU = "cuda", "cpu"


class Status(StrEnum):
    """What came of a row."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class Skipped(Exception):
    """Raised by a row that cannot be measured here; its message is the reason."""


@dataclass(frozen=True)
class Setting:
    """Where and how much is measured.

    Attributes:
        device: ``"cuda"`` or ``"cpu"``.
        trials: Number of trials of a sweep.
        epochs: Number of epochs of a trial.
        prompts: Number of texts that are generated together.
        new_tokens: Number of tokens of each text.
    """

    device: str
    trials: int
    epochs: int
    prompts: int
    new_tokens: int

    def need_cuda(self) -> None:
        """Raise ``Skipped`` on the CPU."""
        if self.device != CUDA:
            raise Skipped("no CUDA")


SETTINGS = {CUDA: Setting(CUDA, 16, 6, 32, 64), CPU: Setting(CPU, 2, 2, 2, 8)}


@dataclass(frozen=True)
class Measured:
    """What a row measured.

    Attributes:
        figure: The numbers in one line, with their units.
        values: The same by name, for JSON.
    """

    figure: str
    values: Mapping[str, float | str | bool] = field(default_factory=dict)


Measure: TypeAlias = Callable[..., Measured]  # (setting, *arguments); a function of a module, found again by its name


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What is measured.
        measure: Measures it, in a process of its own; raises ``Skipped`` where it cannot.
        budget: Seconds after which the process is killed and the row has failed.
        arguments: Given to ``measure`` after the setting; JSON values.
    """

    what: str
    measure: Measure
    budget: float
    arguments: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class RowResult:
    """What came of a row.

    Attributes:
        what: What was to be measured.
        status: See ``Status``.
        figure: Empty unless the row is ok.
        reason: Why the row failed or was skipped; empty when it is ok.
        seconds: How long the row took, the start of its process included.
        values: The figure's numbers by name.
        log: The end of what the process of a failed row wrote; empty otherwise.
    """

    what: str
    status: Status
    figure: str = ""
    reason: str = ""
    seconds: float = 0.0
    values: Mapping[str, float | str | bool] = field(default_factory=dict)
    log: str = ""
