"""A sweep from plan to result: the steps in order, each of which lives in a module of its own."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from threading import Thread
from typing import Any

from search_spaces.errors import bounded_text, describe_error
from trainables import Splits, is_shipped, load_data
from tunelab.confirmation.audit import audit
from tunelab.confirmation.confirm import confirm, confirm_count, log_confirmation
from tunelab.display.display import Display, Silent, WhileSeen
from tunelab.evaluation.ensemble import kept_trials
from tunelab.evaluation.weights import LeadingWeights
from tunelab.figures.worker import FigureProcess
from tunelab.launch.resources import Resources, check_storage, slots
from tunelab.launch.session import import_tune, ray_running
from tunelab.launch.tuner import run_trials
from tunelab.records.best import Best
from tunelab.records.data import DataDescription
from tunelab.records.result import SweepResult
from tunelab.records.spec import OFF, SweepSpec, public_spec
from tunelab.records.tracking_store import NullStore
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.asha import Rungs, rung_levels
from tunelab.search.controller import SearchController, SearchLimits, Stop
from tunelab.search.journal import Journal, Replay, read_events, replay
from tunelab.search.study import StudySampler
from tunelab.setup.fingerprint import check_same, identity
from tunelab.setup.named_files import named_files, named_places
from tunelab.setup.resolve import (
    CONFIRMATION,
    ERROR_FILE,
    KEEP_WEIGHTS,
    ResolvedSweep,
    compute_of,
    make_folder,
    resolve_sweep,
    with_gpus,
)
from tunelab.system.environment import Environment
from tunelab.system.errors import DiskFull, StoreAway, SweepFailed
from tunelab.system.redaction import without_secrets
from tunelab.system.signals import Interruptions
from tunelab.system.trust import remember
from tunelab.tracking.queue import PATIENCE_SECONDS, TrackingQueue, retry_while_unavailable
from tunelab.tracking.uri import is_new, scheme_of

NOT_EVALUATED = (Stop.INTERRUPTED.value, Stop.DISK.value, Stop.STORE.value, Stop.FAILED.value)
MAX_TRACE = 100_000  # characters of a traceback in ``ERROR_FILE``
STOPS = {KeyboardInterrupt: Stop.INTERRUPTED, DiskFull: Stop.DISK, StoreAway: Stop.STORE}
HISTORY_WINDOW = 8  # deterministic mode: a proposal knows all of the trials this many times the concurrency before it

# What the end of a sweep needs, which takes seconds to load: as long as workers train, nobody waits for it.
AT_THE_END = ("tunelab.evaluation.evaluate",)
AT_THE_END_OF_A_TRACKED_SWEEP = (*AT_THE_END, "skops.io", "tunelab.report.report")


def run_sweep(spec: SweepSpec, display: Display | None = None) -> SweepResult:
    """Runs a sweep, or goes on with the interrupted one of the same name.

    Raises:
        UserError: bad input, before anything is written.
        SweepFailed: something raised that nobody expected; trials that ended are kept, and the sweep can be resumed.
    """
    began = time.time()
    plan = resolve_sweep(spec)
    return Sweep(plan, WhileSeen(display or Silent()), began).run()


class Sweep:
    """One run of a plan. Each method is a step; ``run`` is their order."""

    def __init__(self, plan: ResolvedSweep, display: Display, began: float) -> None:
        self._plan = plan
        self._spec = plan.spec
        self._task = plan.task
        self._display = display
        self._began = began
        self._interruptions = Interruptions()
        self._tracks = plan.spec.tracking_uri != OFF
        # where no store and no journal are, there is nothing to check in them: the search need not wait for MLflow
        self._opens_late = self._tracks and is_new(str(plan.spec.tracking_uri)) and not plan.folder.exists()
        self._store: Any = None  # when tracking is off, or it opens late
        self._parent_run_id, self._parent_noted = "", False
        self._begin_tracking: Callable[[], tuple[Any, SweepResult]]
        self._figure_process = FigureProcess()
        self._problem: Exception | None = None  # what nobody expected
        self._loading = Thread(target=self._load_ahead, name="loading", daemon=True)

    def run(self) -> SweepResult:
        """Raises ``KeyboardInterrupt`` when a signal comes before the search has begun."""
        with self._interruptions.raised(), closing(self._figure_process):
            return self._run()

    def _run(self) -> SweepResult:
        spec = self._spec
        if scheme_of(str(spec.tracking_uri)) != "sqlite":  # a server that does not answer: nothing is written
            self._store = self._open_store()
        # the code of a user's own task may fail: then too
        own = None if is_shipped(self._task) else load_data(self._task, spec.split_seed)
        make_folder(self._plan.home)
        self._display.step(f"{spec.name}: starting Ray, loading {self._task.facts.name}")
        with ThreadPoolExecutor(3) as pool:  # they wait more than they compute, while Ray starts
            loads: list[Future[Any]] = []

            def load() -> None:
                loads.append(pool.submit(lambda: own or load_data(self._task, spec.split_seed)))
                loads.append(pool.submit(import_tune))
                if not self._opens_late:
                    loads.append(pool.submit(self._open_store))

            with ray_running(spec.address, spec.concurrency, load) as cluster:
                try:
                    self._spec, resources = with_gpus(spec, cluster, self._task)
                    check_storage(spec.storage)
                    room = slots(cluster, resources)
                    splits, _, *opened = [load.result() for load in loads]
                finally:  # interrupted: what still loads ends first, for Ray does not end well beside it
                    wait(loads)
                self._store = next(iter(opened), None)
                concurrency = min(spec.concurrency or room, room)
                if concurrency < (spec.concurrency or 0):
                    self._display.step(f"--concurrency {spec.concurrency}: only {room} trials fit at once here")
                return self._search(splits, resources, concurrency)

    def _open_store(self) -> Any:
        if self._store is not None or not self._tracks:
            return self._store
        from tunelab.tracking.store import Store

        return Store(str(self._spec.tracking_uri))

    def _search(self, splits: Splits, resources: Resources, concurrency: int) -> SweepResult:
        earlier = self._earlier(splits)
        if earlier is None and self._store is not None:
            self._store.check_new_name(self._task.facts.name, self._spec.name)
        make_folder(self._plan.folder)
        with closing(Journal(self._plan.folder)) as journal:
            earlier = self._earlier(splits)  # once more, now that no other process writes
            if earlier is not None and self._is_complete(earlier):
                self._display.step(f"{self._spec.name} is finished; `tunelab resume` with --trials extends it")
                return self._stored(earlier)
            result = self._start(splits, journal, earlier, concurrency)
            with self._not_left_running():
                weights = self._make_weights(earlier)
                result = self._fit(result, splits, journal, earlier, weights, resources)
                with self._interruptions.raised():
                    result = self._conclude(result, splits, journal, weights, resources)
                return self._end(result, journal, weights, resumed=earlier is not None)

    def _start(self, splits: Splits, journal: Journal, earlier: Replay | None, concurrency: int) -> SweepResult:
        """Notes in the journal what begins, and takes up the parent run."""
        result = self._empty_result(splits, concurrency)
        key = token_hex(16)
        if earlier is not None:
            first = next(note for note in earlier.notes if note["event"] == "started")
            times = [note["time"] for note in earlier.notes if note["event"] == "test opened"]
            result = replace(
                result,
                started=first["time"],
                test_openings=tuple(times),
                wall_seconds=earlier.wall_seconds,
                fit_seconds=earlier.fit_seconds,
            )
            key = first["key"]
        journal.note(
            "started",
            **identity(self._spec, splits.training.digest, self._plan.space),
            key=key,
            time=self._began,
            folder=str(Path.cwd()),
            concurrency=concurrency,
        )
        named = public_spec(self._spec).to_json()
        remember([*named_files(named, Path.cwd()), *named_places(named)])
        self._begin_tracking = partial(self._take_up_parent, result, key, journal)
        if self._store is not None:
            result = retry_while_unavailable(self._begin_tracking, result)[1]
        self._display.started(self._spec, self._task, splits, concurrency)
        return result

    def _take_up_parent(self, result: SweepResult, key: str, journal: Journal) -> tuple[Any, SweepResult]:
        """The open store, and the result with its parent run's id, which is new or that of an interrupted sweep."""
        store = self._open_store()
        if not self._parent_run_id:
            self._parent_run_id = store.start_sweep(result, key)
        self._store = store  # from here on the run can be given an end, whatever comes
        if not self._parent_noted:
            journal.note("parent", run_id=self._parent_run_id)
            self._parent_noted = True
        return store, replace(result, parent_run_id=self._parent_run_id)

    def _fit(
        self,
        result: SweepResult,
        splits: Splits,
        journal: Journal,
        earlier: Replay | None,
        weights: LeadingWeights,
        resources: Resources,
    ) -> SweepResult:
        """Runs the trials and has them delivered."""
        writer = self._make_writer(journal, earlier)

        def on_trial_end(trial: TrialRecord) -> None:
            weights.ended(trial)
            if writer is not None:
                writer.ended(trial)

        controller = self._make_controller(journal, earlier, result.concurrency, on_trial_end)

        def on_first() -> None:
            self._loading.start()
            if writer is not None:
                writer.start()

        watched = Watched(controller, self._display, writer, on_first)
        began = time.time()
        with self._interruptions.answered_by(lambda: controller.stop(Stop.INTERRUPTED)):
            try:
                run_trials(watched, self._task, splits.training, resources, result.concurrency)
            except DiskFull as problem:
                controller.stop(Stop.DISK)
                self._display.step(str(problem))
            except Exception as problem:  # noqa: BLE001 trials that ended are kept; raised again at the end
                controller.stop(Stop.FAILED)
                self._problem = problem
            trials = controller.finish()
            self._display.progress(list(trials))
            result = replace(
                result,
                trials=trials,
                fit_seconds=result.fit_seconds + time.time() - began,
                idle_seconds=controller.idle_seconds,
            )
            hopeless = controller.stopped is Stop.DISK
            result = self._deliver(result, writer, hopeless=hopeless)
        return replace(result, stopped=controller.stopped.value if controller.stopped else result.stopped)

    def _conclude(
        self,
        result: SweepResult,
        splits: Splits,
        journal: Journal,
        weights: LeadingWeights,
        resources: Resources,
    ) -> SweepResult:
        """Confirms and evaluates the winner, unless the search was cut short."""
        if not result.ranked():
            return result
        result = replace(
            result, best=Best.from_trial(result.ranked()[0])
        )  # what there is to say when this is cut short
        if result.stopped in NOT_EVALUATED:
            return result
        opened: list[float] = []

        def on_open(moment: float) -> None:
            journal.note("test opened", time=moment)
            opened.append(moment)

        try:
            if self._loading.is_alive():  # imports change the filters of warnings, on which the end relies
                self._loading.join()
            from tunelab.evaluation.evaluate import evaluate  # loads torch and scikit-learn: not before training

            result = self._confirm(result, splits, resources)
            return evaluate(
                result,
                self._task,
                splits,
                weights,
                self._store or NullStore(),
                self._figure_process,
                self._display.step,
                on_open,
            )
        except (KeyboardInterrupt, DiskFull, StoreAway) as problem:
            self._display.step(str(problem))
            stopped = STOPS[type(problem)]
        except Exception as problem:  # noqa: BLE001 the trials are kept; raised again at the end
            self._problem, stopped = problem, Stop.FAILED
        return replace(result, stopped=stopped.value, test_openings=(*result.test_openings, *opened))

    def _end(self, result: SweepResult, journal: Journal, weights: LeadingWeights, *, resumed: bool) -> SweepResult:
        """Writes the result to the store and notes the end; raises ``SweepFailed`` for what nobody expected."""
        result = replace(result, wall_seconds=result.wall_seconds + time.time() - self._began)
        with self._interruptions.answered_by(lambda: None):  # a first signal now changes nothing; a second ends it
            try:
                result = self._write_result(result, resumed=resumed)
            except Exception as problem:  # noqa: BLE001 as in the search
                self._problem = self._problem or problem
                result = replace(result, stopped=Stop.FAILED.value)
        try:
            journal.note("finished", stopped=result.stopped, time=time.time())
        except DiskFull as problem:
            self._display.step(str(problem))
        if self._problem is not None:
            raise self._failed(result, self._problem) from self._problem
        if not result.stopped:
            weights.remove()
        return result

    # The parts of a search.

    @contextmanager
    def _not_left_running(self) -> Iterator[None]:
        """Gives the parent run an end when the block raises before it has one."""
        try:
            yield
        except SweepFailed:
            raise
        except BaseException as problem:
            if self._store is not None:
                from tunelab.tracking.store import STORE_ERRORS

                status = "KILLED" if isinstance(problem, KeyboardInterrupt) else "FAILED"
                with suppress(*STORE_ERRORS):  # what was raised first matters more
                    self._store.end_sweep(self._parent_run_id, status)
            raise

    def _failed(self, result: SweepResult, problem: Exception) -> SweepFailed:
        """The exception that tells of another one, whose traceback is kept beside the journal and in the store."""
        trace = without_secrets(bounded_text("".join(traceback.format_exception(problem)), MAX_TRACE))
        path = self._plan.folder / ERROR_FILE
        path.write_text(trace, encoding="utf-8")
        if self._store is not None:
            from tunelab.tracking.store import STORE_ERRORS

            with suppress(*STORE_ERRORS):  # the file is there in any case
                self._store.log_files(result.parent_run_id, path)
                self._store.end_sweep(result.parent_run_id, "FAILED")
        return SweepFailed(
            f"{describe_error(problem, whole=False)}. Trials that ended are kept, the traceback is in '{path}'; "
            f"`tunelab resume {result.name}` goes on when it is mended."
        )

    def _confirm(self, result: SweepResult, splits: Splits, resources: Resources) -> SweepResult:
        """Trains the best trials on fresh seeds and some stopped ones to their end, as far as asked for."""
        spec, say = self._spec, self._display.step
        top = confirm_count(result, self._task, spec.confirm_top, spec.confirm_seeds)
        if top:
            storage = f"{self._plan.storage}/{CONFIRMATION}"
            found = confirm(
                result, self._task, splits, resources, top=top, seeds=spec.confirm_seeds, storage=storage, log=say
            )
            result = replace(result, confirmation=found)
        if spec.audit:
            result = replace(result, audit=audit(result, self._task, splits, resources, count=spec.audit, log=say))
        if result.confirmation is not None and self._store is not None:
            retry_while_unavailable(lambda: log_confirmation(result, self._store), result)
        return result

    def _write_result(self, result: SweepResult, *, resumed: bool) -> SweepResult:
        if self._store is None:
            return result
        from tunelab.report.report import log_report

        def write() -> None:
            self._store.log_sweep(result)
            if resumed:
                self._store.settle(result)
            if result.ranked():
                log_report(self._store, result)
            status = (
                "FAILED" if result.stopped == Stop.FAILED.value else "FINISHED" if result.ended_as_asked else "KILLED"
            )
            self._store.end_sweep(result.parent_run_id, status)

        hopeless = result.stopped in (Stop.DISK.value, Stop.STORE.value)
        try:
            retry_while_unavailable(write, result, 0.0 if hopeless else PATIENCE_SECONDS)
        except StoreAway as problem:
            self._display.step(str(problem))
            return replace(result, stopped=result.stopped or Stop.STORE.value)
        return result

    def _earlier(self, splits: Splits) -> Replay | None:
        """The state of an interrupted sweep of this name; None for a new one."""
        found = replay(read_events(self._plan.folder))
        started = next((note for note in found.notes if note["event"] == "started"), None)
        if started is None:
            return None
        check_same(started, identity(self._spec, splits.training.digest, self._plan.space))
        return found

    def _is_complete(self, earlier: Replay) -> bool:
        """Whether all trials that are asked for are done, the end was reached, and the store has it."""
        last = next(note for note in reversed(earlier.notes) if note["event"] in ("started", "finished"))
        ended = last["event"] == "finished" and not last["stopped"]
        known = self._store is not None and any(note["event"] == "parent" for note in earlier.notes)
        return ended and known and len(earlier.trials) >= self._spec.trials

    def _stored(self, earlier: Replay) -> SweepResult:
        parent = next(note for note in reversed(earlier.notes) if note["event"] == "parent")
        result: SweepResult = self._store.load(parent["run_id"])
        return result

    def _make_weights(self, earlier: Replay | None) -> LeadingWeights:
        keep = max(KEEP_WEIGHTS, kept_trials(self._spec.ensemble), self._spec.confirm_top or 0)
        weights = LeadingWeights(self._plan.storage, keep)
        for trial in earlier.trials if earlier else ():
            if trial.status != TrialStatus.RUNNING:
                weights.ended(trial)
        return weights

    def _empty_result(self, splits: Splits, concurrency: int) -> SweepResult:
        return SweepResult(
            name=str(self._spec.name),
            task=self._task.facts.name,
            spec=public_spec(self._spec),
            facts=self._task.facts,
            data=DataDescription.from_splits(self._task, splits, self._spec.split_seed),
            environment=Environment.here(),
            trials=(),
            concurrency=concurrency,
            started=self._began,
            wall_seconds=0.0,
            fit_seconds=0.0,
            tracking_uri=without_secrets(str(self._spec.tracking_uri)),
            space=self._plan.space.describe(),
        )

    def _load_ahead(self) -> None:
        """Loads what the end needs; in a thread, while the search goes on."""
        if self._tracks:
            self._figure_process.start()
        for name in AT_THE_END_OF_A_TRACKED_SWEEP if self._tracks else AT_THE_END:
            import_module(name)

    def _make_writer(self, journal: Journal, earlier: Replay | None) -> TrackingQueue | None:
        if not self._tracks:
            return None
        return TrackingQueue(self._begin_tracking, journal, earlier.trials if earlier else ())

    def _make_controller(
        self, journal: Journal, earlier: Replay | None, concurrency: int, on_trial_end: Callable[[TrialRecord], None]
    ) -> SearchController:
        spec = self._spec
        levels: tuple[int, ...] = ()
        if spec.scheduler == "asha":
            levels = rung_levels(spec.grace_period, spec.reduction_factor, spec.max_epochs)
        proposals = StudySampler(
            self._plan.space,
            spec.sampler,
            spec.seed,
            reference=self._task.reference,
            fixed=spec.fixed,
            warm_start=self._plan.warm_start,
        )
        budget = SearchLimits(
            trials=spec.trials,
            max_epochs=spec.max_epochs,
            concurrency=concurrency,
            deadline=math.inf if spec.time_budget is None else time.time() + spec.time_budget,
            retries=spec.retries,
            compute=compute_of(spec),
            storage=self._plan.storage,
        )
        return SearchController(
            budget,
            proposals,
            Rungs(levels, spec.reduction_factor, protected=frozenset(range(proposals.references))),
            journal,
            spec.seed,
            history_window=(HISTORY_WINDOW * concurrency if concurrency > 1 else 1) if spec.deterministic else 0,
            restored=earlier,
            on_trial_end=on_trial_end,
        )

    def _deliver(self, result: SweepResult, writer: TrackingQueue | None, *, hopeless: bool) -> SweepResult:
        """Waits for tracking to catch up, and notes the trials' run ids."""
        if writer is None:
            return result
        for trial in result.trials:
            if trial.status == TrialStatus.INTERRUPTED:
                writer.ended(trial)
        delivery = writer.finish(0.0 if hopeless else PATIENCE_SECONDS)
        if delivery.undelivered:
            self._display.step(
                f"{delivery.undelivered} trials could not be written to {result.tracking_uri} ({delivery.error}). "
                f"They are safe in the journal: `tunelab resume {result.name}` delivers them."
            )
            result = replace(result, stopped=Stop.STORE.value)
        trials = tuple(replace(t, run_id=delivery.run_ids.get(t.number, "")) for t in result.trials)
        return replace(result, trials=trials, parent_run_id=self._parent_run_id)


class Watched:
    """A controller that display and tracking look at after each report.

    Args:
        controller: takes the reports.
        display, writer: what looks; no writer when tracking is off.
        on_first: called when the first report has come.
    """

    def __init__(
        self, controller: SearchController, display: Display, writer: TrackingQueue | None, on_first: Callable[[], None]
    ) -> None:
        self._conductor = controller
        self._display = display
        self._writer = writer
        self._on_first = on_first
        self._began = False
        self.next_assignment = controller.next_assignment
        self.silent_since = controller.silent_since

    def on_report(self, number: int, report: Any) -> bool:
        if not self._began:
            self._began = True
            self._on_first()
        should_continue = self._conductor.on_report(number, report)
        record = self._conductor.records[number]
        if self._writer is not None and record.status == TrialStatus.RUNNING:
            self._writer.progress(record)
        self._display.progress(self._conductor.records)
        return should_continue

    def on_crash(self, number: int, error: str) -> None:
        self._conductor.on_crash(number, error)
        self._display.progress(self._conductor.records)

    @property
    def halted(self) -> bool:
        return self._conductor.halted
