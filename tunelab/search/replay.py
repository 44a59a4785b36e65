"""What a journal's events add up to: the state from which a sweep resumes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from search_spaces import UserError
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.events import (
    MALFORMED,
    Checkpointed,
    Ended,
    Event,
    Finished,
    ParentRun,
    Proposed,
    Reported,
    Restarted,
    Started,
    Steered,
    SweepIdentity,
    TestOpened,
    Tracked,
)
from tunelab.search.steering import FINISH


@dataclass(frozen=True)
class Replay:
    """What a journal describes.

    Attributes:
        trials: In order of numbers.
        checkpoints: (epoch, path) of the last checkpoint, by trial number.
        ended_between: For each trial, the numbers of those that ended since the proposal before it; a last entry holds
            those that ended since the last proposal.
        longest: By trial number, the curve that a trial had before it was restarted: what its rungs saw.
        protected: Numbers of the trials that no rung stops.
        steered: Commands that count; one to finish does not once the sweep was extended.
        steering_ids: Ids of all commands.
        sessions: The beginning of each session, in order.
        parent_run_id: Of the sweep's parent run; empty when there is none yet.
        test_openings: Unix times at which the test split was opened.
        finished: The end of the last session; None when it was cut short.
        wall_seconds: Duration of all sessions, each up to its last event.
        fit_seconds: Of these, from the first proposal of a session to its last trial's end.
    """

    trials: tuple[TrialRecord, ...]
    checkpoints: dict[int, tuple[int, str]]
    longest: dict[int, tuple[Epoch, ...]]
    protected: frozenset[int] = frozenset()
    ended_between: tuple[tuple[int, ...], ...] = ((),)
    steered: tuple[Steered, ...] = ()
    steering_ids: frozenset[str] = frozenset()
    sessions: tuple[Started, ...] = ()
    parent_run_id: str = ""
    test_openings: tuple[float, ...] = ()
    finished: Finished | None = None
    wall_seconds: float = 0.0
    fit_seconds: float = 0.0

    @property
    def is_finished(self) -> bool:
        """True if the sweep reached its end; false for one that was extended and cut short."""
        return self.finished is not None and not self.finished.stopped


def replay(events: Iterable[Event]) -> Replay:
    """Return the state to which a journal's events lead.

    Raises:
        UserError: The events are none that a sweep writes.
    """
    state = ReplayState()
    for number, event in enumerate(events, start=1):
        try:
            state.apply(event)
        except MALFORMED as error:
            raise UserError(f"A journal is damaged at line {number}; its sweep cannot be resumed.") from error
    return state.frozen()


def extends(now: SweepIdentity, before: SweepIdentity) -> bool:
    """Return whether a session asks for more trials than the one before it."""
    return int(now.spec.get("trials") or 0) > int(before.spec.get("trials") or 0)


class ReplayState:
    """What the events up to now add up to: for a journal that is still written."""

    def __init__(self) -> None:
        self._trials: dict[int, TrialRecord] = {}
        self._checkpoints: dict[int, tuple[int, str]] = {}
        self._longest: dict[int, tuple[Epoch, ...]] = {}
        self._protected: set[int] = set()
        self._ended_between: list[list[int]] = [[]]
        self._steered: list[Steered] = []
        self._steering_ids: set[str] = set()
        self._sessions: list[Started] = []
        self._parent_run_id = ""
        self._test_openings: list[float] = []
        self._finished: Finished | None = None
        self._clock = _Clock()

    @property
    def trials(self) -> list[TrialRecord]:
        """The trials so far, in order of numbers."""
        return [self._trials[n] for n in sorted(self._trials)]

    @property
    def finished(self) -> Finished | None:
        """The end of the last session; None while it has not ended."""
        return self._finished

    def apply(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, Proposed | Reported | Restarted | Ended | Tracked):
            trial = self._changed(event)
            self._trials[trial.number] = trial
        match event:
            case Proposed():
                self._protected |= {event.trial} if event.protected else set()
                self._ended_between.append([])
            case Ended():
                self._ended_between[-1].append(event.trial)
            case Checkpointed():
                self._checkpoints[event.trial] = (event.epoch, event.uri)
            case Steered():
                self._steered.append(event)
                self._steering_ids.add(event.id)
            case Started():
                if self._sessions and extends(event, self._sessions[-1]):
                    self._steered = [command for command in self._steered if command.command != FINISH]
                self._sessions.append(event)
                self._finished = None
            case ParentRun():
                self._parent_run_id = event.run_id
            case TestOpened():
                self._test_openings.append(event.time)
            case Finished():
                self._finished = event
        self._clock.take(event)

    def _changed(self, event: Proposed | Reported | Restarted | Ended | Tracked) -> TrialRecord:
        """Return the trial after an event."""
        if isinstance(event, Proposed):
            return TrialRecord(
                number=int(event.trial),
                params=event.params,
                config=event.config,
                seed=event.seed,
                max_epochs=event.max_epochs,
                status=TrialStatus.RUNNING,
                started=event.time,
            )
        trial = self._trials[event.trial]
        match event:
            case Reported():
                return trial.with_epochs(Epoch.from_row(row) for row in event.rows)
            case Restarted():
                longest = max(self._longest.get(trial.number, ()), trial.epochs, key=len)
                self._longest[trial.number] = longest
                return replace(trial, epochs=tuple(e for e in trial.epochs if e.epoch <= event.epoch))
            case Ended():
                return replace(
                    trial,
                    status=TrialStatus(event.status),
                    epochs=tuple(e for e in trial.epochs if e.epoch <= event.epochs),
                    ended=event.time,
                    error=event.error,
                    worker=event.worker,
                )
            case Tracked():
                return replace(trial, run_id=event.run_id)

    def frozen(self) -> Replay:
        """Return the state, once all events are taken."""
        self._clock.stop()
        return Replay(
            trials=tuple(self.trials),
            checkpoints=self._checkpoints,
            longest=self._longest,
            protected=frozenset(self._protected),
            ended_between=tuple(map(tuple, self._ended_between)),
            steered=tuple(self._steered),
            steering_ids=frozenset(self._steering_ids),
            sessions=tuple(self._sessions),
            parent_run_id=self._parent_run_id,
            test_openings=tuple(self._test_openings),
            finished=self._finished,
            wall_seconds=self._clock.wall,
            fit_seconds=self._clock.fit,
        )


class _Clock:
    """Adds up the time of sessions; a killed one lasted until its last event, as far as anybody knows."""

    def __init__(self) -> None:
        self.wall = self.fit = 0.0
        self._session: list[float] = []
        self._search: list[float] = []

    def take(self, event: Event) -> None:
        if isinstance(event, Started):
            self.stop()
        if isinstance(event, Proposed | Ended | Started | TestOpened | Finished):
            self._session.append(float(event.time))
            if isinstance(event, Proposed | Ended):
                self._search.append(float(event.time))

    def stop(self) -> None:
        self.wall += max(self._session, default=0.0) - min(self._session, default=0.0)
        self.fit += max(self._search, default=0.0) - min(self._search, default=0.0)
        self._session, self._search = [], []
