"""After the search: the winner on the test split, opened once, beside baselines; its model into the registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sweeps.baselines import baselines
from sweeps.records import TrialRecord
from sweeps.result import Baseline, Best, SweepResult
from sweeps.weights import LeadingWeights
from trainables import Predictor, RawSplit, Splits, Task

EXAMPLE_ROWS = 3


def evaluate(
    result: SweepResult,
    task: Task,
    splits: Splits,
    weights: LeadingWeights,
    store: Any,
    say: Callable[[str], None],
    on_open: Callable[[float], None],
) -> SweepResult:
    """Scores the winner and the baselines on validation and test, logs figures and model, registers it.

    Args:
        result: with trials; the best by validation loss wins unless a confirmation chose another.
        task, splits: what was learned.
        weights: of the leading trials.
        store: the tracking store; None when tracking is off.
        say: shows a step to the user.
        on_open: told the time before the test split is opened.
    """
    winner = choose_winner(result)
    epoch = winner.best
    assert epoch is not None  # ranked trials have one
    best = Best(winner.number, winner.run_id, winner.val_loss, epoch.epoch, dict(winner.config))
    predictor = _predictor(winner, task, splits, weights)
    if predictor is None:
        return replace(result, best=best)
    say("opening the test split, once")
    moment = time.time()
    on_open(moment)
    test = splits.test.open()
    result = replace(result, test_openings=(*result.test_openings, moment))
    best = replace(best, validation=task.scores(predictor, splits.validation), test=task.scores(predictor, test))
    reference = _reference(result, winner, best, task, splits, weights, test)
    result = replace(result, best=best, baselines=(*baselines(task, splits, test), *reference))
    return result if store is None or not best.run_id else _log(result, predictor, splits, store, say)


def choose_winner(result: SweepResult) -> TrialRecord:
    """The trial that the confirmation chose, else the best by validation loss."""
    chosen = result.confirmation.get("winner")
    ranked = result.ranked()
    return next((t for t in ranked if t.number == chosen), ranked[0])


def _predictor(trial: TrialRecord, task: Task, splits: Splits, weights: LeadingWeights) -> Predictor | None:
    state = weights.load(trial, task, splits.training)
    return task.predictor(trial.config, state, splits) if state else None


def _reference(
    result: SweepResult,
    winner: TrialRecord,
    best: Best,
    task: Task,
    splits: Splits,
    weights: LeadingWeights,
    test: RawSplit,
) -> tuple[Baseline, ...]:
    """The task's reference configuration, which is trial 0, scored like the winner."""
    if not task.reference or not result.trials or not result.trials[0].has_result:
        return ()
    if winner.number == 0:
        return (Baseline("reference", best.validation, best.test),)
    predictor = _predictor(result.trials[0], task, splits, weights)
    if predictor is None:
        return ()
    return (Baseline("reference", task.scores(predictor, splits.validation), task.scores(predictor, test)),)


def _log(
    result: SweepResult, predictor: Predictor, splits: Splits, store: Any, say: Callable[[str], None]
) -> SweepResult:
    """Writes the winner's figures, model and version to the store."""
    best = result.best
    assert best is not None
    say("logging the model")
    figures = {f"test_{k}": v for k, v in best.test.items()} | {f"model_val_{k}": v for k, v in best.validation.items()}
    store.log_figures(best.run_id, figures, {"tunelab.winner": "true"})
    example = splits.train.inputs[:EXAMPLE_ROWS]
    uri = store.log_model(best.run_id, predictor, example, result.task, figures)
    version, champion = store.register(result.task, uri, best.run_id, best.val_loss, result.data["digest"])
    return replace(result, best=replace(best, model_uri=uri, version=version, champion=champion))
