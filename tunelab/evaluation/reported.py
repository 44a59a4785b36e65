"""The winner of a sweep of a user's own function: the model that its trial reported, scored by the user's own test."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from trainables import Predictor, Splits, Task
from tunelab.evaluation.winner_log import log_winner
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.tracking_store import TrackingStore
from tunelab.tracking.queue import retry_while_unavailable


def evaluate_reported(
    result: SweepResult,
    task: Task,
    splits: Splits,
    best: Best,
    predictor: Predictor,
    store: TrackingStore,
    log: Callable[[str], None],
    on_open: Callable[[float], None],
) -> SweepResult:
    """Score the winner once where the sweep was given a test, and log its model.

    Args:
        result: The sweep.
        task: The function.
        splits: Without rows; the sealed test holds the scoring function, if there is one.
        best: The winner, before it is scored.
        predictor: Its model.
        store: The tracking store.
        log: Shows a step to the user.
        on_open: Called with the unix time before the winner is scored.

    Returns:
        The result with the winner and its model.
    """
    if len(splits.test):
        before = len(result.test_openings)
        log(f"scoring the winner on sealed data{f' again, for time {before + 1}' if before else ', once'}")
        moment = time.time()
        on_open(moment)
        result = replace(result, test_openings=(*result.test_openings, moment))
        best = replace(best, test=task.scores(predictor, splits.test.open()))
    result = replace(result, best=best)
    if not best.run_id:
        return result
    log("logging the model")
    return retry_while_unavailable(lambda: log_winner(result, predictor, splits, store), result)
