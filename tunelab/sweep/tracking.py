"""The tracking of one sweep: its store, opened early or late, and its parent run, which always gets an end."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from trainables.base.functions.task import FunctionTask
from tunelab.confirmation.confirm import log_confirmation
from tunelab.confirmation.front import log_front
from tunelab.display.display import Display
from tunelab.records.result import SweepResult
from tunelab.records.spec import OFF
from tunelab.records.tracking_store import NullStore, TrackingStore
from tunelab.records.trial import TrialRecord
from tunelab.search.events import ParentRun
from tunelab.search.journal import Journal
from tunelab.search.limits import Stop
from tunelab.search.replay import Replay
from tunelab.setup.resolved import ResolvedSweep
from tunelab.system.errors import StoreAway, SweepFailed
from tunelab.tracking.queue import PATIENCE_SECONDS, TrackingQueue, retry_while_unavailable
from tunelab.tracking.uri import is_new, scheme_of

FUNCTION_FILE = "function.json"  # artifact of a sweep of a user's function
UNREACHABLE = (Stop.DISK.value, Stop.STORE.value)  # ends of a sweep after which waiting for the store is in vain


class SweepTracking:
    """Writes one sweep to the tracking store; does nothing where tracking is off.

    Args:
        resolved: The sweep.
        display: Shows what could not be written.

    Attributes:
        store: The open store; one that keeps nothing when tracking is off, or while it is not open yet.
        is_on: False when the sweep is not tracked.
        opens_late: True if the search need not wait for the store: without a store or a journal there is nothing to
            check in them.
    """

    def __init__(self, resolved: ResolvedSweep, display: Display) -> None:
        self.store: TrackingStore = NullStore()
        self._task = resolved.task
        self._uri = resolved.spec.tracking_uri
        self.is_on = self._uri != OFF
        self.opens_late = self.is_on and is_new(self._uri) and not resolved.folder.exists()
        self._display = display
        self._parent_run_id = self._known_parent = ""
        self._parent_noted = False
        self._begin: Callable[[], tuple[TrackingStore, SweepResult]]

    @property
    def is_remote(self) -> bool:
        """True if the store is not a file of this machine: it may not answer."""
        return scheme_of(self._uri) != "sqlite"

    def open(self) -> None:
        """Open the store, unless it is open or tracking is off."""
        if not self.store.keeps and self.is_on:
            self.store = self._connect()

    def restore(self, earlier: Replay | None) -> Replay | None:
        """Restore what was deleted in the store of a sweep that continues, and say so.

        Args:
            earlier: What its sessions before left, as the journal has it.

        Returns:
            The same as far as the store still has it: without the parent run, or the runs of trials, that are gone.
        """
        if earlier is None or not earlier.parent_run_id or not self.store.keeps:
            return earlier
        is_there = self.store.restore_sweep(earlier.parent_run_id, self._display.step)
        runs = self.store.children(earlier.parent_run_id) if is_there else {}
        self._known_parent = earlier.parent_run_id if is_there else ""
        trials = tuple(trial if trial.number in runs else replace(trial, run_id="") for trial in earlier.trials)
        return replace(earlier, trials=trials, parent_run_id=self._known_parent)

    def begin(self, result: SweepResult, key: str, journal: Journal) -> SweepResult:
        """Give the sweep its parent run: now, or with the first trial where the store opens late.

        Args:
            result: Of the sweep, without trials.
            key: Marks the parent run.
            journal: Notes it.

        Returns:
            The result, with the parent run's id where it is known.
        """
        self._begin = partial(self._take_up_parent, result, key, journal)
        return retry_while_unavailable(self._begin, result)[1] if self.store.keeps else result

    def make_queue(self, journal: Journal, earlier: Sequence[TrialRecord]) -> TrackingQueue | None:
        """Return the queue that delivers trials; None when tracking is off.

        Args:
            journal: Notes what is delivered.
            earlier: Trials of earlier sessions.
        """
        return TrackingQueue(self._begin, journal, earlier) if self.is_on else None

    def deliver(self, result: SweepResult, queue: TrackingQueue | None, cut: Collection[int]) -> SweepResult:
        """Wait for tracking to catch up, except after a full disk; return the result with the trials' run ids.

        Args:
            result: Of the search.
            queue: Delivers the trials; None when tracking is off.
            cut: Numbers of the trials that the end of the search cut short.
        """
        if queue is None:
            return result
        for trial in result.trials:
            if trial.number in cut:
                queue.cut(trial)
        delivery = queue.finish(0.0 if result.stopped == Stop.DISK.value else PATIENCE_SECONDS)
        if delivery.undelivered:
            self._display.step(
                f"Trials not written to {result.tracking_uri}: {delivery.undelivered} ({delivery.error}). "
                f"They are safe in the journal: `tunelab resume {result.name}` delivers them."
            )
            result = replace(result, stopped=result.stopped or Stop.STORE.value)
        trials = tuple(replace(t, run_id=delivery.run_ids.get(t.number, "")) for t in result.trials)
        return replace(result, trials=trials, parent_run_id=self._parent_run_id)

    def log_confirmation(self, result: SweepResult) -> None:
        """Write the confirmation's scores to the runs of the confirmed trials, and mark those on the Pareto front."""
        if result.confirmation is not None and self.store.keeps:
            retry_while_unavailable(lambda: log_confirmation(result, self.store), result)
        if result.front is not None and self.store.keeps:
            retry_while_unavailable(lambda: log_front(result, self.store), result)

    def write(self, result: SweepResult, *, resumed: bool) -> SweepResult:
        """Write the result and its report, and end the parent run.

        Args:
            result: What the sweep has come to.
            resumed: True if an earlier session may have left runs open.

        Returns:
            The result; stopped where the store did not answer for too long.
        """
        if not self.store.keeps:
            return result
        try:
            write = partial(self._write, result, resumed)
            retry_while_unavailable(write, result, 0.0 if result.stopped in UNREACHABLE else PATIENCE_SECONDS)
        except StoreAway as problem:
            self._display.step(str(problem))
            return replace(result, stopped=result.stopped or Stop.STORE.value)
        return result

    def mark_failed(self, run_id: str, error_file: Path) -> None:
        """End the parent run as failed, with a traceback among its artifacts, as far as the store answers."""
        with self._ignoring_the_store():  # the file is there in any case
            self.store.log_files(run_id, error_file)
            self.store.end_sweep(run_id, "FAILED")

    @contextmanager
    def ended_in_any_case(self) -> Iterator[None]:
        """Give the parent run an end if the block raises before it has one."""
        try:
            yield
        except SweepFailed:
            raise
        except BaseException as problem:
            if self._parent_run_id:
                with self._ignoring_the_store():  # what was raised first matters more
                    status = "KILLED" if isinstance(problem, KeyboardInterrupt) else "FAILED"
                    self.store.end_sweep(self._parent_run_id, status)
            raise

    def _connect(self) -> TrackingStore:
        from tunelab.tracking.store import Store  # loads MLflow

        return Store(self._uri)

    def _take_up_parent(self, result: SweepResult, key: str, journal: Journal) -> tuple[TrackingStore, SweepResult]:
        """Return the open store, and the result with its parent run's id, new or that of an interrupted sweep."""
        store = self.store if self.store.keeps else self._connect()
        if not self._parent_run_id:
            self._parent_run_id = store.start_sweep(result, key, self._display.step, self._known_parent)
            self._log_function(store)
        self.store = store  # from here on the run can be given an end, whatever comes
        if not self._parent_noted:
            journal.append(ParentRun(self._parent_run_id))
            self._parent_noted = True
        return store, replace(result, parent_run_id=self._parent_run_id)

    def _log_function(self, store: TrackingStore) -> None:
        """Keep the source of a user's function, the values that it uses and its packages, so that it can be found."""
        if isinstance(self._task, FunctionTask):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / FUNCTION_FILE
                source = asdict(self._task.source)
                path.write_text(json.dumps(source, ensure_ascii=False, indent=1), encoding="utf-8")
                store.log_files(self._parent_run_id, path)

    def _write(self, result: SweepResult, resumed: bool) -> None:
        from tunelab.report.report import log_report

        self.store.log_sweep(result)
        if resumed:
            self.store.settle(result)
        if result.ranked():
            log_report(self.store, result)
        status = "FAILED" if result.stopped == Stop.FAILED.value else "FINISHED" if result.ended_as_asked else "KILLED"
        self.store.end_sweep(result.parent_run_id, status)

    @contextmanager
    def _ignoring_the_store(self) -> Iterator[None]:
        if not self.store.keeps:  # without MLflow, which would load
            yield
            return
        from tunelab.tracking.store import STORE_ERRORS

        with suppress(*STORE_ERRORS):
            yield
