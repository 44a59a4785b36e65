"""A sweep from spec to result: the steps in order, each of which lives in a module of its own."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from threading import Thread
from typing import Any, Protocol

from optuna.trial import FrozenTrial

from search_spaces import SearchSpace, UserError
from sweeps.audit import audit
from sweeps.conductor import Budget, Conductor, Stop
from sweeps.confirm import confirm, confirmed_top, log_confirmation
from sweeps.ensemble import kept_trials
from sweeps.environment import environment
from sweeps.failures import DiskFull, StoreAway
from sweeps.identity import check_same, identity, public_spec
from sweeps.interruption import Interruptions
from sweeps.journal import Journal, Replay, read_events, replay
from sweeps.launch import run_trials
from sweeps.proposals import Proposals, check_fixed, fitting_trials
from sweeps.ray_session import import_ray, ray_running
from sweeps.records import TrialRecord, TrialStatus
from sweeps.resources import Resources, check_gpus, settle_gpus, slots
from sweeps.result import SweepResult
from sweeps.rungs import Rungs, rung_levels
from sweeps.secrets import without_secrets
from sweeps.spec import SweepSpec, check_uri, default_tracking_uri
from sweeps.weights import LeadingWeights
from trainables import Splits, Task, get_task

KEEP_WEIGHTS = 5  # leading trials whose weights are kept until the end
NOT_EVALUATED = (Stop.INTERRUPTED.value, Stop.DISK.value, Stop.STORE.value)
STOPS = {KeyboardInterrupt: Stop.INTERRUPTED, DiskFull: Stop.DISK, StoreAway: Stop.STORE}
LAG = 8  # deterministic mode: a proposal knows all of the trials this many times the concurrency before it


# What the end of a sweep needs, which takes seconds to load: as long as workers train, nobody waits for it.
AT_THE_END = ("sweeps.evaluation",)
AT_THE_END_OF_A_TRACKED_SWEEP = (*AT_THE_END, "skops.io", "sweeps.figures.png", "sweeps.figures.html", "sweeps.report")


class Display(Protocol):
    """What a sweep shows while it runs."""

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        """Data is loaded and training begins."""

    def progress(self, trials: list[TrialRecord]) -> None:
        """Something changed; called from the launcher's thread, often."""

    def step(self, text: str) -> None:
        """A step after the search begins, or something the user should know."""


class Silent:
    """Shows nothing."""

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        return

    def progress(self, trials: list[TrialRecord]) -> None:
        return

    def step(self, text: str) -> None:
        return


