"""The search of a sweep: trials run, display and tracking look on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from trainables.base.worker.assignment import TrialReport
from tunelab.display.display import Display
from tunelab.launch.tuner import run_trials
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.controller import SearchController
from tunelab.search.factory import make_compute, make_controller
from tunelab.search.limits import SearchLimits, Stop
from tunelab.search.sampling.samplers import resume_note
from tunelab.sweep.beginning import BegunSweep
from tunelab.sweep.loading import LoadingAhead
from tunelab.sweep.outcome import Outcome
from tunelab.sweep.preparation import PreparedSweep
from tunelab.sweep.printed import PrintedFiles
from tunelab.sweep.tracking import SweepTracking
from tunelab.system.errors import DiskFull
from tunelab.system.signals import Interruptions
from tunelab.tracking.queue import TrackingQueue
from tunelab.tracking.uri import folder_note


def search(
    begun: BegunSweep,
    tracking: SweepTracking,
    loading: LoadingAhead,
    interruptions: Interruptions,
    display: Display,
) -> Outcome:
    """Run the trials and have them delivered to the store.

    Args:
        begun: The sweep.
        tracking: Of the sweep.
        loading: Started with the first report.
        interruptions: A first signal ends the search.
        display: Shows what begins, and the trials.

    Returns:
        The result with all trials, and an exception that the search did not expect.
    """
    prepared = begun.prepared
    _show_beginning(prepared, display)
    queue = tracking.make_queue(begun.journal, begun.earlier.trials if begun.earlier is not None else ())
    controller = _make_controller(begun, queue)
    if not controller.state.study.is_as_before:
        display.step(
            f"--sampler {prepared.resolved.spec.sampler} proposes other configurations than before the "
            "interruption: the sweep continues from its trials, and not as it would have"
        )
    printed = PrintedFiles(prepared.resolved.folder, display.step)
    watched = WatchedSearch(controller, display, queue, printed, loading.start)
    began = time.time()
    with interruptions.answered_by(lambda: controller.stop(Stop.INTERRUPTED)):
        problem = _run(watched, controller, prepared, display)
        cut = [record.number for record in controller.records if record.status == TrialStatus.RUNNING]
        result = _finish(begun.result, controller, display, time.time() - began)
        for number in cut:
            begun.weights.rank(result.trials[number])
        result = tracking.deliver(result, queue, cut)
    if controller.stopped is not None:  # also when a signal came while the store was waited for
        result = replace(result, stopped=controller.stopped.value)
    return Outcome(result, problem)


def _show_beginning(prepared: PreparedSweep, display: Display) -> None:
    resolved = prepared.resolved
    for note in (resume_note(resolved.spec.sampler), folder_note(str(resolved.spec.tracking_uri))):
        if note:
            display.step(note)
    display.started(resolved.spec, resolved.task, prepared.splits, prepared.concurrency)


def _run(
    watched: WatchedSearch, controller: SearchController, prepared: PreparedSweep, display: Display
) -> Exception | None:
    """Run the trials; return an exception that was not expected: trials that ended are kept, and it is raised later."""
    task, data = prepared.resolved.task, prepared.splits.training
    try:
        run_trials(watched, task, data, prepared.resources, prepared.concurrency)
    except DiskFull as full:
        controller.stop(Stop.DISK)
        display.step(str(full))
    except Exception as unexpected:  # noqa: BLE001 raised again at the end
        controller.stop(Stop.FAILED)
        return unexpected
    return None


def _finish(result: SweepResult, controller: SearchController, display: Display, seconds: float) -> SweepResult:
    """End the trials that still run, and add what the search gave to the result.

    Args:
        result: As it was before the search.
        controller: The search.
        display: Shows the trials.
        seconds: The search took.
    """
    trials = controller.finish()
    display.progress(list(trials))
    return replace(
        result,
        trials=trials,
        fit_seconds=result.fit_seconds + seconds,
        idle_seconds=controller.idle_seconds,
        stopped=controller.stopped.value if controller.stopped is not None else result.stopped,
    )


def _make_controller(begun: BegunSweep, queue: TrackingQueue | None) -> SearchController:
    prepared = begun.prepared

    def on_trial_end(trial: TrialRecord) -> None:
        begun.weights.ended(trial)
        if queue is not None:
            queue.ended(trial)

    spec = prepared.resolved.spec
    limits = SearchLimits(
        trials=spec.trials,
        max_epochs=spec.max_epochs,
        concurrency=prepared.concurrency,
        deadline=math.inf if spec.time_budget is None else time.time() + spec.time_budget,
        retries=spec.retries,
        compute=make_compute(spec),
        storage=prepared.resolved.storage,
    )
    return make_controller(
        spec,
        prepared.resolved.task,
        prepared.resolved.space,
        begun.journal,
        limits,
        warm_start=prepared.resolved.warm_start,
        restored=begun.earlier,
        on_trial_end=on_trial_end,
    )


class WatchedSearch:
    """A controller as a ``TrialSource`` that display and tracking look at after each report.

    Args:
        controller: Takes the reports.
        display: Shows the trials.
        queue: Delivers the trials, from the first report on; None when tracking is off.
        printed: Keeps what trials print.
        on_first_report: Called once.
    """

    def __init__(
        self,
        controller: SearchController,
        display: Display,
        queue: TrackingQueue | None,
        printed: PrintedFiles,
        on_first_report: Callable[[], None],
    ) -> None:
        self._controller = controller
        self._display = display
        self._queue = queue
        self._printed = printed
        self._on_first_report = on_first_report
        self._has_begun = False
        self.next_assignment = controller.next_assignment
        self.silent_since = controller.silent_since

    def on_report(self, number: int, report: TrialReport) -> bool:
        """Pass a report on, and show what came of it."""
        if not self._has_begun:
            self._has_begun = True
            self._on_first_report()
            if self._queue is not None:
                self._queue.start()
        self._printed.add(number, report.printed)
        should_continue = self._controller.on_report(number, report)
        record = self._controller.records[number]
        if self._queue is not None and record.status == TrialStatus.RUNNING:
            self._queue.progress(record)
        self._display.progress(self._controller.records)
        return should_continue

    def on_crash(self, number: int, error: str) -> None:
        """Pass a worker's death on, and show what came of it."""
        self._controller.on_crash(number, error)
        self._display.progress(self._controller.records)

    @property
    def halted(self) -> bool:
        """True if running trials must end now."""
        return self._controller.halted
