"""Writing the winner to the store: its metrics, its model, and the model's version."""

from __future__ import annotations

from dataclasses import replace

from trainables import Predictor, Splits
from tunelab.analysis.objection import objection
from tunelab.records.result import SweepResult
from tunelab.records.tracking_store import ModelEntry, TrackingStore
from tunelab.system.language import in_english
from tunelab.tracking.descriptions import version_note, version_tags

EXAMPLE_ROWS = 3


def log_winner(result: SweepResult, predictor: Predictor, splits: Splits, store: TrackingStore) -> SweepResult:
    """Write the winner's metrics and model to the store, load the model back, and register it.

    Returns:
        The result with the model's URI and version.
    """
    best = result.best
    assert best is not None
    metrics = {
        **{f"test_{name}": value for name, value in best.test.items()},
        **{f"model_val_{name}": value for name, value in best.validation.items()},
        f"model_{result.measure.name}": result.measure.value(best.val_loss),
    }
    tags = {"tunelab.winner": "true"} | ({} if best.seed is None else {"tunelab.model_seed": str(best.seed)})
    store.log_metrics(best.run_id, {}, tags)
    example = splits.train.inputs[:EXAMPLE_ROWS]
    uri = store.log_model(best.run_id, predictor, example, result.task, metrics)
    best = replace(best, model_uri=uri, fault=store.load_back(uri, predictor, example))
    result = replace(result, best=best)
    with in_english():
        against = objection(result)
    made = store.register(
        ModelEntry(
            result.task,
            uri,
            best.run_id,
            best.val_loss,
            result.data.digest,
            measure=result.measure,
            objection=against,
            note=version_note(result),
            tags=version_tags(result),
        )
    )
    best = replace(best, version=made.version, champion=made.champion, not_champion=made.why)
    return replace(result, best=best)
