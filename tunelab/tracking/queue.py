"""Delivers trials to the tracking store from a thread of its own, so that a slow or absent store never stops training.

MLflow loads when there is something to write: that takes seconds. The journal is the spool: what is not marked as
tracked there is delivered later, in order, and nothing twice.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from search_spaces.errors import UserError, describe_error
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.events import Tracked
from tunelab.search.journal import Journal
from tunelab.system.errors import DiskFull, StoreAway

if TYPE_CHECKING:
    from tunelab.records.tracking_store import TrackingStore

PATIENCE_SECONDS = 60.0  # at the end, for a store that does not answer
T = TypeVar("T")
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)  # between attempts while the store is away; the last one repeats
LIVE_SECONDS = (
    10.0  # a trial that runs longer appears in the store before it ends, and is brought up to date this often
)


class Outcome(Enum):
    """What became of one attempt to write, or of many."""

    DONE = "done"
    REFUSED = "refused"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Delivery:
    """What became of tracking.

    Attributes:
        run_ids: by trial number, of the trials that are in the store.
        undelivered: how many are not.
        error: why, one line.
        seconds: time that the store took.
    """

    run_ids: dict[int, str]
    undelivered: int
    error: str
    seconds: float


class TrackingQueue:
    """Writes trials to a store as they end.

    Args:
        begin: gives an open store and the sweep with its parent run id; may be called again when it has failed.
        journal: where deliveries are noted.
        earlier: trials of an interrupted sweep; those not delivered yet are.
    """

    def __init__(
        self,
        begin: Callable[[], tuple[TrackingStore, SweepResult]],
        journal: Journal,
        earlier: Sequence[TrialRecord] = (),
    ) -> None:
        self._begin = begin
        self._journal = journal
        self._run_ids = {t.number: t.run_id for t in earlier if t.run_id}  # delivered whole
        self._known: dict[int, str] = {}  # runs that exist but are not whole
        self._must_look = bool(earlier)  # runs may exist that nothing here knows of
        self._experiment = ""
        self._live: dict[int, float] = {}
        self._cut: set[int] = set()  # trials that continue when the sweep is resumed
        self._error = ""
        self._refused: dict[int, str] = {}  # what the store does not take, however often it is tried
        self._seconds = 0.0
        ended = [t for t in earlier if not t.run_id and t.status != TrialStatus.RUNNING]
        self._pending: deque[TrialRecord] = deque(ended)
        self._changed = threading.Condition()
        self._closing = False
        self._giving_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)

    def start(self) -> None:
        """Begin to write; before that, trials are queued as well."""
        self._thread.start()

    def ended(self, trial: TrialRecord) -> None:
        """Take up a trial that ended."""
        self._put(trial)

    def cut(self, trial: TrialRecord) -> None:
        """Take up a trial that the session's end cut short: it continues when the sweep is resumed."""
        self._cut.add(trial.number)
        self._put(trial)

    def progress(self, trial: TrialRecord) -> None:
        """Take up a running trial with new epochs; it is written every few seconds."""
        now = time.monotonic()
        if now - self._live.setdefault(trial.number, now) > LIVE_SECONDS:
            self._live[trial.number] = now
            self._put(trial)

    def finish(self, patience: float) -> Delivery:
        """Deliver what is left; give up after ``patience`` seconds of a store that does not answer."""
        if self._thread.ident is None and patience:
            self.start()
        with self._changed:
            self._closing = True
            self._changed.notify()
        silent_since = time.monotonic()
        while self._thread.is_alive():
            self._thread.join(0.05)
            if not self._error:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > patience:
                self._giving_up.set()
        left = {t.number for t in self._pending if t.status != TrialStatus.RUNNING} | set(self._refused)
        error = next(iter(self._refused.values()), self._error)
        return Delivery(dict(self._run_ids), len(left), error, self._seconds)

    def _put(self, trial: TrialRecord) -> None:
        with self._changed:
            self._pending.append(trial)
            self._changed.notify()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as problem:  # noqa: BLE001 `finish` tells of it, and what was not written is delivered later
            self._error = describe_error(problem, whole=False)

    def _work(self) -> None:
        if self._persist(self._open) is not Outcome.DONE:
            return
        while True:
            with self._changed:
                while not self._pending and not self._closing:
                    self._changed.wait()
                if not self._pending:
                    return
                trial = self._pending[0]
            outcome = self._persist(partial(self._write, trial))
            if outcome is Outcome.GIVEN_UP:
                return
            if outcome is Outcome.REFUSED:
                self._refused[trial.number] = self._error
            with self._changed:
                self._pending.popleft()

    def _open(self) -> None:
        self._store, self._parent = self._begin()

    def _persist(self, act: Callable[[], None]) -> Outcome:
        """Do something with the store, however long it is away."""
        from tunelab.tracking.store import STORE_ERRORS, in_brief, is_refused

        for attempt in itertools.count():
            began = time.monotonic()
            try:
                act()
            except (DiskFull, UserError) as error:
                self._error = str(error)
                return Outcome.GIVEN_UP
            except STORE_ERRORS as error:
                self._error = in_brief(error)
                if is_refused(error):
                    return Outcome.REFUSED
                self._must_look = True  # the run may have been created before the store went away
            else:
                self._error = ""
                return Outcome.DONE
            finally:
                self._seconds += time.monotonic() - began
            if self._giving_up.wait(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]):
                return Outcome.GIVEN_UP
        raise AssertionError("unreachable")

    def _write(self, trial: TrialRecord) -> None:
        if not self._experiment:
            self._experiment = self._store.experiment_of(self._parent.parent_run_id)
        if self._must_look:
            runs = self._store.children(self._parent.parent_run_id)
            self._known |= {n: run.info.run_id for n, run in runs.items() if n not in self._run_ids}
            self._must_look = False
        run_id = self._store.log_trial(self._experiment, self._parent, trial, self._known.get(trial.number))
        self._known[trial.number] = run_id
        if trial.status == TrialStatus.RUNNING:
            return
        self._run_ids[trial.number] = run_id
        if trial.number not in self._cut:
            self._journal.append(Tracked(trial.number, run_id))


def retry_while_unavailable(act: Callable[[], T], result: SweepResult, patience: float = PATIENCE_SECONDS) -> T:
    """Do something with the store that may be repeated, until it succeeds.

    Raises:
        StoreAway: the store has not answered for ``patience`` seconds.
        MlflowException: the store refuses what it is given.
    """
    from tunelab.tracking.store import STORE_ERRORS, in_brief, is_refused

    began = time.monotonic()
    for attempt in itertools.count():
        try:
            return act()
        except STORE_ERRORS as error:
            if is_refused(error):
                raise
            if time.monotonic() - began >= patience:
                raise StoreAway(
                    f"The store {result.tracking_uri} does not answer ({in_brief(error)}). Nothing is lost: "
                    f"`tunelab resume {result.name}` brings it up to date when it does."
                ) from error
            time.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
    raise AssertionError("unreachable")
