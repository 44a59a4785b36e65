"""Learning curves of a trial."""

from __future__ import annotations

import numpy as np

from trainables import TaskFacts
from tunelab.figures.charts import Chart, Drawing, Line, label
from tunelab.figures.ticks import wants_log
from tunelab.records.trial import TrialRecord
from tunelab.system.language import tr


def learning_curves(trial: TrialRecord, facts: TaskFacts) -> Drawing | None:
    """Return training and validation loss by epoch, and the task's score; None for a trial of one epoch: no curve."""
    epochs = [epoch for epoch in trial.epochs if np.isfinite(epoch.val_loss)]
    best = trial.best
    if len(epochs) < 2 or best is None:
        return None
    x = np.array([epoch.epoch for epoch in epochs], dtype=np.float64)
    losses: list[Line] = []
    if all("train_loss" in epoch.metrics for epoch in epochs):
        losses.append(Line(x, np.array([epoch.metrics["train_loss"] for epoch in epochs]), tr("training")))
    losses.append(Line(x, np.array([epoch.val_loss for epoch in epochs]), tr("validation")))
    log = wants_log([float(value) for mark in losses for value in mark.y])
    charts = [Chart(losses, tr("epoch"), tr("loss"), verticals=[best.epoch], log_y=log, whole_x=True)]
    score = facts.score
    if all(f"val_{score}" in epoch.metrics for epoch in epochs):
        y = np.array([epoch.metrics[f"val_{score}"] for epoch in epochs])
        name = label(tr("validation {score}", score=score), facts.unit if score in ("rmse", "mae") else "")
        curve = Line(x, y, shade=len(losses) - 1)
        charts.append(Chart([curve], tr("epoch"), name, verticals=[best.epoch], whole_x=True))
    note = tr("The dotted line is the best epoch, {epoch}, whose weights are kept.", epoch=best.epoch)
    if "train_loss" in epochs[0].metrics:
        how = tr("Training loss is measured while weights change, with dropout; validation loss after the epoch.")
        note = f"{note} {how}"
    title = tr("Learning curves of trial {number}", number=trial.number)
    return Drawing("learning_curves", title, charts, len(charts), note)
