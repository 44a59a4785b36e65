"""A sweep from spec to result: the steps in order, each of which lives in a module of its own."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Protocol

from search_spaces import SearchSpace, UserError
from sweeps.conductor import Budget, Conductor, Stop
from sweeps.environment import environment
from sweeps.evaluation import evaluate
from sweeps.journal import Journal, Replay, read_events, replay
from sweeps.launch import Resources, ray_running, run_trials, slots
from sweeps.proposals import Proposals, check_fixed
from sweeps.records import TrialRecord, TrialStatus
from sweeps.result import SweepResult
from sweeps.rungs import Rungs, rung_levels
from sweeps.secrets import without_secrets
from sweeps.spec import SweepSpec, default_tracking_uri
from sweeps.weights import LeadingWeights
from trainables import Splits, Task, get_task

TRACKING_PATIENCE = 60.0  # seconds to wait at the end for a store that does not answer
KEEP_WEIGHTS = 5  # leading trials whose weights are kept until the end
LAG = 4  # deterministic mode: a proposal looks back this many times the concurrency


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


@dataclass(frozen=True)
class Plan:
    """A spec with everything looked up and filled in.

    Attributes:
        spec: every default filled in.
        task, space: looked up.
        home: folder of the tracking store, where sweeps' folders lie.
        folder: of this sweep: journal, weights, checkpoints.
    """

    spec: SweepSpec
    task: Task
    space: SearchSpace
    home: Path
    folder: Path


def run_sweep(spec: SweepSpec, display: Display | None = None) -> SweepResult:
    """Runs a sweep, or goes on with the interrupted one of the same name.

    Raises:
        UserError: bad input, before anything is written.
        SweepFailed: every trial failed, or the search itself did.
    """
    began = time.time()
    plan = make_plan(spec)
    return Sweep(plan, display or Silent(), began).run()


class SweepFailed(RuntimeError):
    """The sweep could not do its work; the message says why."""


def make_plan(spec: SweepSpec) -> Plan:
    """Looks up task and space and fills in defaults; raises ``UserError`` for what does not exist or fit."""
    task = get_task(spec.task, **spec.task_options)
    space = task.space(spec.space)
    max_epochs = spec.max_epochs or task.facts.max_epochs
    if spec.scheduler == "asha" and (spec.grace_period or 1) > max_epochs:
        raise UserError(f"--grace-period {spec.grace_period} is above --max-epochs {max_epochs}, the task's default.")
    uri = spec.tracking_uri or default_tracking_uri()
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
    return Plan(filled, task, space, home, folder)


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

    def run(self) -> SweepResult:
        spec = self._spec
        resources = Resources(spec.cpus_per_trial, spec.gpus_per_trial, spec.address, spec.hang_timeout)
        make_folder(self._plan.home)
        self._display.step(f"{spec.name}: starting Ray, loading {self._task.facts.name}")
        with ThreadPoolExecutor(2) as pool:  # both wait more than they compute, while Ray starts
            store = pool.submit(self._open_store)
            data = pool.submit(self._task.load, spec.split_seed)
            with ray_running(spec.address) as cluster:
                room = slots(cluster, resources)
                splits, opened = data.result(), store.result()
                concurrency = min(spec.concurrency or room, room)
                return self._search(splits, opened, resources, concurrency)

    def _open_store(self) -> Any:
        if self._spec.tracking_uri == "off":
            return None
        from sweeps.tracking import Store

        return Store(str(self._spec.tracking_uri))

    def _search(self, splits: Splits, store: Any, resources: Resources, concurrency: int) -> SweepResult:
        earlier = self._earlier(splits)
        make_folder(self._plan.folder)
        journal = Journal(self._plan.folder)
        result = self._empty_result(splits, concurrency)
        if store is not None:
            result = replace(result, parent_run_id=store.start_sweep(result))
        journal.note("started", **self._identity(splits), parent=result.parent_run_id)
        self._display.started(self._spec, self._task, splits, concurrency)
        writer = self._make_writer(store, result, journal, earlier)
        weights = LeadingWeights(self._storage(), max(KEEP_WEIGHTS, self._spec.ensemble, self._spec.confirm_top or 0))

        def on_ended(trial: TrialRecord) -> None:
            weights.ended(trial)
            if writer is not None:
                writer.ended(trial)

        conductor = self._make_conductor(journal, earlier, concurrency, on_ended)
        watched = Watched(conductor, self._display, writer)
        fit_began = time.time()
        with stopped_by_signals(conductor):
            run_trials(watched, self._task, splits.training, resources)
        trials = conductor.finish()
        self._display.progress(list(trials))
        result = replace(
            result,
            trials=trials,
            fit_seconds=time.time() - fit_began,
            stopped=conductor.stopped.value if conductor.stopped else "",
            idle_seconds=conductor.idle_seconds,
        )
        result = self._deliver(result, writer)
        if conductor.stopped is not Stop.INTERRUPTED and result.ranked():
            result = evaluate(result, self._task, splits, weights, store, self._display.step)
        result = replace(result, wall_seconds=time.time() - self._began)
        if store is not None:
            store.finish_sweep(result)
        journal.note("finished", stopped=result.stopped)
        journal.close()
        if not result.stopped:
            weights.remove()
        return result

    # The parts of a search.

    def _storage(self) -> str:
        if self._spec.storage is None:
            return str(self._plan.folder)
        return f"{self._spec.storage.rstrip('/')}/{self._spec.name}"

    def _earlier(self, splits: Splits) -> Replay | None:
        """The state of an interrupted sweep of this name; None for a new one."""
        found = replay(read_events(self._plan.folder))
        if not found.notes:
            return None
        check_same(next(note for note in found.notes if note["event"] == "started"), self._identity(splits))
        return found

    def _identity(self, splits: Splits) -> dict[str, Any]:
        """What makes this sweep the one it is."""
        space = self._plan.space.describe()
        return {"spec": self._spec.to_json(), "digest": splits.training.digest, "space": space}

    def _empty_result(self, splits: Splits, concurrency: int) -> SweepResult:
        return SweepResult(
            name=str(self._spec.name),
            task=self._task.facts.name,
            spec={**self._spec.to_json(), "tracking_uri": without_secrets(str(self._spec.tracking_uri))},
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

    def _make_writer(self, store: Any, result: SweepResult, journal: Journal, earlier: Replay | None) -> Any:
        if store is None:
            return None
        from sweeps.writer import TrackingWriter

        return TrackingWriter(store, result, journal, earlier.trials if earlier else ())

    def _make_conductor(
        self, journal: Journal, earlier: Replay | None, concurrency: int, on_ended: Callable[[TrialRecord], None]
    ) -> Conductor:
        spec = self._spec
        levels: tuple[int, ...] = ()
        if spec.scheduler == "asha":
            levels = rung_levels(spec.grace_period or 1, spec.reduction_factor, int(spec.max_epochs or 1))
        proposals = Proposals(
            self._plan.space, spec.sampler, spec.seed, reference=self._task.reference, fixed=spec.fixed
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
            lag=LAG * concurrency if spec.deterministic else 0,
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
        delivery = writer.finish(TRACKING_PATIENCE)
        if delivery.undelivered:
            self._display.step(
                f"{delivery.undelivered} trials could not be written to {result.tracking_uri} ({delivery.error}); "
                f"`tunelab resume {result.name}` delivers them from the journal."
            )
        trials = tuple(replace(t, run_id=delivery.run_ids.get(t.number, "")) for t in result.trials)
        return replace(result, trials=trials)


class Watched:
    """A conductor that display and tracking look at after each report."""

    def __init__(self, conductor: Conductor, display: Display, writer: Any) -> None:
        self._conductor = conductor
        self._display = display
        self._writer = writer
        self.next_plan = conductor.next_plan
        self.silent_since = conductor.silent_since

    def on_report(self, number: int, report: Any) -> bool:
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


FIXED_FOR_GOOD = (
    *("task", "task_options", "space", "seed", "split_seed", "max_epochs", "grace_period", "reduction_factor"),
    *("scheduler", "sampler", "set", "deterministic"),
)


def check_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ``UserError`` with the differences when a sweep of this name was another one.

    Args:
        before, now: what ``Sweep`` notes in the journal at its start: ``spec``, ``digest`` and ``space``.
    """
    changed = [
        f"{key} was {before['spec'].get(key)!r}, is {now['spec'].get(key)!r}"
        for key in FIXED_FOR_GOOD
        if before["spec"].get(key) != now["spec"].get(key)
    ]
    if before["digest"] != now["digest"]:
        changed.append(f"the data's digest was {before['digest'][:12]}, is {now['digest'][:12]}")
    for name in sorted({*before["space"], *now["space"]}):
        old, new = before["space"].get(name), now["space"].get(name)
        if old != new:
            changed.append(f"hyperparameter {name} was {_domain(old)}, is {_domain(new)}")
    if changed:
        raise UserError(
            f"A sweep named '{now['spec']['name']}' exists and was another one: {'; '.join(changed)}. "
            "Give another --name, or the old settings to go on with it."
        )


def _domain(description: Any) -> str:
    return "not there" if description is None else str(description.get("attributes", description))


def make_folder(folder: Path) -> None:
    """Creates a folder; raises ``UserError`` when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder '{folder}' cannot be created: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"The folder '{folder}' cannot be written. Choose another with --tracking-uri.")


@contextmanager
def stopped_by_signals(conductor: Conductor) -> Iterator[None]:
    """Ctrl-C, SIGTERM or a closed terminal ends the search in order; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        if conductor.stopped is Stop.INTERRUPTED:
            os._exit(130)
        conductor.stop(Stop.INTERRUPTED)

    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {kind: signal.signal(kind, stop) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