class WhileSeen:
    """Another display until its terminal is closed; a sweep goes on without one."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        self._show(lambda: self._display.started(spec, task, splits, concurrency))

    def progress(self, trials: list[TrialRecord]) -> None:
        self._show(lambda: self._display.progress(trials))

    def step(self, text: str) -> None:
        self._show(lambda: self._display.step(text))

    def _show(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError:
            self._display = Silent()


@dataclass(frozen=True)
class Plan:
    """A spec with everything looked up and filled in.

    Attributes:
        spec: every default filled in.
        task, space: looked up.
        home: folder of the tracking store, where sweeps' folders lie.
        folder: of this sweep: journal, weights, checkpoints.
        warm_start: trials of an earlier sweep that the sampler learns from.
    """

    spec: SweepSpec
    task: Task
    space: SearchSpace
    home: Path
    folder: Path
    warm_start: tuple[FrozenTrial, ...] = ()


def run_sweep(spec: SweepSpec, display: Display | None = None) -> SweepResult:
    """Runs a sweep, or goes on with the interrupted one of the same name.

    Raises:
        UserError: bad input, before anything is written.
    """
    began = time.time()
    plan = make_plan(spec)
    return Sweep(plan, WhileSeen(display or Silent()), began).run()


def make_plan(spec: SweepSpec) -> Plan:
    """Looks up task and space and fills in defaults; raises ``UserError`` for what does not exist or fit."""
    task = get_task(spec.task, **spec.task_options)
    space = task.space(spec.space)
    max_epochs = spec.max_epochs or task.facts.max_epochs
    if spec.ensemble and task.facts.kind == "language_model":
        raise UserError(f"--ensemble {spec.ensemble}: language models cannot be averaged; leave it out.")
    if spec.scheduler == "asha" and (spec.grace_period or 1) > max_epochs:
        raise UserError(f"--grace-period {spec.grace_period} is above --max-epochs {max_epochs}, the task's default.")
    uri = check_uri(spec.tracking_uri or default_tracking_uri())
    home = home_of(uri)
    name = spec.name or f"{task.facts.name}-{time.strftime('%Y%m%d-%H%M%S')}-{token_hex(2)}"
    folder = home / "sweeps" / name
    filled = spec.model_copy(
        update={
            "trials": spec.trials or task.facts.trials,
            "max_epochs": max_epochs,
            "grace_period": spec.grace_period or min(task.facts.grace_period, max_epochs),
            "name": name,
            "tracking_uri": uri,
            "fixed": check_fixed(space, spec.fixed),
            "storage": spec.storage,
        }
    )
    return Plan(filled, task, space, home, folder, earlier_trials(home, spec.warm_start, space))


def resources_of(spec: SweepSpec) -> Resources:
    """What one trial of a sweep takes."""
    return Resources(spec.cpus_per_trial, spec.gpus_per_trial or 0.0, spec.address, spec.hang_timeout)


def with_gpus(spec: SweepSpec, cluster: dict[str, float], task: Task) -> tuple[SweepSpec, Resources]:
    """The spec with its share of a GPU filled in, now that the cluster is known, and what one trial takes."""
    gpus = settle_gpus(spec.gpus_per_trial, cluster, task.facts.kind)
    settled = spec.model_copy(update={"gpus_per_trial": gpus})
    return settled, resources_of(settled)


def earlier_trials(home: Path, name: str | None, space: SearchSpace) -> tuple[FrozenTrial, ...]:
    """The trials of a sweep by name that a study of ``space`` can learn from; raises ``UserError`` without any."""
    if name is None:
        return ()
    records = replay(read_events(home / "sweeps" / name)).trials
    trials = fitting_trials(records, space)
    if not trials:
        why = "there is no such sweep" if not records else "none of its trials has a result in this search space"
        raise UserError(f"--warm-start '{name}': {why} in '{home}'.")
    return tuple(trials)


def home_of(tracking_uri: str) -> Path:
    """The folder that belongs to a store: a sqlite file's own, else ``mlruns`` in the working directory."""
    if tracking_uri.startswith("sqlite:///"):
        return Path(tracking_uri.removeprefix("sqlite:///")).absolute().parent
    return Path.cwd() / "mlruns"


