"""The events of a sweep's journal: one frozen dataclass a kind, written as one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from search_spaces.values import pack, unpack
from trainables.base.contract.objective import METRIC
from tunelab.records.measure import Measure
from tunelab.records.trial import Row, TrialRecord

FORMAT = 1  # of the journal; one without a first line that says so is of format 0, whose events are the same


@dataclass(frozen=True)
class Format:
    """The first line: which format the journal has."""

    name: ClassVar[str] = "format"
    version: int


@dataclass(frozen=True)
class Proposed:
    """A trial exists from now on.

    Attributes:
        trial: Its number.
        params: Values of the search space's parameters.
        config: What the task's ``fit`` gets.
        seed: Of initialisation, data order and dropout.
        max_epochs: Its budget.
        time: Unix time in seconds.
        protected: True if no rung stops it.
    """

    name: ClassVar[str] = "proposed"
    trial: int
    params: dict[str, Any]
    config: dict[str, Any]
    seed: int
    max_epochs: int
    time: float
    protected: bool = False

    @classmethod
    def from_trial(cls, trial: TrialRecord, *, protected: bool) -> Proposed:
        """Describe a new trial."""
        params, config = dict(trial.params), dict(trial.config)
        return cls(trial.number, params, config, trial.seed, trial.max_epochs, trial.started, protected)


@dataclass(frozen=True)
class Reported:
    """Epochs of a trial reached the driver: ``rows`` as in a ``TrialReport``."""

    name: ClassVar[str] = "reported"
    trial: int
    rows: list[Row]


@dataclass(frozen=True)
class Checkpointed:
    """A checkpoint of a running trial, after ``epoch``, is complete; ``uri`` is its path in the sweep's storage."""

    name: ClassVar[str] = "checkpointed"
    trial: int
    epoch: int
    uri: str


@dataclass(frozen=True)
class Restarted:
    """A trial continues after ``epoch`` (0: from the start), because its worker died or the sweep was resumed."""

    name: ClassVar[str] = "restarted"
    trial: int
    epoch: int
    error: str


@dataclass(frozen=True)
class Ended:
    """A trial has ended; its curve ends at epoch ``epochs``, whatever was reported after that.

    Attributes:
        trial: Its number.
        status: Value of a ``TrialStatus``.
        epochs: Its last epoch; 0 without one.
        time: Unix time in seconds.
        error: One line and a traceback; empty unless it failed.
        worker: What ran it, as a ``TrialReport`` says.
    """

    name: ClassVar[str] = "ended"
    trial: int
    status: str
    epochs: int
    time: float
    error: str
    worker: Mapping[str, Any]

    @classmethod
    def from_trial(cls, trial: TrialRecord) -> Ended:
        """Describe the end of a trial."""
        return cls(trial.number, str(trial.status), trial.last_epoch, trial.ended, trial.error, dict(trial.worker))


@dataclass(frozen=True)
class Tracked:
    """A trial is in the tracking store, complete, as run ``run_id``."""

    name: ClassVar[str] = "tracked"
    trial: int
    run_id: str


@dataclass(frozen=True)
class SweepIdentity:
    """What makes a sweep the one it is.

    Attributes:
        spec: The spec as JSON values, without secrets.
        digest: Of the data.
        task_file: sha256 of the task's file; empty for a task by name.
        space: The search space's distributions, as JSON values by parameter.
        sampler_file: sha256 of the file of the user's own sampler, given by path or by module; empty for others.
    """

    spec: Mapping[str, Any]
    digest: str = ""
    task_file: str = ""
    space: Mapping[str, Any] = field(default_factory=dict)
    sampler_file: str = ""


@dataclass(frozen=True)
class Started(SweepIdentity):
    """A session of the sweep begins: its first, or one that continues it.

    Attributes:
        key: Random; marks the parent run, so that a session that was killed while creating it finds it again.
        time: Unix time in seconds.
        folder: Working directory.
        concurrency: Number of trials at once.
        metric: Name of what the sweep optimises.
        is_maximised: True if higher is better.
        further_metrics: Names of the other ones, where it optimises several.
        score: Name of the headline score of an epoch; empty in a journal of before.
    """

    name: ClassVar[str] = "started"
    key: str = ""
    time: float = 0.0
    folder: str = ""
    concurrency: int = 1
    metric: str = METRIC
    is_maximised: bool = False
    further_metrics: list[str] = field(default_factory=list)
    score: str = ""

    @property
    def measure(self) -> Measure:
        """How the session's losses are shown."""
        return Measure(self.metric, self.is_maximised)


@dataclass(frozen=True)
class ParentRun:
    """The sweep has a parent run in the tracking store."""

    name: ClassVar[str] = "parent"
    run_id: str


@dataclass(frozen=True)
class TestOpened:
    """The test split is opened at unix time ``time``."""

    __test__ = False  # no test of pytest's
    name: ClassVar[str] = "test opened"
    time: float


@dataclass(frozen=True)
class Finished:
    """A session has ended: ``stopped`` says why before all its trials were done; empty when they are."""

    name: ClassVar[str] = "finished"
    stopped: str
    time: float = 0.0


@dataclass(frozen=True)
class Steered:
    """A command of ``tunelab steer`` has been taken.

    Attributes:
        id: Of the command.
        command: ``pause``, ``continue``, ``stop``, ``add``, ``concurrency``, ``until`` or ``finish``.
        before: Number of the trial before which it takes effect.
        values: ``trial`` and ``epoch`` of ``stop``, ``params`` of ``add``, ``slots`` of ``concurrency``, ``time`` (unix
            seconds) of ``until``.
        time: Unix time in seconds at which it was taken.
    """

    name: ClassVar[str] = "steered"
    id: str
    command: str
    before: int
    values: Mapping[str, Any]
    time: float


Event: TypeAlias = (
    Format
    | Proposed
    | Reported
    | Checkpointed
    | Restarted
    | Ended
    | Tracked
    | Started
    | ParentRun
    | TestOpened
    | Finished
    | Steered
)
KINDS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (
        *(Format, Proposed, Reported, Checkpointed, Restarted, Ended),
        *(Tracked, Started, ParentRun, TestOpened, Finished, Steered),
    )
}
_OF_SPACE = ("params", "config", "space")  # what a user's space gave: tuples and dicts with other keys than text
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, RecursionError)  # raised by events that no sweep writes


def to_line(event: Event) -> bytes:
    """Return an event as a line of JSON, its kind under ``event``."""
    values = {name: pack(value) if name in _OF_SPACE else value for name, value in vars(event).items()}
    return (json.dumps({"event": event.name, **values}, ensure_ascii=False) + "\n").encode()


def from_line(line: str) -> Event:
    """Read an event back.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, RecursionError: The line is not an event.
    """
    values = {name: unpack(value) if name in _OF_SPACE else value for name, value in json.loads(line).items()}
    return KINDS[values.pop("event")](**values)
