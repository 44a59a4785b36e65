"""The live table of a sweep on a terminal: running and best trials under a progress bar."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainables import Splits, Task
from tunelab.display.display import headline, new_errors, short_config
from tunelab.records.measure import Measure
from tunelab.records.spec import SweepSpec
from tunelab.records.text import format_duration, format_number
from tunelab.records.trial import TrialRecord, TrialStatus, ranked
from tunelab.system.language import tr, tr_term
from tunelab.system.terminal import cells, printable, stream_below
from tunelab.system.texts import tr_text

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod, RenderableType
    from rich.table import Table

REFRESH_SECONDS = 0.25
BEST_ROWS = 5
BAR_ROWS, HEAD_ROWS = 3, 4  # around the table, and its own head with its blank lines
CELLS = {"trial": 5, "status": 13, "epoch": 5}  # of the columns that every table has
NUMBER = 9  # cells of a number
CONFIG_CELLS = 20  # that a configuration takes at least
# Of the 256 colours, those of the same contrast (4 to 5 : 1) on white and on black: a theme's own yellow or cyan cannot
# be read on white, its blue cannot on black.
WINNER = "★"  # the mark of the best trial
TO_COME = "grey50"  # the part of the bar that is to come: Rich's own is nearly black, the strongest part on white
STYLES = {
    TrialStatus.RUNNING: "turquoise4",
    TrialStatus.FINISHED: "green4",
    TrialStatus.STOPPED: "color(130)",  # orange
    TrialStatus.DIVERGED: "red3",
    TrialStatus.FAILED: "red3",
    TrialStatus.INTERRUPTED: "magenta3",
}


class LiveTable:
    """Running and best trials, a progress bar, time left.

    Args:
        console: where it is drawn; stderr when None.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        # The stream below: Live puts a proxy of its own above, and Rich looks through one of them only.
        self._console = console or Console(file=stream_below(sys.stderr), highlight=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._progress = Progress(0, 0.0)
        self._drawn = 0.0
        self._score = ""
        self._measure = Measure()
        self._errors: set[str] = set()

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        self.begin(
            headline(spec, task, splits, concurrency),
            int(spec.trials or 0),
            budget=spec.time_budget or math.inf,
            score=f"val_{task.facts.score}",
            measure=Measure.from_facts(task.facts),
        )

    def begin(
        self,
        lines: Sequence[str],
        total: int,
        *,
        budget: float = math.inf,
        score: str = "",
        measure: Measure = Measure(),
    ) -> None:
        """Show what runs, and draw the table from now on.

        Args:
            lines: What runs.
            total: Number of trials.
            budget: Seconds that the search may take.
            score: Metric that is shown beside the loss.
            measure: How the loss is shown.
        """
        for line in lines:
            self._console.print(printable(line), markup=False)
        self._score, self._measure = score, measure
        self._progress = Progress(total, time.time(), budget)
        self._live.start()

    def progress(self, trials: list[TrialRecord]) -> None:
        now = time.monotonic()
        if now - self._drawn >= REFRESH_SECONDS:
            self._drawn = now
            for error in new_errors(trials, self._errors):
                self.note(error)
            self._live.update(self._draw(trials), refresh=True)

    def step(self, text: str) -> None:
        self._live.stop()
        self._console.print(printable(tr_text(text)), markup=False)

    def note(self, text: str) -> None:
        """Show a line above the table, which stays."""
        self._console.print(printable(tr_text(text)), markup=False)

    def close(self) -> None:
        """Remove the table; the summary follows."""
        self._live.stop()

    def _draw(self, trials: list[TrialRecord]) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        width, height = self._console.size
        ended = sum(t.status != TrialStatus.RUNNING for t in trials)
        bar = Table.grid(padding=(0, 2))
        bar.add_column()
        bar.add_column(no_wrap=True, overflow="ellipsis")
        bar.add_row(
            ProgressBar(total=self._progress.total, completed=ended, width=min(40, width // 3), style=TO_COME),
            self._progress.text(trials, time.time()),
        )
        table = draw_trials(trials, width, height - BAR_ROWS, self._score, self._measure)
        return Group(bar, table, "")  # behind a line that fills the window, Ctrl-C's own "^C" would begin another


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    Attributes:
        total: trials that are asked for.
        began: unix time; trials that ended before it do not show how long one takes.
        budget: seconds that the search may take.
    """

    total: int
    began: float
    budget: float = math.inf

    def text(self, trials: Sequence[TrialRecord], now: float) -> str:
        """``12/32 trials, 0:40 spent, 1:07 left, 2 failed``."""
        ended = [t for t in trials if t.status != TrialStatus.RUNNING]
        seen = sum(t.ended >= self.began for t in ended)
        failed = sum(t.status in (TrialStatus.FAILED, TrialStatus.DIVERGED) for t in ended)
        spent = now - self.began
        left = spent / seen * (self.total - len(ended)) if seen else math.inf
        left = min(left, max(0.0, self.budget - spent))
        text = tr(
            "{ended}/{total} trials, {spent} spent, {left} left",
            ended=len(ended),
            total=self.total,
            spent=format_duration(spent),
            left=format_duration(left),
        )
        return f"{text}, {tr('{count} failed', count=failed)}" if failed else text


def draw_trials(
    trials: Sequence[TrialRecord], width: int, height: int, score: str = "", measure: Measure = Measure()
) -> Table:
    """Draw running and best trials as a table that fits a terminal.

    Where it is narrow, the configuration is cut, then left out, and then columns from the right. Best trials fill the
    rows that running ones leave; where it is low, the last of the running trials are left out.

    Args:
        trials: All trials.
        width: Cells of a line.
        height: Lines.
        score: Metric of an epoch that is shown beside the loss, e.g. ``val_rmse``; only where trials report it.
        measure: How the loss is shown.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = columns_of(trials, score, measure)
    fitting = [name for i, name in enumerate(columns) if width >= cells_of(list(columns.values())[: i + 1])]
    with_config = width >= cells_of(list(columns.values())) + CONFIG_CELLS
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=with_config)
    for name in fitting:
        justify: JustifyMethod = "left" if name == "status" else "right"
        table.add_column(tr_term(name), justify=justify, no_wrap=True, min_width=columns[name])
    if with_config:
        table.add_column(tr("what differs"), overflow="ellipsis", no_wrap=True, ratio=1)
    rows = max(1, height - HEAD_ROWS)
    running = [trial for trial in trials if trial.status == TrialStatus.RUNNING]
    best = ranked(trials)[: max(BEST_ROWS, rows - len(running))]
    shown = [*running[: max(1, rows - len(best))], *best]
    varying = varying_keys(trials)
    for trial in shown:
        row = [
            Text(text, style=STYLES[trial.status] if name == "status" else "")
            for name, text in cells_by_name(trial, columns, measure).items()
        ]
        if best and trial is best[0]:
            row[0] = Text(f"{WINNER} {trial.number}")
        config = [printable(short_config(trial, varying))] if with_config else []
        table.add_row(*row[: len(fitting)], *config, style="bold" if best and trial is best[0] else None)
    return table


def columns_of(trials: Sequence[TrialRecord], score: str, measure: Measure) -> dict[str, int]:
    """Return the names of the columns with their cells; the headline score takes the place of the last loss."""
    loss = {measure.name: max(NUMBER, len(measure.name))}
    if not any(score in epoch.metrics for trial in trials for epoch in trial.epochs[-1:]):
        columns = CELLS | loss | {"best": NUMBER}
    else:
        columns = CELLS | {score: max(NUMBER, len(score))} | loss
    return {name: max(width, cells(tr_term(name))) for name, width in columns.items()}


def cells_by_name(trial: TrialRecord, columns: Iterable[str], measure: Measure) -> dict[str, str]:
    """Return the texts of a trial's row: the last epoch, and the best one's loss, in the last column, and score."""
    last, low = (trial.epochs[-1] if trial.epochs else None), trial.best
    *names, lowest = columns
    known = {"trial": str(trial.number), "status": tr_term(trial.status.label)}
    if low is not None:
        known |= {name: format_number(value) for name, value in low.metrics.items() if name in names}
    if last is not None:
        known |= {"epoch": str(last.epoch), measure.name: format_number(measure.value(last.val_loss))}
    shown = "" if low is None else format_number(measure.value(low.val_loss))
    return {name: known.get(name, "") for name in names} | {lowest: shown}


def varying_keys(trials: Sequence[TrialRecord]) -> list[str]:
    """Return what distinguishes trials: keys whose values differ between configurations; all where none does."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial.config))
    varying = [key for key in keys if any(trial.config.get(key) != trials[0].config.get(key) for trial in trials)]
    return varying or keys


def cells_of(widths: Sequence[int]) -> int:
    """Return the width of a table with these columns, blanks between them and at its edges included."""
    return sum(widths) + 3 * len(widths)