class Sweep:
    """One run of a plan. Each method is a step; ``run`` is their order."""

    def __init__(self, plan: Plan, display: Display, began: float) -> None:
        self._plan = plan
        self._spec = plan.spec
        self._task = plan.task
        self._display = display
        self._began = began
        self._interruptions = Interruptions()
        self._store: Any = None  # when tracking is off

    def run(self) -> SweepResult:
        """Raises ``KeyboardInterrupt`` when a signal comes before the search has begun."""
        with self._interruptions.raised():
            return self._run()

    def _run(self) -> SweepResult:
        spec = self._spec
        check_gpus(resources_of(spec))
        make_folder(self._plan.home)
        if not str(spec.tracking_uri).startswith("sqlite:"):  # a server that does not answer is told before Ray starts
            self._store = self._open_store()
        self._display.step(f"{spec.name}: starting Ray, loading {self._task.facts.name}")
        import_ray()  # alone: the sooner Ray's processes start, the sooner workers load beside what follows
        with ThreadPoolExecutor(2) as pool:  # both wait more than they compute, while Ray starts
            store = pool.submit(self._open_store)
            data = pool.submit(self._task.load, spec.split_seed)
            with ray_running(spec.address, spec.concurrency) as cluster:
                self._spec, resources = with_gpus(spec, cluster, self._task)
                room = slots(cluster, resources)
                splits, self._store = data.result(), store.result()
                concurrency = min(spec.concurrency or room, room)
                return self._search(splits, resources, concurrency)

    def _open_store(self) -> Any:
        if self._store is not None or self._spec.tracking_uri == "off":
            return self._store
        from sweeps.tracking import Store

        return Store(str(self._spec.tracking_uri))

    def _search(self, splits: Splits, resources: Resources, concurrency: int) -> SweepResult:
        make_folder(self._plan.folder)
        with closing(Journal(self._plan.folder)) as journal:
            earlier = self._earlier(splits)
            if earlier is not None and self._store is not None and self._is_complete(earlier):
                self._display.step(f"{self._spec.name} is finished; `tunelab resume` with --trials extends it")
                return self._stored(earlier)
            result = self._start(splits, journal, earlier, concurrency)
            weights = self._make_weights(earlier)
            result = self._fit(result, splits, journal, earlier, weights, resources)
            with self._interruptions.raised():
                return self._conclude(result, splits, journal, weights, resources)

    def _start(self, splits: Splits, journal: Journal, earlier: Replay | None, concurrency: int) -> SweepResult:
        """Takes up the parent run and notes in the journal what begins."""
        result = self._empty_result(splits, concurrency)
        if earlier is not None:
            times = [note["time"] for note in earlier.notes if note["event"] == "test opened"]
            began = next(note["time"] for note in earlier.notes if note["event"] == "started")
            result = replace(result, started=began, test_openings=tuple(times))
        if self._store is not None:
            result = replace(result, parent_run_id=self._store.start_sweep(result))
        noted = identity(self._spec, splits.training.digest, self._plan.space)
        journal.note(
            "started",
            **noted,
            parent=result.parent_run_id,
            time=self._began,
            folder=str(Path.cwd()),
            concurrency=concurrency,
        )
        self._display.started(self._spec, self._task, splits, concurrency)
        return result

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
        writer = self._make_writer(result, journal, earlier)

        def on_ended(trial: TrialRecord) -> None:
            weights.ended(trial)
            if writer is not None:
                writer.ended(trial)

        conductor = self._make_conductor(journal, earlier, result.concurrency, on_ended)
        watched = Watched(conductor, self._display, writer, self._load_ahead)
        began = time.time()
        with self._interruptions.answered_by(lambda: conductor.stop(Stop.INTERRUPTED)):
            try:
                run_trials(watched, self._task, splits.training, resources)
            except DiskFull as problem:
                conductor.stop(Stop.DISK)
                self._display.step(str(problem))
            trials = conductor.finish()
            self._display.progress(list(trials))
            result = replace(
                result,
                trials=trials,
                fit_seconds=time.time() - began,
                stopped=conductor.stopped.value if conductor.stopped else "",
                idle_seconds=conductor.idle_seconds,
            )
            return self._deliver(result, writer)

    def _conclude(
        self,
        result: SweepResult,
        splits: Splits,
        journal: Journal,
        weights: LeadingWeights,
        resources: Resources,
    ) -> SweepResult:
        """Confirms and evaluates the winner, writes the result to the store and notes the end."""
        if result.stopped not in NOT_EVALUATED and result.ranked():
            from sweeps.evaluation import evaluate  # loads torch, scikit-learn and matplotlib: not before training

            opened: list[float] = []

            def on_open(moment: float) -> None:
                journal.note("test opened", time=moment)
                opened.append(moment)

            try:
                result = self._confirm(result, splits, resources)
                result = evaluate(result, self._task, splits, weights, self._store, self._display.step, on_open)
            except (KeyboardInterrupt, DiskFull, StoreAway) as problem:
                self._display.step(str(problem))
                openings = (*result.test_openings, *opened)
                result = replace(result, stopped=STOPS[type(problem)].value, test_openings=openings)
        result = replace(result, wall_seconds=time.time() - self._began)
        result = self._write_result(result)
        try:
            journal.note("finished", stopped=result.stopped)
        except DiskFull as problem:
            self._display.step(str(problem))
        if not result.stopped:
            weights.remove()
        return result

    # The parts of a search.

    def _confirm(self, result: SweepResult, splits: Splits, resources: Resources) -> SweepResult:
        """Trains the best trials on fresh seeds and some stopped ones to their end, as far as asked for."""
        spec, say = self._spec, self._display.step
        top = confirmed_top(result, self._task, spec.confirm_top, spec.confirm_seeds)
        if top:
            storage = f"{self._storage()}/confirm"
            found = confirm(
                result, self._task, splits, resources, top=top, seeds=spec.confirm_seeds, storage=storage, say=say
            )
            result = replace(result, confirmation=found)
        if spec.audit:
            found = audit(result, self._task, splits, resources, count=spec.audit, say=say)
            result = replace(result, audit=found)
        if result.confirmation and self._store is not None:
            from sweeps.writer import patiently

            patiently(lambda: log_confirmation(result, self._store), result)
        return result

    def _write_result(self, result: SweepResult) -> SweepResult:
        if self._store is None:
            return result
        from sweeps.report import log_report
        from sweeps.writer import PATIENCE_SECONDS, patiently

        def write() -> None:
            self._store.finish_sweep(result)
            if result.ranked():
                log_report(self._store, result)

        hopeless = result.stopped in (Stop.DISK.value, Stop.STORE.value)
        try:
            patiently(write, result, 0.0 if hopeless else PATIENCE_SECONDS)
        except StoreAway as problem:
            self._display.step(str(problem))
            return replace(result, stopped=result.stopped or Stop.STORE.value)
        return result

    def _storage(self) -> str:
        if self._spec.storage is None:
            return str(self._plan.folder)
        return f"{self._spec.storage.rstrip('/')}/{self._spec.name}"

    def _earlier(self, splits: Splits) -> Replay | None:
        """The state of an interrupted sweep of this name; None for a new one."""
        found = replay(read_events(self._plan.folder))
        if not found.notes:
            return None
        started = next((note for note in found.notes if note["event"] == "started"), None)
        if started is None:
            return None
        check_same(started, identity(self._spec, splits.training.digest, self._plan.space))
        return found

    def _is_complete(self, earlier: Replay) -> bool:
        """Whether all trials that are asked for are done and the end was reached."""
        last = next(note for note in reversed(earlier.notes) if note["event"] in ("started", "finished"))
        ended = last["event"] == "finished" and not last["stopped"]
        return ended and len(earlier.trials) >= int(self._spec.trials or 0)

    def _stored(self, earlier: Replay) -> SweepResult:
        started = next(note for note in earlier.notes if note["event"] == "started")
        result: SweepResult = self._store.load(started["parent"])
        return result

    def _make_weights(self, earlier: Replay | None) -> LeadingWeights:
        keep = max(KEEP_WEIGHTS, kept_trials(self._spec.ensemble), self._spec.confirm_top or 0)
        weights = LeadingWeights(self._storage(), keep)
        for trial in earlier.trials if earlier else ():
            if trial.status != TrialStatus.RUNNING:
                weights.ended(trial)
        return weights

    def _empty_result(self, splits: Splits, concurrency: int) -> SweepResult:
        return SweepResult(
            name=str(self._spec.name),
            task=self._task.facts.name,
            spec=public_spec(self._spec),
            facts=asdict(self._task.facts),
            data=describe_data(self._task, splits, self._spec.split_seed),
            environment=environment(),
            trials=(),
            concurrency=concurrency,
            started=self._began,
            wall_seconds=0.0,
            fit_seconds=0.0,
            tracking_uri=without_secrets(str(self._spec.tracking_uri)),
            space=self._plan.space.describe(),
        )

    def _load_ahead(self) -> None:
        """Loads modules in a thread while the search goes on."""
        modules = AT_THE_END if self._store is None else AT_THE_END_OF_A_TRACKED_SWEEP
        Thread(target=lambda: [import_module(name) for name in modules], name="loading", daemon=True).start()

    def _make_writer(self, result: SweepResult, journal: Journal, earlier: Replay | None) -> Any:
        if not result.parent_run_id:
            return None
        from sweeps.writer import TrackingWriter

        return TrackingWriter(self._store, result, journal, earlier.trials if earlier else ())

    def _make_conductor(
        self, journal: Journal, earlier: Replay | None, concurrency: int, on_ended: Callable[[TrialRecord], None]
    ) -> Conductor:
        spec = self._spec
        levels: tuple[int, ...] = ()
        if spec.scheduler == "asha":
            levels = rung_levels(spec.grace_period or 1, spec.reduction_factor, int(spec.max_epochs or 1))
        proposals = Proposals(
            self._plan.space,
            spec.sampler,
            spec.seed,
            reference=self._task.reference,
            fixed=spec.fixed,
            warm_start=self._plan.warm_start,
        )
        budget = Budget(
            trials=int(spec.trials or 1),
            max_epochs=int(spec.max_epochs or 1),
            concurrency=concurrency,
            deadline=math.inf if spec.time_budget is None else time.time() + spec.time_budget,
            retries=spec.retries,
            threads=max(1, int(spec.cpus_per_trial)),
            device="auto" if spec.gpus_per_trial else "cpu",
            storage=self._storage(),
        )
        return Conductor(
            budget,
            proposals,
            Rungs(levels, spec.reduction_factor),
            journal,
            spec.seed,
            lag=(LAG * concurrency if concurrency > 1 else 1) if spec.deterministic else 0,
            restored=earlier,
            on_ended=on_ended,
        )

    def _deliver(self, result: SweepResult, writer: Any) -> SweepResult:
        """Waits for tracking to catch up, and notes the trials' run ids."""
        if writer is None:
            return result
        for trial in result.trials:
            if trial.status == TrialStatus.INTERRUPTED:
                writer.ended(trial)
        from sweeps.writer import PATIENCE_SECONDS

        delivery = writer.finish(0.0 if result.stopped == Stop.DISK.value else PATIENCE_SECONDS)
        if delivery.undelivered:
            self._display.step(
                f"{delivery.undelivered} trials could not be written to {result.tracking_uri} ({delivery.error}). "
                f"They are safe in the journal: `tunelab resume {result.name}` delivers them."
            )
            result = replace(result, stopped=result.stopped or Stop.STORE.value)
        trials = tuple(replace(t, run_id=delivery.run_ids.get(t.number, "")) for t in result.trials)
        return replace(result, trials=trials)


