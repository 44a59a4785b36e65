"""The controller of a sweep: numbers trials, proposes them, owns the rungs, writes the journal. Knows no Ray.

The launcher asks it for plans and tells it what workers report; tracking and display listen to it. It is used from one
thread, the launcher's; listeners get finished records.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from trainables.base.training.compute import Compute
from trainables.base.worker.assignment import TrialAssignment, TrialReport
from tunelab.records.result import TIME_BUDGET
from tunelab.records.seeds import trial_seed
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.asha import Rungs
from tunelab.search.journal import Journal, Replay
from tunelab.search.study import StudySampler

SAME_ERROR_LIMIT = 3  # this many first trials that fail with one error end the sweep
OUTCOMES = {
    "finished": TrialStatus.FINISHED,
    "diverged": TrialStatus.DIVERGED,
    "failed": TrialStatus.FAILED,
}


class NoTrial(Enum):
    """What a source of trials says when it has no plan right now."""

    WAIT = "wait"
    DONE = "done"


class Stop(Enum):
    """Why a sweep ends before all its trials are done."""

    INTERRUPTED = "interrupted"
    TIME_BUDGET = TIME_BUDGET
    SAME_ERROR = "the first trials all failed with the same error"
    DISK = "the disk is full"
    STORE = "the tracking store does not answer"
    FAILED = "failed"


@dataclass(frozen=True)
class SearchLimits:
    """What a sweep may spend.

    Attributes:
        trials: how many.
        max_epochs: of one trial.
        concurrency: trials at once.
        deadline: unix time at which the search ends; inf for none.
        retries: how often a trial is tried again after its worker died or hung.
        compute: see ``TrialAssignment``.
        storage: see ``TrialAssignment``.
    """

    trials: int
    max_epochs: int
    concurrency: int
    deadline: float = math.inf
    retries: int = 1
    compute: Compute = field(default_factory=Compute)
    storage: str = ""


class SearchController:
    """Runs the search of one sweep.

    Args:
        budget: what it may spend.
        proposals: the Optuna study.
        rungs: the early stopping; no levels for none.
        journal: where everything is written before it counts.
        seed: the sweep's seed.
        history_window: 0, or in deterministic mode how many trials back a proposal looks, at least the concurrency;
            see ``_may_propose``.
        restored: what an interrupted sweep's journal holds.
        on_trial_end: called with each record that is final.
    """

    def __init__(
        self,
        limits: SearchLimits,
        proposals: StudySampler,
        rungs: Rungs,
        journal: Journal,
        seed: int,
        *,
        history_window: int = 0,
        restored: Replay | None = None,
        on_trial_end: Callable[[TrialRecord], None] = lambda record: None,
    ) -> None:
        self.limits = limits
        self.rungs = rungs
        self.records: list[TrialRecord] = []
        self.stopped: Stop | None = None
        self.idle_seconds = 0.0  # slot time that order cost in deterministic mode: waiting, and epochs discarded
        self._study = proposals
        self._journal = journal
        self._seed = seed
        self._history_window = history_window
        self._on_trial_end = on_trial_end
        self._requeued: list[int] = []
        self._running: dict[int, float] = {}  # number -> when it last reported, monotonic seconds
        self._attempts: dict[int, int] = {}
        self._checkpoints: dict[int, tuple[int, str]] = {}
        self._seconds_before: dict[int, float] = {}
        self._outcomes: dict[int, TrialStatus] = {}  # in deterministic mode: ended, but not decided yet
        self._cleared: dict[int, int] = {}  # restarted trials: the epoch up to which rungs have let them through
        self._passed: dict[int, int] = {}  # in deterministic mode: rungs at which a trial was let through
        self._told: set[int] = set()  # in deterministic mode: trials that the study knows of
        self._beyond: dict[int, float] = {}  # in deterministic mode: stopped at, or discarded up to, training seconds
        self._waiting = (time.monotonic(), 0)  # since when how many slots have waited for order
        if restored is not None:
            self._restore(restored)

    # What the launcher asks and tells.

    def next_assignment(self) -> TrialAssignment | NoTrial:
        """The next trial to run, in order of numbers; interrupted and retried trials first."""
        self._check_deadline()
        self._count_waiting(0)
        if self.stopped is not None:
            return NoTrial.DONE
        free = self.limits.concurrency - len(self._running)
        number = len(self.records)
        if free <= 0:
            return NoTrial.WAIT
        if self._requeued:
            return self._plan(self._requeued.pop(0))
        if number >= self.limits.trials:
            return NoTrial.WAIT if self._running else NoTrial.DONE
        if not self._may_propose(number):
            self._count_waiting(free)
            return NoTrial.WAIT
        params, config = self._study.ask(number)
        record = TrialRecord(
            number=number,
            params=params,
            config=config,
            seed=trial_seed(self._seed, number),
            max_epochs=self.limits.max_epochs,
            status=TrialStatus.RUNNING,
            started=time.time(),
        )
        self._journal.proposed(record)
        self.records.append(record)
        return self._plan(number)

    def on_report(self, number: int, report: TrialReport) -> bool:
        """Takes a report; false when the trial must end now."""
        record = self.records[number]
        if record.status != TrialStatus.RUNNING:  # decided meanwhile, in deterministic mode
            self._running.pop(number, None)
            if report.rows:
                self._discard(number, report.rows[-1][3] + self._seconds_before.get(number, 0.0))
            return False
        self._running[number] = time.monotonic()
        record = self._extend(record, report)
        if report.no_space:
            self.stop(Stop.DISK)  # no fault of the trial's: it stays open and goes on when there is room
            self._running.pop(number, None)
            return False
        if report.outcome != "running":
            self._end(replace(record, error=report.error), OUTCOMES[report.outcome])
            return False
        self._check_deadline()
        if self.stopped is not None:
            self._running.pop(number, None)
            return False
        return self._judge(record)

    def on_crash(self, number: int, error: str) -> None:
        """A worker died or hung: the trial is retried from its last checkpoint, or recorded as failed."""
        record = self.records[number]
        self._running.pop(number, None)
        if record.status != TrialStatus.RUNNING or self.stopped is not None:
            return
        self._attempts[number] = self._attempts.get(number, 0) + 1
        if self._attempts[number] <= self.limits.retries:
            self._restart(number, error)
        else:
            self._end(replace(record, error=error), TrialStatus.FAILED)

    def stop(self, reason: Stop) -> None:
        """Ends the search; running trials stay open, so that the sweep can be resumed."""
        self.stopped = self.stopped or reason

    def silent_since(self, seconds: float) -> list[int]:
        """Running trials that have not reported for so long."""
        now = time.monotonic()
        return [number for number, last in self._running.items() if now - last > seconds]

    def finish(self) -> tuple[TrialRecord, ...]:
        """All records, numbers ascending, once the launcher has returned; trials cut short are INTERRUPTED."""
        for number, record in enumerate(self.records):
            if record.status == TrialStatus.RUNNING:
                self.records[number] = replace(record, status=TrialStatus.INTERRUPTED, ended=time.time())
        for record in self.records:
            self._study.tell(record)
        return tuple(self.records)

    @property
    def halted(self) -> bool:
        """Whether running trials must end at once: someone asked for it, the time is over, or nothing can be kept."""
        self._check_deadline()
        return self.stopped in (Stop.INTERRUPTED, Stop.TIME_BUDGET, Stop.DISK)

    @property
    def running(self) -> list[int]:
        """Numbers of the trials that run now."""
        return sorted(self._running)

    # Proposing.

    def _plan(self, number: int) -> TrialAssignment:
        record = self.records[number]
        self._running[number] = time.monotonic()
        return TrialAssignment(
            number=number,
            config=record.config,
            seed=record.seed,
            max_epochs=record.max_epochs,
            # in deterministic mode the others wait for what a protected trial says at a rung
            milestones=self.rungs.levels,  # of the protected reference too: others are judged against it
            compute=self.limits.compute,
            storage=self.limits.storage,
            checkpoint=self._checkpoints.get(number, (0, ""))[1],
            best=min((e.val_loss for e in record.epochs if math.isfinite(e.val_loss)), default=math.inf),
        )

    def _may_propose(self, number: int) -> bool:
        """In deterministic mode: whether all that this proposal learns from is known; tells the study exactly that.

        Of trials up to ``number - history_window`` it learns everything, of those up to ``number - concurrency``
        whether they passed the first rung: most do not, and waiting for the few that continue would leave slots empty.
        """
        if not self._history_window:
            return True
        whole = max(0, number - self._history_window + 1)
        begun = max(whole, number - self.limits.concurrency + 1)
        if any(record.status == TrialStatus.RUNNING for record in self.records[:whole]):
            return False
        first = [r for r in self.records[whole:begun] if self.rungs.levels and not self._passed.get(r.number)]
        if any(record.status == TrialStatus.RUNNING for record in first):
            return False
        for record in [*self.records[:whole], *first]:
            if record.number not in self._told:
                self._told.add(record.number)
                self._study.tell(record)
        return True

    def _count_waiting(self, slots: int) -> None:
        """Adds the slot time lost since the last call; from now on ``slots`` wait for order."""
        now = time.monotonic()
        since, waited = self._waiting
        self.idle_seconds += waited * (now - since)
        self._waiting = (now, slots)

    def _discard(self, number: int, seconds: float) -> None:
        """Adds training time up to ``seconds`` that a trial spent beyond the rung at which it was stopped."""
        if number in self._beyond:
            self.idle_seconds += max(0.0, seconds - self._beyond[number])
            self._beyond[number] = max(seconds, self._beyond[number])

    # Judging and ending.

    def _extend(self, record: TrialRecord, report: TrialReport) -> TrialRecord:
        if report.rows and report.rows[0][0] == 1:  # from the start: also when there was a checkpoint
            self._seconds_before[record.number] = 0.0
        before = self._seconds_before.get(record.number, 0.0)
        epochs = [Epoch.from_row([epoch, loss, m, seconds + before]) for epoch, loss, m, seconds in report.rows]
        if epochs:
            self._journal.reported(record.number, [e.row() for e in epochs])
        if report.checkpoint is not None:
            self._checkpoints[record.number] = report.checkpoint
            self._journal.checkpointed(record.number, *report.checkpoint)
        record = replace(record.with_epochs(epochs), worker=report.worker or record.worker)
        self.records[record.number] = record
        self.rungs.record(record.number, record.epochs)
        return record

    def _judge(self, record: TrialRecord) -> bool:
        if self._history_window:
            self._resolve()  # another trial that is decided here keeps its slot until it hears of it at its next report
            if self.records[record.number].status != TrialStatus.RUNNING:
                self._running.pop(record.number, None)
                return False
            return True
        reached = record.epochs[-1].epoch if record.epochs else 0
        if reached <= self._cleared.get(record.number, 0):
            return True
        if reached in self.rungs.levels and not self.rungs.should_continue(record.number, reached):
            self._end(record, TrialStatus.STOPPED)
            return False
        return True

    def _end(self, record: TrialRecord, status: TrialStatus) -> None:
        self._running.pop(record.number, None)
        if self._history_window:
            self.records[record.number] = record
            self._outcomes[record.number] = status
            self._resolve()
            return
        self._close(record, status)

    def _close(self, record: TrialRecord, status: TrialStatus) -> None:
        record = replace(record, status=status, ended=time.time())
        self._journal.ended(record)
        self.records[record.number] = record
        if not self._history_window:
            self._study.tell(record)
        self._stop_on_same_error()
        self._on_trial_end(record)

    def _resolve(self) -> None:
        """Deterministic mode: decides, in order of numbers, whatever lower-numbered trials allow to decide."""
        open_numbers = [r.number for r in self.records if r.status == TrialStatus.RUNNING]
        waiting_at = math.inf  # the lowest rung at which an undecided lower-numbered trial stands
        for number in open_numbers:
            stands_at = self._advance(number, waiting_at)
            waiting_at = min(waiting_at, stands_at)

    def _advance(self, number: int, limit: float) -> float:
        """Decides a trial's rungs below position ``limit``; returns where it stands then, inf when it is closed."""
        record = self.records[number]
        levels = self.rungs.levels
        reached = record.epochs[-1].epoch if record.epochs else 0
        position = self._passed.get(number, 0)
        while position < len(levels) and position < limit and levels[position] <= reached:
            if not self.rungs.should_continue(number, levels[position], against=range(number)):
                kept = tuple(e for e in record.epochs if e.epoch <= levels[position])
                self.rungs.forget(number, above=levels[position])
                self._close(replace(record, epochs=kept, error=""), TrialStatus.STOPPED)
                self._beyond[number] = kept[-1].seconds
                self._discard(number, record.train_seconds)
                return math.inf
            position += 1
            self._passed[number] = position
        decided = position == len(levels) or levels[position] > reached
        if number in self._outcomes and decided:
            self._close(record, self._outcomes[number])
            return math.inf
        return position

    def _stop_on_same_error(self) -> None:
        if any(r.has_result for r in self.records[:SAME_ERROR_LIMIT]):  # the usual case, at no cost
            return
        ended = [r for r in self.records if r.status != TrialStatus.RUNNING]
        limit = min(max(SAME_ERROR_LIMIT, self.limits.concurrency), self.limits.trials)
        errors = {r.error.partition("\n")[0] for r in ended if r.status == TrialStatus.FAILED}
        if len(ended) >= limit and len(errors) == 1 and all(r.status == TrialStatus.FAILED for r in ended):
            self.stop(Stop.SAME_ERROR)

    def _check_deadline(self) -> None:
        if time.time() >= self.limits.deadline:
            self.stop(Stop.TIME_BUDGET)

    # Going on after an interruption.

    def _restart(self, number: int, error: str) -> None:
        record = self.records[number]
        epoch = self._checkpoints.get(number, (0, ""))[0]
        kept = tuple(e for e in record.epochs if e.epoch <= epoch)
        self._journal.restarted(number, epoch, error)
        self.records[number] = replace(record, epochs=kept)
        if self._history_window:  # decided anew, in order
            self.rungs.forget(number, above=epoch)
            self._passed.pop(number, None)
        else:  # what let it through a rung is not asked again: rivals may have come since
            reached = record.epochs[-1].epoch if record.epochs else 0
            self._cleared[number] = max(self._cleared.get(number, 0), reached)
        self._seconds_before[number] = kept[-1].seconds if kept else 0.0
        self._requeued.append(number)

    def _restore(self, restored: Replay) -> None:
        trials = restored.trials
        self._study.restore([replace(t, status=TrialStatus.RUNNING) if self._history_window else t for t in trials])
        self._checkpoints = dict(restored.checkpoints)
        for trial in trials:
            self.records.append(trial)
            seen = trial.epochs
            if self._history_window and trial.status != TrialStatus.RUNNING:
                reached = trial.epochs[-1].epoch if trial.epochs else 0
                stopped = trial.status == TrialStatus.STOPPED  # at the last rung that it reached
                self._passed[trial.number] = sum(level <= reached for level in self.rungs.levels) - stopped
            if trial.status == TrialStatus.RUNNING and not self._history_window:
                seen = max(restored.longest.get(trial.number, ()), seen, key=len)
                self._cleared[trial.number] = seen[-1].epoch if seen else 0
            self.rungs.record(trial.number, seen)
        for trial in trials:
            if trial.status == TrialStatus.RUNNING:
                self._restart(trial.number, "resumed")
