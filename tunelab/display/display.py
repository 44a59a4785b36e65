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
from tunelab.system.language import tr, tr_plural, tr_term
from tunelab.system.terminal import padded, printable
from tunelab.system.texts import tr_text

if TYPE_CHECKING:
    from tunelab.display.live_table import LiveTable

STATUS_CELLS = 13  # of a line


class Display(Protocol):
    """What a sweep shows while it runs."""

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        """Show what runs, once data is loaded and training begins."""

    def progress(self, trials: list[TrialRecord]) -> None:
        """Show the progress of trials; called often, from the launcher's thread."""

    def step(self, text: str) -> None:
        """Show a step after the search, or something the user should know: a text in English, see ``tr_text``."""


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
        self._errors: set[str] = set()
        self._measure = Measure()

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        self.begin(headline(spec, task, splits, concurrency), measure=Measure.from_facts(task.facts))

    def begin(self, lines: Sequence[str], total: int = 0, *, score: str = "", measure: Measure = Measure()) -> None:
        """Show what runs; the number of trials is among the lines, which have no column for a score."""
        self._measure = measure
        _say("\n".join(lines))

    def progress(self, trials: list[TrialRecord]) -> None:
        for trial in trials:
            if trial.status != TrialStatus.RUNNING and trial.number not in self._shown:
                self._shown.add(trial.number)
                _say(line_of(trial, self._measure))
                for error in new_errors([trial], self._errors):
                    _say(f"  {error}")

    def step(self, text: str) -> None:
        _say(tr_text(text))

    def note(self, text: str) -> None:
        """Show a line."""
        _say(tr_text(text))


def headline(spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> list[str]:
    """Return what runs on which data: shown before training begins."""
    facts = task.facts
    rows = [len(splits.train.targets), len(splits.validation.targets), len(splits.test)]
    split = tr(
        "{training:,} training, {validation:,} validation, {test:,} sealed test rows; ",
        training=rows[0],
        validation=rows[1],
        test=rows[2],
    )
    title, source = tr_text(facts.title), tr_text(facts.source)
    about = tr("{title} in {source}", title=title, source=source)
    has_data = kind_of(facts.kind).has_data
    if has_data:
        about = tr("{title} ({kind}), data: {source}", title=title, kind=facts.kind, source=source)
    lines = [
        about,
        f"{split if has_data else ''}{plan_line(spec, concurrency)}",
        *_stopping(spec, facts.grace_period),
        Measure.from_facts(facts).description,
    ]
    lines += described(task.description())
    return lines + ([tr_text(facts.note)] if facts.note else [])


def plan_line(spec: SweepSpec, concurrency: int) -> str:
    """Return how much a sweep trains, and how it searches."""
    return tr_plural(
        "{trials} trial of at most {epochs} epochs, {concurrency} at once, sampler {sampler}, scheduler {scheduler}",
        "{trials} trials of at most {epochs} epochs, {concurrency} at once, sampler {sampler}, scheduler {scheduler}",
        spec.trials,
        trials=spec.trials,
        epochs=spec.max_epochs,
        concurrency=concurrency,
        sampler=spec.sampler,
        scheduler=spec.scheduler,
    )


def _stopping(spec: SweepSpec, usual_grace: int) -> list[str]:
    """Return when the scheduler may stop a trial, or why it stops none."""
    if spec.scheduler == "none":
        return []
    grace = spec.grace_period or 0
    if spec.max_epochs is None or grace < spec.max_epochs:
        return [tr("A trial can be stopped early after {epochs}.", epochs=_epochs(grace))]
    if grace < usual_grace:
        return [
            tr(
                "With --max-epochs {epochs} no trial is stopped early: the grace period is {usual} epochs otherwise.",
                epochs=spec.max_epochs,
                usual=usual_grace,
            )
        ]
    return [tr("No trial is stopped early: the grace period is as long as a trial.")]


def _epochs(count: int) -> str:
    return tr("1 epoch") if count == 1 else tr("{count} epochs", count=count)


def described(description: Mapping[str, Any]) -> list[str]:
    """Return a task's description of its data, a line each: columns with the reason where given; notes last."""
    lines = []
    for key, value in description.items():
        if key == "notes" or value in ([], {}, ""):
            continue
        if isinstance(value, dict):
            shown = ", ".join(
                f"{name} ({why:,})" if isinstance(why, int) else f"{name} ({tr_text(str(why))})"
                for name, why in value.items()
            )
        elif isinstance(value, list):
            shown = ", ".join(map(str, value))
        else:
            shown = f"{value:,}" if isinstance(value, int) else tr_text(value) if " " in str(value) else str(value)
        lines.append(f"{tr_term(key.replace('_', ' '))}: {shown}")
    return lines + [tr_text(str(note)) for note in description.get("notes", [])]


def line_of(trial: TrialRecord, measure: Measure) -> str:
    """Return the line of an ended trial."""
    best = trial.best
    head = tr_plural(
        "trial {number:>3}  {status} {epochs:>3} epoch ",
        "trial {number:>3}  {status} {epochs:>3} epochs",
        len(trial.epochs),
        number=trial.number,
        status=padded(tr_term(trial.status.label), STATUS_CELLS),
        epochs=len(trial.epochs),
    )
    result = tr("no result")
    if best is not None:
        value = format_number(measure.value(best.val_loss))
        result = tr("{metric} {value} at epoch {epoch}", metric=measure.name, value=value, epoch=best.epoch)
    return f"{head}  {result}  {short_config(trial)}"


def new_errors(trials: Sequence[TrialRecord], seen: set[str]) -> list[str]:
    """Return what failed trials said, each text once; ``seen`` takes up what was returned."""
    found = list(dict.fromkeys(first_line(trial.error) for trial in trials if trial.error))
    new = [text for text in found if text not in seen]
    seen.update(new)
    return new


def failed_text(trials: Sequence[TrialRecord]) -> str:
    """Return how many trials failed, and what the first of them said; empty when none did."""
    errors = [trial.error for trial in trials if trial.error]
    if not errors:
        return ""
    return tr_plural(
        "{count} trial failed: {error}",
        "{count} trials failed, the first with: {error}",
        len(errors),
        count=len(errors),
        error=first_line(errors[0]),
    )


def first_line(error: str) -> str:
    """Return what a failed trial said, without its traceback, in the language that is shown."""
    return tr_text(error.partition("\n")[0])


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
