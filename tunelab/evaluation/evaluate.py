"""After the search: the winner on the test split, opened once, beside baselines; its model into the registry."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from trainables import Predictor, RawSplit, Splits, Task
from trainables.base.kinds.registry import kind_of
from tunelab.analysis.permutation_importance import column_importance
from tunelab.evaluation.attempts import Attempts
from tunelab.evaluation.baselines import baselines
from tunelab.evaluation.candidates import Candidates, load_candidates
from tunelab.evaluation.expected_loss import expected_loss, too_few
from tunelab.evaluation.reference import reference_baseline
from tunelab.evaluation.reported import evaluate_reported
from tunelab.evaluation.weights import LeadingWeights
from tunelab.evaluation.winner import Winner, make_winner
from tunelab.evaluation.winner_figures import WinnerFigures
from tunelab.evaluation.winner_log import log_winner
from tunelab.figures.evidence import Evidence, gather
from tunelab.figures.kinds import kind_figures
from tunelab.figures.worker import FigureProcess
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.assessment.evaluation import Evaluation
from tunelab.records.assessment.importance import Importance
from tunelab.records.result import SweepResult
from tunelab.records.tracking_store import TrackingStore
from tunelab.tracking.queue import retry_while_unavailable

FIGURES = "figures"  # folder among the winner's artifacts


def evaluate(
    result: SweepResult,
    task: Task,
    splits: Splits,
    weights: LeadingWeights,
    store: TrackingStore,
    figure_process: FigureProcess,
    log: Callable[[str], None],
    on_open: Callable[[float], None],
) -> SweepResult:
    """Score the winner and the baselines on validation and test, log figures and model, register the model.

    Args:
        result: The sweep, with a trial that has a result; the best by validation loss wins unless a confirmation chose
            another.
        task: What it learned.
        splits: The task's data.
        weights: Weights of the leading trials.
        store: The tracking store.
        figure_process: Draws figures beside this process when the store keeps them.
        log: Shows a step to the user.
        on_open: Called with the unix time before the test split is opened.

    Returns:
        The result with winner, baselines and evaluation; for a task that cannot predict, with the winner alone.
    """
    candidates = load_candidates(result, task, splits, weights)
    winner = make_winner(result, task, splits, weights, candidates, log)
    predictor = winner.predictor
    if predictor is None:
        return replace(result, best=winner.best)
    if not kind_of(task.facts.kind).has_data:
        return evaluate_reported(result, task, splits, winner.best, predictor, store, log, on_open)
    result, test = _open_test(result, splits, log, on_open)
    validation, scores = task.scores(predictor, splits.validation), task.scores(predictor, test)
    winner = replace(winner, best=replace(winner.best, validation=validation, test=scores))
    attempt = Attempts(log)
    with TemporaryDirectory() as folder:
        evidence = attempt(
            "figures",
            lambda: gather(result.facts, winner.trial, predictor, splits.train, test, splits.training.facts),
        )
        figures = WinnerFigures(evidence if store.keeps else None, figure_process, Path(folder), log)
        figures.begin()
        result = _measured(result, winner, candidates, task, splits, test, weights, evidence, attempt)
        if not winner.best.run_id:
            return result
        importance = None if result.evaluation is None else result.evaluation.importance
        figures.complete(importance, f"{result.name}: {_name(winner)}", result.facts.title)
        return _log(result, predictor, splits, store, figures, Path(folder), log)


def _measured(
    result: SweepResult,
    winner: Winner,
    candidates: Candidates | None,
    task: Task,
    splits: Splits,
    test: RawSplit,
    weights: LeadingWeights,
    evidence: Evidence | None,
    attempt: Attempts,
) -> SweepResult:
    """Return the result with the winner, what it uses and gets wrong on the test rows, and the baselines beside it."""
    assert winner.predictor is not None
    predictor, outputs = winner.predictor, None if evidence is None else evidence.outputs
    models = attempt("baselines", lambda: baselines(task, splits, test)) or ()
    models += attempt("reference", lambda: reference_baseline(result, winner, task, splits, weights, test)) or ()
    importance = attempt("permutation importance", lambda: column_importance(task, predictor, test))
    optimism = attempt("expected loss", lambda: expected_loss(result, winner, candidates, task, splits, test, outputs))
    few = "" if candidates is None else too_few(task, splits)
    evaluation = _evaluation(evidence, importance, models, [few] if few else [], attempt)
    return replace(result, best=winner.best, baselines=models, evaluation=evaluation, optimism=optimism)


def _open_test(
    result: SweepResult, splits: Splits, log: Callable[[str], None], on_open: Callable[[float], None]
) -> tuple[SweepResult, RawSplit]:
    """Open the test split; return the result that counts the opening, and the rows."""
    before = len(result.test_openings)
    log(f"opening the test split{f' again, for time {before + 1}' if before else ', once'}")
    moment = time.time()
    on_open(moment)
    return replace(result, test_openings=(*result.test_openings, moment)), splits.test.open()


def _evaluation(
    evidence: Evidence | None,
    importance: Importance | None,
    models: Sequence[Baseline],
    left_out: Sequence[str],
    attempt: Attempts,
) -> Evaluation:
    """Return what was measured on the test rows, and notes of what was not."""
    found = attempt("tables", lambda: _measure(evidence)) or Evaluation()
    notes = [*(f"{model.name} {model.note}" for model in models if model.note), *left_out, *attempt.failed]
    if importance is not None and importance.note:
        notes.append(f"permutation importance {importance.note}")
    measured = importance if importance is not None and importance.columns else None
    return replace(found, importance=measured, notes=tuple(notes))


def _log(
    result: SweepResult,
    predictor: Predictor,
    splits: Splits,
    store: TrackingStore,
    figures: WinnerFigures,
    folder: Path,
    log: Callable[[str], None],
) -> SweepResult:
    """Write model and figures to the winner's run; return the result with its version in the registry."""
    log("logging the model")
    logged = retry_while_unavailable(lambda: log_winner(result, predictor, splits, store), result)
    log("drawing figures")
    figures.wait()
    run_id = "" if logged.best is None else logged.best.run_id
    retry_while_unavailable(lambda: store.log_files(run_id, folder, FIGURES), logged)
    return logged


def _name(winner: Winner) -> str:
    members = winner.best.members
    return f"trials {', '.join(map(str, members))}" if members else f"trial {winner.trial.number}"


def _measure(evidence: Evidence | None) -> Evaluation:
    """Return what a report shows of the test rows, as the kind of target asks for."""
    if evidence is None or not evidence.can_be_shown:
        return Evaluation()
    return kind_figures(evidence.facts.kind).measure(evidence)
