"""After the search: the best trials on fresh seeds, the winner on the test split, and the result in the store."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from search_spaces.errors import bounded_text, describe_error
from tunelab.analysis.front import pareto_front
from tunelab.confirmation.audit import audit
from tunelab.confirmation.confirm import confirm, confirm_count
from tunelab.confirmation.cross_validation import cross_validate, leaders_to_compare
from tunelab.confirmation.front import confirm_front
from tunelab.display.display import Display
from tunelab.launch.session import leave_ray
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.search.events import Finished, TestOpened
from tunelab.setup.folders import CONFIRMATION, ERROR_FILE
from tunelab.sweep.beginning import BegunSweep
from tunelab.sweep.loading import LoadingAhead
from tunelab.sweep.outcome import Outcome, take_steps
from tunelab.sweep.tracking import SweepTracking
from tunelab.system.errors import DiskFull, SweepFailed
from tunelab.system.redaction import without_secrets
from tunelab.system.signals import Interruptions

MAX_TRACE = 100_000  # characters of a traceback in ``ERROR_FILE``


def judge(
    outcome: Outcome, begun: BegunSweep, tracking: SweepTracking, loading: LoadingAhead, display: Display
) -> Outcome:
    """Confirm and evaluate the winner, unless the search was cut short or has none.

    Args:
        outcome: Of the search.
        begun: The sweep.
        tracking: Of the sweep.
        loading: Of what this needs.
        display: Shows the steps.
    """
    ranked = outcome.result.ranked()
    if not ranked:
        return outcome
    # what there is to say when the rest is cut short
    found = replace(outcome.result, best=Best.from_trial(ranked[0]), front=pareto_front(outcome.result))
    outcome = replace(outcome, result=found)
    if outcome.is_cut_short:
        return outcome
    opened: list[float] = []

    def on_open(moment: float) -> None:
        begun.journal.append(TestOpened(moment))
        opened.append(moment)

    def evaluate_winner(result: SweepResult) -> SweepResult:
        from tunelab.evaluation.evaluate import evaluate  # loads torch and scikit-learn: not before training

        leave_ray()  # whose death would end this process
        task, splits = begun.prepared.resolved.task, begun.prepared.splits
        return evaluate(
            result, task, splits, begun.weights, tracking.store, loading.figure_process, display.step, on_open
        )

    def wait_for_imports(result: SweepResult) -> SweepResult:
        loading.wait()
        return result

    confirm_best = partial(_confirm, begun=begun, tracking=tracking, log=display.step)
    before = outcome.result.test_openings
    outcome = take_steps(outcome, (wait_for_imports, confirm_best, evaluate_winner), display.step)
    return replace(outcome, result=replace(outcome.result, test_openings=(*before, *opened)))


def _confirm(
    result: SweepResult, *, begun: BegunSweep, tracking: SweepTracking, log: Callable[[str], None]
) -> SweepResult:
    """Compare leaders by folds, train the best on fresh seeds and stopped trials to their end, as far as asked for.

    Of several objectives the points of the Pareto front are trained on fresh seeds.
    """
    prepared = begun.prepared
    spec, task = prepared.resolved.spec, prepared.resolved.task
    if result.front is not None:
        front = confirm_front(
            result,
            task,
            prepared.splits,
            prepared.resources,
            top=spec.confirm_top,
            seeds=spec.confirm_seeds,
            log=log,
        )
        result = replace(result, front=front)
        tracking.log_confirmation(result)
        return result
    leaders = leaders_to_compare(result, task, prepared.splits)
    if leaders:
        compared = cross_validate(result, task, prepared.splits, leaders, log)
        result = replace(result, cross_validation=compared)
    top = confirm_count(result, task, spec.confirm_top, spec.confirm_seeds)
    if top:
        found = confirm(
            result,
            task,
            prepared.splits,
            prepared.resources,
            top=top,
            seeds=spec.confirm_seeds,
            storage=f"{prepared.resolved.storage}/{CONFIRMATION}",
            log=log,
        )
        result = replace(result, confirmation=found)
    if spec.audit:
        finished = audit(result, task, prepared.splits, prepared.resources, count=spec.audit, log=log)
        result = replace(result, audit=finished)
    tracking.log_confirmation(result)
    return result


def end(
    outcome: Outcome,
    begun: BegunSweep,
    tracking: SweepTracking,
    interruptions: Interruptions,
    display: Display,
    began: float,
) -> SweepResult:
    """Write the result to the store and note the end.

    Args:
        outcome: What the sweep has come to.
        begun: The sweep.
        tracking: Of the sweep.
        interruptions: A first signal now changes nothing; a second ends the process.
        display: Shows what could not be written.
        began: Unix time in seconds at which the session began.

    Raises:
        SweepFailed: An exception was raised that no code expects.
    """
    result = outcome.result
    outcome = replace(outcome, result=replace(result, wall_seconds=result.wall_seconds + time.time() - began))
    with interruptions.answered_by(lambda: None):
        try:
            written = tracking.write(outcome.result, resumed=begun.earlier is not None)
            outcome = replace(outcome, result=written)
        except Exception as problem:  # noqa: BLE001 as in the search
            outcome = outcome.failed(problem)
    try:
        begun.journal.append(Finished(outcome.result.stopped, time.time()))
    except DiskFull as problem:
        display.step(str(problem))
    if outcome.problem is not None:
        raise _failure(outcome.result, outcome.problem, begun, tracking) from outcome.problem
    if not outcome.result.stopped:
        begun.weights.remove()
    return outcome.result


def _failure(result: SweepResult, problem: Exception, begun: BegunSweep, tracking: SweepTracking) -> SweepFailed:
    """Return the exception that tells of another one, whose traceback is kept beside the journal and in the store."""
    path = begun.prepared.resolved.folder / ERROR_FILE
    trace = without_secrets(bounded_text("".join(traceback.format_exception(problem)), MAX_TRACE))
    path.write_text(trace, encoding="utf-8")
    tracking.mark_failed(result.parent_run_id, path)
    return SweepFailed(
        f"{describe_error(problem, whole=False)}. Trials that ended are kept, the traceback is in '{path}'; "
        f"`tunelab resume {result.name}` continues when the cause is mended."
    )
