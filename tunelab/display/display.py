"""What a sweep shows while it runs: one calm table on a terminal, a line per ended trial elsewhere. On stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from trainables import Splits, Task
from trainables.base.kinds.registry import kind_of
from tunelab.records.measure import Measure
from tunelab.records.spec import SweepSpec
from tunelab.records.text import format_number
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.system.terminal import printable

if TYPE_CHECKING:
    from tunelab.display.live_table import LiveTable


class Display(Protocol):
    """What a sweep shows while it runs."""

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        """Show what runs, once data is loaded and training begins."""

    def progress(self, trials: list[TrialRecord]) -> None:
        """Show the progress of trials; called often, from the launcher's thread."""

    def step(self, text: str) -> None:
        """Show a step after the search, or something the user should know."""


class Silent:
    """Shows nothing."""

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        return

    def progress(self, trials: list[TrialRecord]) -> None:
        return

    def step(self, text: str) -> None:
        return


class WhileSeen:
    """Another display until its terminal is closed; a sweep continues without one."""

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


@contextmanager
def make_display() -> Iterator[Lines | LiveTable]:
    """Yield a live table when stderr is a terminal, plain lines when not."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from tunelab.display.live_table import LiveTable

    table = LiveTable()
    try:
        yield table
    finally:
        with suppress(OSError):  # the terminal was closed
            table.close()


class Lines:
    """One line per event; for logs and pipes."""

    def __init__(self) -> None:
        self._shown: set[int] = set()
        self._measure = Measure()

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        self._measure = Measure.from_facts(task.facts)
        self.begin(headline(spec, task, splits, concurrency))

    def begin(self, lines: Sequence[str], total: int = 0) -> None:
        """Show what runs; the number of trials is among the lines."""
        _say("\n".join(lines))

    def progress(self, trials: list[TrialRecord]) -> None:
        for trial in trials:
            if trial.status != TrialStatus.RUNNING and trial.number not in self._shown:
                self._shown.add(trial.number)
                _say(line_of(trial, self._measure))

    def step(self, text: str) -> None:
        _say(text)

    def note(self, text: str) -> None:
        """Show a line."""
        _say(text)


def headline(spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> list[str]:
    """Return what runs on which data: shown before training begins."""
    facts = task.facts
    rows = [len(splits.train.targets), len(splits.validation.targets), len(splits.test)]
    split = f"{rows[0]:,} training, {rows[1]:,} validation, {rows[2]:,} sealed test rows; "
    kind = kind_of(facts.kind)
    lines = [
        f"{facts.title} ({facts.kind}), data: {facts.source}" if kind.has_data else f"{facts.title} in {facts.source}",
        f"{split if kind.has_data else ''}{spec.trials} trials of at most {spec.max_epochs} epochs, "
        f"{concurrency} at once, sampler {spec.sampler}, scheduler {spec.scheduler}",
        *_stopping(spec, facts.grace_period),
        Measure.from_facts(facts).description,
    ]
    lines += described(task.description())
    return lines + ([facts.note] if facts.note else [])


def _stopping(spec: SweepSpec, usual_grace: int) -> list[str]:
    """Return when the scheduler may stop a trial, and whether ``--max-epochs`` has moved that."""
    if spec.scheduler == "none":
        return []
    lines = [
        f"A trial can be stopped early after {spec.grace_period} {'epoch' if spec.grace_period == 1 else 'epochs'}."
    ]
    if spec.grace_period == spec.max_epochs and (spec.grace_period or 1) < usual_grace:
        lines.append(
            f"--max-epochs {spec.max_epochs} lowers the grace period, which is {usual_grace} epochs otherwise."
        )
    return lines


def described(description: Mapping[str, Any]) -> list[str]:
    """Return a task's description of its data, a line each: columns with the reason where given; notes last."""
    lines = []
    for key, value in description.items():
        if key == "notes" or value in ([], {}, ""):
            continue
        if isinstance(value, dict):
            shown = ", ".join(
                f"{name} ({why:,})" if isinstance(why, int) else f"{name} ({why})" for name, why in value.items()
            )
        elif isinstance(value, list):
            shown = ", ".join(map(str, value))
        else:
            shown = f"{value:,}" if isinstance(value, int) else str(value)
        lines.append(f"{key.replace('_', ' ')}: {shown}")
    return lines + [str(note) for note in description.get("notes", [])]


def line_of(trial: TrialRecord, measure: Measure) -> str:
    """Return the line of an ended trial. What a failed one said is in the summary, once."""
    best = trial.best
    head = f"trial {trial.number:>3}  {trial.status.label:<13} {len(trial.epochs):>3} epochs"
    result = "no result"
    if best is not None:
        result = f"{measure.name} {format_number(measure.value(best.val_loss))} at epoch {best.epoch}"
    return f"{head}  {result}  {short_config(trial)}"


def short_config(trial: TrialRecord, keys: Sequence[str] | None = None) -> str:
    """Return a configuration in a line, ``hidden_sizes=128-64 lr=0.001``; all of it when ``keys`` is None."""
    shown = trial.config if keys is None else {key: trial.config[key] for key in keys if key in trial.config}
    return " ".join(f"{key}={_short(value)}" for key, value in shown.items())


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return "-".join(_short(v) for v in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _say(text: str) -> None:
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()
