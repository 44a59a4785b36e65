"""``run_sweep``: the steps of a sweep in their order, each of which is a function in ``tunelab/sweep``."""

from __future__ import annotations

import time
from contextlib import closing

from tunelab.display.display import Display, Silent, WhileSeen
from tunelab.figures.worker import FigureProcess
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec
from tunelab.search.journal import Journal
from tunelab.setup.folders import make_folder
from tunelab.setup.resolve import resolve_sweep
from tunelab.setup.resolved import ResolvedSweep
from tunelab.sweep.beginning import begin, earlier_sessions, finished_result
from tunelab.sweep.conclusion import end, judge
from tunelab.sweep.loading import LoadingAhead
from tunelab.sweep.preparation import prepared
from tunelab.sweep.searching import search
from tunelab.sweep.tracking import SweepTracking
from tunelab.system.autologging import no_autologging
from tunelab.system.signals import Interruptions


def run_sweep(spec: SweepSpec, display: Display | None = None) -> SweepResult:
    """Run a sweep, or continue the interrupted one of the same name.

    Args:
        spec: What to search, and how.
        display: Shows what happens; nothing is shown when None.

    Returns:
        The trials, the winner with its scores, and what a confirmation says of it.

    Raises:
        UserError: Bad input; nothing is written.
        SweepFailed: An exception was raised that no code expects; trials that ended are kept, and the sweep can be
            resumed.
        KeyboardInterrupt: A signal came before the search had begun.
    """
    return run_resolved(resolve_sweep(spec), display)


def run_resolved(resolved: ResolvedSweep, display: Display | None = None, *, keep_ray: bool = False) -> SweepResult:
    """Run a sweep that was looked up and checked; else as ``run_sweep``.

    Args:
        resolved: The sweep.
        display: Shows what happens; nothing is shown when None.
        keep_ray: Leave a Ray that is started here running for the next sweep of this process.
    """
    began = time.time()
    shown = WhileSeen(display or Silent())
    interruptions, tracking = Interruptions(), SweepTracking(resolved, shown)
    with (
        no_autologging(),
        interruptions.raised(),
        closing(FigureProcess()) as figures,
        prepared(resolved, tracking, shown, keep_ray=keep_ray) as ready,
    ):
        if earlier_sessions(ready) is None:
            tracking.store.check_new_name(resolved.task.facts.name, resolved.spec.name)
        make_folder(resolved.folder)
        with closing(Journal(resolved.folder)) as journal:
            earlier = tracking.restore(earlier_sessions(ready))  # looked up once more: now no other process writes
            finished = finished_result(ready, earlier, tracking)
            if finished is not None:
                shown.step(f"{finished.name} is finished; `tunelab resume` with --trials extends it")
                return finished
            with tracking.ended_in_any_case():
                begun = begin(ready, journal, earlier, tracking, began)
                loading = LoadingAhead(figures, resolved.task, tracked=tracking.is_on)
                outcome = search(begun, tracking, loading, interruptions, shown)
                with interruptions.raised():
                    outcome = judge(outcome, begun, tracking, loading, shown)
                return end(outcome, begun, tracking, interruptions, shown, began)
