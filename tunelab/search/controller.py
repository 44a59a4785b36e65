"""The controller of a search: numbers trials, draws them, takes their reports, writes the journal. Knows no Ray."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from trainables.base.worker.assignment import TrialAssignment, TrialReport
from tunelab.records.seeds import trial_seed
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.asha import Rungs
from tunelab.search.asynchronous import AsynchronousOrder
from tunelab.search.events import Checkpointed, Proposed, Reported, Restarted, Steered
from tunelab.search.inbox import Inbox
from tunelab.search.journal import Journal
from tunelab.search.limits import SearchLimits, Stop
from tunelab.search.order import OrderFactory
from tunelab.search.replay import Replay
from tunelab.search.sampling.study import StudySampler
from tunelab.search.source import STATUS_OF_OUTCOME, NoTrial
from tunelab.search.state import SearchState
from tunelab.search.steering import ADD, FINISH, Steering
from tunelab.search.stopping import StopRule


class SearchController:
    """Runs the search of one sweep as a ``TrialSource``; used from one thread, the launcher's.

    Args:
        limits: What it may spend.
        study: The Optuna study.
        rungs: The early stopping; no levels for none.
        journal: Where everything is written before it counts.
        seed: The sweep's seed.
        order: When reports take effect; at once by default.
        stop: When the search ends before its last trial; never by default.
        restored: What an interrupted sweep's journal holds.
        on_trial_end: Called with each record that is final.

    Attributes:
        state: The trials so far, and what may still be spent.
    """

    def __init__(
        self,
        limits: SearchLimits,
        study: StudySampler,
        rungs: Rungs,
        journal: Journal,
        seed: int,
        *,
        order: OrderFactory = AsynchronousOrder,
        stop: StopRule = StopRule(),
        restored: Replay | None = None,
        on_trial_end: Callable[[TrialRecord], None] = lambda record: None,
    ) -> None:
        steering = Steering() if restored is None else Steering(restored.steered, restored.steering_ids)
        self.state = SearchState(limits, study, rungs, journal, on_trial_end, steering)
        self._inbox = Inbox(journal.path.parent)
        self._order = order(self.state)
        self._seed = seed
        self._stop_rule = stop
        self._attempts: dict[int, int] = {}
        self._checkpoints: dict[int, tuple[int, str]] = {}
        self._seconds_before: dict[int, float] = {}  # training time of a restarted trial up to its checkpoint
        if restored is not None:
            self._restore(restored)

    @property
    def records(self) -> list[TrialRecord]:
        """All trials so far, by number."""
        return self.state.records

    @property
    def stopped(self) -> Stop | None:
        """Why the search ends early; None while it does not."""
        return self.state.stopped

    @property
    def idle_seconds(self) -> float:
        """Slot time in seconds that deterministic mode has cost: waiting, and epochs that were discarded."""
        return self._order.idle_seconds

    @property
    def running(self) -> list[int]:
        """Numbers of the trials that run now, ascending."""
        return sorted(self.state.running)

    @property
    def halted(self) -> bool:
        """True if running trials must end at once: on request, at the deadline, or when nothing can be kept."""
        self.state.check_deadline()
        return self.stopped in (Stop.INTERRUPTED, Stop.TIME_BUDGET, Stop.DISK)

    def next_assignment(self) -> TrialAssignment | NoTrial:
        """Return the next trial to run, in order of numbers; interrupted and retried trials first."""
        state = self.state
        self._receive()
        state.check_deadline()
        self._order.count_waiting(0)
        if self.stopped is not None:
            return NoTrial.DONE
        number = len(self.records)
        is_last = number >= state.steering.trials(state.limits.trials) or state.study.is_exhausted
        if is_last and not state.requeued:
            return NoTrial.WAIT if state.running else NoTrial.DONE
        free = (state.steering.slots(number) or state.limits.concurrency) - len(state.running)
        if free <= 0 or state.steering.is_paused(number):
            return NoTrial.WAIT
        if state.requeued:
            return self._assign(state.requeued.pop(0))
        if not self._order.may_propose(number):
            self._order.count_waiting(free)
            return NoTrial.WAIT
        if self._stop_rule.holds(self._order.known()):
            self._take(Steered(f"stop {number}", FINISH, number, {}, time.time()))
            return NoTrial.WAIT if state.running else NoTrial.DONE
        return self._assign(self._propose(number))

    def _propose(self, number: int) -> int:
        """Draw a trial; return its number."""
        state = self.state
        params, config = state.study.suggest(number, self._order.running_curves(number))
        record = TrialRecord(
            number=number,
            params=params,
            config=config,
            seed=trial_seed(self._seed, number),
            max_epochs=state.limits.max_epochs,
            status=TrialStatus.RUNNING,
            started=time.time(),
        )
        state.journal.append(Proposed.from_trial(record, protected=number in state.rungs.protected))
        self.records.append(record)
        return number

    def on_report(self, number: int, report: TrialReport) -> bool:
        """Record a report of a running trial; return False if the trial must end now."""
        state = self.state
        self._receive()
        if not state.is_open(number):  # decided meanwhile, in deterministic mode
            state.running.pop(number, None)
            if report.rows:
                self._order.discard(number, report.rows[-1][3] + self._seconds_before.get(number, 0.0))
            return False
        state.running[number] = time.monotonic()
        record = self._extend(self.records[number], report)
        end = state.steering.last_epoch(number)
        if report.no_space:
            self.stop(Stop.DISK)  # not the trial's fault: it stays open and continues when there is space
        elif end is not None and record.last_epoch >= end:  # by command
            state.rungs.forget(number, above=end)
            kept = tuple(e for e in record.epochs if e.epoch <= end)
            self._order.end(replace(record, epochs=kept), TrialStatus.STOPPED)
            return False
        elif report.outcome != "running":
            self._order.end(replace(record, error=report.error), STATUS_OF_OUTCOME[report.outcome])
            return False
        else:
            state.check_deadline()
        if self.stopped is not None:
            state.running.pop(number, None)
            return False
        return self._order.judge(record)

    def on_crash(self, number: int, error: str) -> None:
        """Record that a worker died or hung: its trial is retried from its last checkpoint, or has failed."""
        self.state.running.pop(number, None)
        if not self.state.is_open(number) or self.stopped is not None:
            return
        self._attempts[number] = self._attempts.get(number, 0) + 1
        if self._attempts[number] <= self.state.limits.retries:
            self._restart(number, error)
        else:
            self._order.end(replace(self.records[number], error=error), TrialStatus.FAILED)

    def stop(self, reason: Stop) -> None:
        """End the search; running trials stay open, so that the sweep can be resumed."""
        self.state.stop(reason)

    def silent_since(self, seconds: float) -> list[int]:
        """Return the running trials without a report for more than ``seconds``."""
        now = time.monotonic()
        return [number for number, last in self.state.running.items() if now - last > seconds]

    def finish(self) -> tuple[TrialRecord, ...]:
        """Return all records, once the launcher has returned; trials cut short are INTERRUPTED.

        When the time budget is over, those with an epoch count as stopped early: the best epoch so far may well be the
        best of the search. The journal keeps them open, so that they continue when the sweep is resumed.
        """
        in_time = self.stopped is Stop.TIME_BUDGET
        for number, record in enumerate(self.records):
            if record.status == TrialStatus.RUNNING:
                counts = in_time and record.best is not None
                status = TrialStatus.STOPPED if counts else TrialStatus.INTERRUPTED
                self.records[number] = replace(record, status=status, ended=time.time())
        for record in self.records:
            self.state.study.tell(record)
        return tuple(self.records)

    def _receive(self) -> None:
        """Take new commands."""
        for command in self._inbox.receive():
            if not self.state.steering.knows(command.id):
                self._take(self.state.steering.settle(command, self.state))

    def _take(self, command: Steered) -> None:
        """Let a command count, which is in the journal before."""
        self.state.journal.append(command)
        self.state.steering.take(command)
        if command.command == ADD:
            self.state.study.add(command.before, command.values["params"])

    def _assign(self, number: int) -> TrialAssignment:
        record, limits = self.records[number], self.state.limits
        self.state.running[number] = time.monotonic()
        return TrialAssignment(
            number=number,
            config=record.config,
            seed=record.seed,
            max_epochs=record.max_epochs,
            # of the protected reference too: the others are judged against it, in deterministic mode they wait for it
            milestones=self.state.rungs.levels,
            compute=limits.compute,
            storage=limits.storage,
            checkpoint=self._checkpoints.get(number, (0, ""))[1],
            best=min((e.val_loss for e in record.epochs if math.isfinite(e.val_loss)), default=math.inf),
            seconds_left=limits.deadline - time.time(),
        )

    def _extend(self, record: TrialRecord, report: TrialReport) -> TrialRecord:
        """Add a report's epochs to a trial."""
        if report.rows and report.rows[0][0] == 1:  # from the start: also when there was a checkpoint
            self._seconds_before[record.number] = 0.0
        before = self._seconds_before.get(record.number, 0.0)
        epochs = [Epoch.from_row([epoch, loss, m, seconds + before]) for epoch, loss, m, seconds in report.rows]
        if epochs:
            self.state.journal.append(Reported(record.number, [e.row() for e in epochs]))
        if report.checkpoint is not None:
            self._checkpoints[record.number] = report.checkpoint
            self.state.journal.append(Checkpointed(record.number, *report.checkpoint))
        record = replace(record.with_epochs(epochs), worker=report.worker or record.worker)
        self.records[record.number] = record
        self.state.rungs.record(record.number, record.epochs)
        return record

    def _restart(self, number: int, error: str) -> None:
        """Queue a trial to continue from its last checkpoint."""
        record = self.records[number]
        epoch = self._checkpoints.get(number, (0, ""))[0]
        kept = tuple(e for e in record.epochs if e.epoch <= epoch)
        self.state.journal.append(Restarted(number, epoch, error))
        self.records[number] = replace(record, epochs=kept)
        self._order.restart(record, epoch)
        self._seconds_before[number] = kept[-1].seconds if kept else 0.0
        self.state.requeued.append(number)

    def _restore(self, earlier: Replay) -> None:
        """Take back the trials of an interrupted sweep; those that ran are queued again."""
        self._checkpoints = dict(earlier.checkpoints)
        for number, params in self.state.steering.added.items():
            self.state.study.add(number, params)
        self._order.restore(earlier)
        self.records.extend(earlier.trials)
        for trial in earlier.trials:
            if trial.status == TrialStatus.RUNNING:
                self._restart(trial.number, "resumed")
