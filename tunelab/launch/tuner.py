"""Launching on Ray Tune: the one file of sweeps that knows Ray Tune.

Ray Tune starts workers, keeps them between trials, places them on CPUs, GPUs and nodes, and carries reports. What runs,
what it is called, and when it stops is decided by a ``TrialSource``; to Ray it looks like a searcher and a scheduler.
"""

from __future__ import annotations

import os
import platform
import re
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from trainables import METRIC, Task, TrainingData
from trainables.base.contract.trainable import send_by_value
from trainables.base.worker.assignment import BROKEN, TrialAssignment, TrialReport
from tunelab.launch.resources import Resources, slots
from tunelab.launch.session import import_ray, import_tune, use_started_workers
from tunelab.launch.worker_logs import WorkerStderr, pid_in, with_stderr
from tunelab.search.controller import NoTrial
from tunelab.system.errors import WorkersLost
from tunelab.system.scratch import scratch_folder

ACTOR = "tunelab_actor"  # the one entry of a Tune trial's configuration, which must not be empty


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # Ray colours its messages
MAX_BARREN = 3  # workers in a row that die before they take up a trial: then none will


class TrialSource(Protocol):
    """Where trials come from and where their reports go; called from the launcher's thread alone."""

    def next_assignment(self) -> TrialAssignment | NoTrial:
        """The next trial to run now, or that there is none yet, or none at all."""

    def on_report(self, number: int, report: TrialReport) -> bool:
        """Takes a report; false when the trial must end now."""

    def on_crash(self, number: int, error: str) -> None:
        """The trial's worker died or was killed for hanging."""

    def silent_since(self, seconds: float) -> list[int]:
        """Numbers of running trials without a report for so long."""

    @property
    def halted(self) -> bool:
        """Whether running trials must end now, wherever they are."""


def run_trials(source: TrialSource, task: Task, data: TrainingData, resources: Resources, concurrency: int) -> None:
    """Runs all trials of a source, at most ``concurrency`` at once; returns when it has no more. Ray must run.

    Raises:
        WorkersLost: workers die before they take up a trial.
    """
    ray, tune = import_ray(), import_tune()
    from trainables.base.worker.trial_actor import TrialActor

    send_by_value(task)
    actor = tune.with_resources(
        tune.with_parameters(TrialActor, task=task, data=data), {"cpu": resources.cpus, "gpu": resources.gpus}
    )
    actors = min(concurrency, slots(ray.cluster_resources(), resources))
    use_started_workers()
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(actors)  # Tune would start them one after another
    adapter = make_tune_adapter(source, resources, actors, ray)
    with scratch_folder() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Tune's advice about its own snapshots and loggers
        tuner = tune.Tuner(
            actor,
            tune_config=tune.TuneConfig(
                metric=METRIC,
                mode="min",
                num_samples=-1,
                search_alg=adapter.searcher,
                scheduler=adapter.scheduler,
                reuse_actors=False,  # a actor takes trial after trial by itself
                trial_name_creator=lambda trial: trial.trial_id,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="actors",
                storage_path=str(folder),
                verbose=0,
                stop=adapter.stopper,
                log_to_file=False,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # checkpoints are the trials' own
            ),
        )
        tuner.fit()
    if adapter.failure:
        raise adapter.failure[0]


@dataclass(frozen=True)
class TuneAdapter:
    """A ``TrialSource`` as Ray Tune sees it.

    Attributes:
        failure: the exception that the source raised, if it did; Tune is stopped and it is raised again afterwards.
    """

    searcher: Any
    scheduler: Any
    stopper: Any
    failure: list[Exception]


