"""TuneAdapter: a ``TrialSource`` as Ray Tune needs it, whose trials are the actors. Loads no Ray."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from trainables.base.worker.assignment import BROKEN, TrialAssignment, TrialReport
from tunelab.launch.worker_logs import WorkerStderr, pid_in, with_stderr
from tunelab.search.source import NoTrial, TrialSource
from tunelab.system.errors import WorkersLost

Answer = TypeVar("Answer")
ACTOR = "tunelab_actor"  # the one entry of a Tune trial's configuration, which must not be empty
MAX_BARREN = 3  # abort after this many consecutive workers died without starting a trial


class TuneAdapter:
    """Connects a source of trials to the searcher, scheduler and stopper of Ray Tune.

    Actors start empty and are handed one assignment after another as they report. So whichever actor works takes up a
    trial whose worker was lost, also when the cluster has no capacity for another actor any more.

    Args:
        source: Where trials come from and where their reports go.
        max_actors: Number of actors at once.
        hang_timeout: Seconds without a report after which a worker is killed; None for never.
        stderr: What workers of this machine write.

    Attributes:
        failure: What the source raised, or that workers die; Tune is stopped, and it is raised again afterwards.
    """

    def __init__(self, source: TrialSource, max_actors: int, hang_timeout: float | None, stderr: WorkerStderr) -> None:
        self.failure: Exception | None = None
        self._source = source
        self._max_actors = max_actors
        self._hang_timeout = hang_timeout
        self._stderr = stderr
        self._numbers: dict[str, int | None] = {}  # Tune's id of an actor -> its trial's number; None while it waits
        self._killed: dict[int, str] = {}
        self._pids: dict[int, int] = {}  # number -> process of its worker, after a report; 0 on another machine
        self._barren = 0  # actors lost without a trial since the last report
        self._done = False  # the source has no more trials, and none runs

    @property
    def is_over(self) -> bool:
        """True if Tune must end: there are no more trials, the source has halted them, or something failed."""
        return self._done or self.failure is not None or self._source.halted

    def open_actor(self, actor: str) -> dict[str, str] | None:
        """Return the configuration of a new actor; None when there are enough."""
        if len(self._numbers) >= self._max_actors:
            return None
        self._numbers[actor] = None
        return {ACTOR: actor}

    def forget_actor(self, actor: str) -> None:
        """Take note that an actor has ended, so that another one can open."""
        self._numbers.pop(actor, None)

    def on_result(
        self, actor: str, report: TrialReport | None, assign: Callable[[TrialAssignment | None], object]
    ) -> bool:
        """Hand a report to the source, and the next assignment to the actor when its trial has ended.

        Args:
            actor: Which one reports.
            report: None when it had nothing to do.
            assign: Tells the actor its next assignment, or that there is none yet.

        Returns:
            False if the actor must end, because its process cannot train any more.
        """
        self._barren = 0
        number = self._numbers[actor]
        if number is not None and report is not None:
            should_continue = self._report(number, report)
            if should_continue and report.outcome == "running":
                return True
        self._numbers[actor] = None
        if report is not None and report.worker.get(BROKEN):
            return False  # another actor opens in its place
        assignment = self._next_assignment()
        if number is not None or assignment is not None:
            assign(assignment)  # before the step that Tune asks for next
        self._numbers[actor] = None if assignment is None else assignment.number
        return True

    def on_error(self, actor: str, error: str) -> None:
        """Take note that an actor's process has died.

        Args:
            actor: Which one.
            error: What Tune knows of it.
        """
        number = self._numbers[actor]
        if number is None:
            self._barren += 1
            if self._barren >= MAX_BARREN:
                self.fail(WorkersLost(f"Workers die before they start a trial: {error}"))
            return
        text = self._killed.pop(number, "") or f"The worker died: {error.partition(chr(10))[0]}\n\n{error}"
        text = with_stderr(text, self._stderr.since_mark(self._pids.get(number, pid_in(error))))
        self._guard(lambda: self._source.on_crash(number, text))

    def kill_hung(self, live: Mapping[str, Any], kill: Callable[[Any], object]) -> None:
        """Kill the workers without a report for longer than the time limit.

        Args:
            live: Handles of the actors that run and have reported, by Tune's id.
            kill: Kills the process of a handle.
        """
        if self._hang_timeout is None:
            return
        handles = {number: live.get(actor) for actor, number in self._numbers.items() if number is not None}
        for number in set(self._source.silent_since(self._hang_timeout)) - set(self._killed):
            if handles.get(number) is not None:
                self._killed[number] = f"The trial hung: no report for {self._hang_timeout:g} seconds."
                kill(handles[number])

    def _next_assignment(self) -> TrialAssignment | None:
        answer = None if self.failure is not None else self._guard(self._source.next_assignment)
        self._done = answer is NoTrial.DONE
        return answer if isinstance(answer, TrialAssignment) else None

    def _report(self, number: int, report: TrialReport) -> bool:
        here = report.worker["host"] == platform.node()
        pid = self._pids[number] = int(report.worker["pid"]) if here else 0
        if report.outcome == "failed":
            report = replace(report, error=with_stderr(report.error, self._stderr.since_mark(pid)))
        should_continue = bool(self._guard(lambda: self._source.on_report(number, report)))
        if not should_continue or report.outcome != "running":
            self._stderr.mark(pid)
        return should_continue

    def _guard(self, act: Callable[[], Answer]) -> Answer | None:
        """Call the source; what it raises must not leave Tune with half a trial, and is raised again afterwards."""
        if self.failure is not None:  # it is over, and the source must not hear of it any more
            return None
        try:
            return act()
        except Exception as error:  # noqa: BLE001 raised again once Tune has ended
            self.fail(error)
            return None

    def fail(self, error: Exception) -> None:
        """End Tune and raise the error afterwards; the first one counts."""
        self.failure = self.failure or error