class Watched:
    """A conductor that display and tracking look at after each report.

    Args:
        conductor: takes the reports.
        display, writer: what looks; no writer when tracking is off.
        on_first: called when the first report has come.
    """

    def __init__(self, conductor: Conductor, display: Display, writer: Any, on_first: Callable[[], None]) -> None:
        self._conductor = conductor
        self._display = display
        self._writer = writer
        self._on_first = on_first
        self._began = False
        self.next_plan = conductor.next_plan
        self.silent_since = conductor.silent_since

    def on_report(self, number: int, report: Any) -> bool:
        if not self._began:
            self._began = True
            self._on_first()
        goes_on = self._conductor.on_report(number, report)
        record = self._conductor.records[number]
        if self._writer is not None and record.status == TrialStatus.RUNNING:
            self._writer.progress(record)
        self._display.progress(self._conductor.records)
        return goes_on

    def on_crash(self, number: int, error: str) -> None:
        self._conductor.on_crash(number, error)
        self._display.progress(self._conductor.records)

    @property
    def halted(self) -> bool:
        return self._conductor.halted


def describe_data(task: Task, splits: Splits, split_seed: int) -> dict[str, Any]:
    """What a sweep records of its data, JSON values."""
    return {
        "digest": splits.training.digest,
        "split_seed": split_seed,
        "train_rows": len(splits.train.targets),
        "validation_rows": len(splits.validation.targets),
        "test_rows": len(splits.test),
        **task.description(),
    }


def make_folder(folder: Path) -> None:
    """Creates a folder; raises ``UserError`` when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder '{folder}' cannot be created: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"The folder '{folder}' cannot be written. Choose another with --tracking-uri.")