class Unsaved:
    """Leaves an empty object in Tune's own snapshot, which nothing reads: the journal holds the search."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


def make_tune_adapter(source: TrialSource, resources: Resources, actors: int, ray: Any) -> TuneAdapter:
    """Wraps a source as a searcher, a scheduler and a stopper of Ray Tune, whose trials are at most ``actors`` actors.

    Lanes open empty and are handed one plan after another as they report. So whichever actor is at work takes up a
    trial whose worker was lost, also when the cluster has no room for another actor any more.
    """
    from ray.tune import Stopper
    from ray.tune.schedulers import TrialScheduler
    from ray.tune.search import Searcher

    from trainables.base.worker.trial_actor import REPORT

    failure: list[Exception] = []
    numbers: dict[str, int | None] = {}  # Tune's trial id, which is a actor's -> our trial in it; None when it waits
    killed: dict[int, str] = {}
    stderr = WorkerStderr(Path(ray._private.worker._global_node.get_session_dir_path()) / "logs")
    pids: dict[int, int] = {}  # our number -> process of its worker, once it has reported; 0 on another machine
    over = False  # the source has no more trials, and none runs

    class SourceSearcher(Unsaved, Searcher):  # type: ignore[misc, valid-type, unused-ignore]
        """Opens the actors, again when one was lost."""

        def suggest(self, trial_id: str) -> Any:
            if len(numbers) >= actors:
                return None
            numbers[trial_id] = None
            return {ACTOR: trial_id}

        def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
            numbers.pop(trial_id, None)

        def save(self, checkpoint_path: str) -> None:
            """Nothing: the journal holds the search."""

        def restore(self, checkpoint_path: str) -> None:
            raise NotImplementedError("sweeps resume from their journal")

    class SourceScheduler(Unsaved, TrialScheduler):  # type: ignore[misc, valid-type, unused-ignore]
        """Hands reports to the source and does as it says; starts actors in order."""

        def __init__(self) -> None:
            self._pending: deque[Any] = deque()
            self._barren = 0  # actors lost, since the last report, that had no trial

        def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
            self._pending.append(trial)

        def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
            number, error = numbers[trial.trial_id], _error_text(trial)
            if number is None:
                self._barren += 1
                if self._barren >= MAX_BARREN:
                    failure.append(WorkersLost(f"Workers die before they take up a trial: {error}"))
                return
            text = killed.pop(number, "") or f"The worker died: {error.partition(chr(10))[0]}\n\n{error}"
            text = with_stderr(text, stderr.since_mark(pids.get(number, pid_in(error))))
            self._guard(lambda: source.on_crash(number, text))

        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            self._barren = 0
            number, report = numbers[trial.trial_id], result.pop(REPORT)
            if number is not None and self._take(number, report) and report.outcome == "running":
                return str(TrialScheduler.CONTINUE)
            numbers[trial.trial_id] = None
            if report is not None and report.worker.get(BROKEN):
                return str(TrialScheduler.STOP)  # another actor opens in its place
            plan = self._next_assignment()
            if number is not None or plan is not None:
                trial.temporary_state.ray_actor.assign.remote(plan)  # before the step that Tune asks for next
            numbers[trial.trial_id] = None if plan is None else plan.number
            return str(TrialScheduler.CONTINUE)

        def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
            """Do nothing: an actor has ended."""

        def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
            if trial in self._pending:
                self._pending.remove(trial)

        def choose_trial_to_run(self, tune_controller: Any) -> Any:
            self._kill_hung(tune_controller)
            while self._pending and self._pending[0].status not in ("PENDING", "PAUSED"):
                self._pending.popleft()
            return self._pending[0] if self._pending else None

        def debug_string(self) -> str:
            return "tunelab"

        def _next_assignment(self) -> TrialAssignment | None:
            nonlocal over
            plan = None if failure else self._guard(source.next_assignment)
            over = plan is NoTrial.DONE
            return plan if isinstance(plan, TrialAssignment) else None

        def _take(self, number: int, report: TrialReport) -> bool:
            here = report.worker["host"] == platform.node()
            pid = pids[number] = int(report.worker["pid"]) if here else 0
            if report.outcome == "failed":
                report = replace(report, error=with_stderr(report.error, stderr.since_mark(pid)))
            should_continue = bool(self._guard(lambda: source.on_report(number, report)))
            if not should_continue or report.outcome != "running":
                stderr.mark(pid)
            return should_continue

        def _guard(self, act: Callable[[], Any]) -> Any:
            try:
                return act()
            except Exception as error:  # noqa: BLE001 must not leave Tune with half a trial; raised again after fit
                failure.append(error)
                return None

        def _kill_hung(self, tune_controller: Any) -> None:
            """Kills workers that are silent for too long."""
            limit = resources.hang_timeout
            if limit is None:
                return
            actors = {t.trial_id: t.temporary_state.ray_actor for t in tune_controller.get_live_trials()}
            live = {
                number: actors[actor] for actor, number in numbers.items() if number is not None and actor in actors
            }
            for number in set(source.silent_since(limit)) - set(killed):
                if live.get(number) is not None:
                    killed[number] = f"The trial hung: no report for {limit:g} seconds."
                    ray.kill(live[number])

    class SourceStopper(Unsaved, Stopper):  # type: ignore[misc, valid-type, unused-ignore]
        """Ends everything when the source has no more, is halted, or has failed."""

        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return False

        def stop_all(self) -> bool:
            return over or bool(failure) or source.halted

    return TuneAdapter(SourceSearcher(metric=METRIC, mode="min"), SourceScheduler(), SourceStopper(), failure)


def _error_text(trial: Any) -> str:
    """What Tune knows of a worker's death; it writes that to a local file first, under a line with the time."""
    path = Path(trial.error_file or "")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[1:] if path.is_file() else []
    return _COLOUR.sub("", "\n".join(lines)).strip() or "its process ended without a word"
