"""Trials in the store: a child run each, written when the trial ends, long ones also in between."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mlflow.entities import Metric, Param, Run, RunTag

from search_spaces import UserError
from search_spaces.values import label_of, pack, unpack
from trainables.base.contract.objective import METRIC
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.tracking.connection import (
    PARAM_LIMIT,
    STATUS,
    Connection,
    json_object,
    measure_of,
    measure_tags,
    milliseconds,
    provenance_tags,
    read_tag,
)
from tunelab.tracking.names import stored_names, trial_run_name


class TrialRuns(Connection):
    """Writes trials and reads one back from its run alone.

    A trial's metrics are ``val_loss`` (of a function its own metric, under its name and in its sign), ``seconds`` of
    training, those that its task reports, and at the end ``best_val_loss`` (``best_<name>``), ``best_epoch``,
    ``epochs`` and ``train_seconds``. A winner has its model's ``test_…`` and ``model_…`` as well, a confirmed trial
    ``confirm_…``. Nothing of Ray's is among them.
    """

    def log_trial(self, experiment_id: str, parent: SweepResult, trial: TrialRecord, known: str | None) -> str:
        """Write a trial, or what is new of it, and return its run id.

        Args:
            experiment_id: where the parent run lives.
            parent: the sweep, for tags.
            trial: in its present state; a running one stays RUNNING.
            known: id of the trial's run when it has one: nothing that it holds is written twice.
        """
        names = stored_names(trial.params)
        logged, params = 0, {names[name]: str(label_of(value))[:PARAM_LIMIT] for name, value in trial.params.items()}
        end_tags = {} if trial.status == TrialStatus.RUNNING else _end_tags(parent.name, trial)
        if known is None:
            run = self.client.create_run(
                experiment_id,
                start_time=milliseconds(trial.started),
                tags={"mlflow.parentRunId": parent.parent_run_id, **_trial_tags(parent, trial), **end_tags},
                run_name=trial_run_name(parent.name, trial),
            )
            run_id: str = run.info.run_id
            end_tags = {}  # in a batch they would cost as much as its metrics
        else:
            run_id, run = known, self.client.get_run(known)
            params = {name: value for name, value in params.items() if name not in run.data.params}
            steps = [m.step for m in self.client.get_metric_history(run_id, parent.measure.name)]
            logged = max(steps, default=0)
        metrics = [m for e in trial.epochs if e.epoch > logged for m in _metrics(e, parent.measure, trial.started)]
        tags = [RunTag(k, v) for k, v in end_tags.items()]
        if trial.status != TrialStatus.RUNNING:
            metrics += _final_metrics(trial, parent.measure)
        for start in range(0, max(len(metrics), 1), 1000):  # MLflow's limit of one batch
            self.client.log_batch(run_id, metrics[start : start + 1000], [Param(k, v) for k, v in params.items()], tags)
            params, tags = {}, []
        if trial.status != TrialStatus.RUNNING:
            if trial.error:
                self.client.log_text(run_id, trial.error, "error.txt")
            self.client.set_terminated(run_id, STATUS[trial.status], end_time=milliseconds(trial.ended))
        return run_id

    def load_trial(self, run_id: str) -> TrialRecord:
        """Return a trial from its run alone, with every epoch; raise ``UserError`` when it cannot."""
        run = self.run(run_id)
        tags = run.data.tags
        if "tunelab.trial" not in tags:
            raise UserError(
                f"Run '{run_id}' is not a trial of tunelab; `tunelab results SWEEP` lists run ids of trials."
            )
        curve = self._curve(run)
        wanted = int(run.data.metrics.get("epochs", len(curve)))
        if [epoch.epoch for epoch in curve] != list(range(1, wanted + 1)):
            raise UserError(f"Run '{run_id}' is damaged: {len(curve)} epochs of {wanted} are left in the store.")
        ended = run.info.end_time or 0
        return TrialRecord(
            number=read_tag(run, "tunelab.trial", int),
            params=unpack(read_tag(run, "tunelab.params", json_object)),
            config=unpack(read_tag(run, "tunelab.config", json_object)),
            seed=read_tag(run, "tunelab.seed", int),
            max_epochs=read_tag(run, "tunelab.max_epochs", int),
            status=read_tag(run, "tunelab.status", TrialStatus),
            epochs=curve,
            started=run.info.start_time / 1000,
            ended=ended / 1000,
            run_id=run_id,
            worker=read_tag(run, "tunelab.worker", json_object) if "tunelab.worker" in tags else {},
        )

    def _curve(self, run: Run) -> tuple[Epoch, ...]:
        measure = measure_of(run)
        summary = {measure.best_name, "best_epoch", "epochs", "train_seconds"}
        names = [name for name in run.data.metrics if name not in summary and not name.startswith(("test_", "model_"))]
        by_epoch: dict[int, dict[str, float]] = {}
        for name in names:
            for point in self.client.get_metric_history(run.info.run_id, name):
                by_epoch.setdefault(point.step, {})[name] = point.value
        curve = []
        for epoch, metrics in sorted(by_epoch.items()):
            if measure.name in metrics:
                seconds, loss = metrics.pop("seconds", 0.0), measure.value(metrics[measure.name])
                if measure.name == METRIC:
                    metrics.pop(METRIC)
                curve.append(Epoch.from_row([epoch, loss, metrics, seconds]))
        return tuple(curve)


def _trial_tags(parent: SweepResult, trial: TrialRecord) -> dict[str, str]:
    return {
        "tunelab.kind": "trial",
        "tunelab.sweep": parent.name,
        "tunelab.task": parent.task,
        "tunelab.trial": str(trial.number),
        "tunelab.seed": str(trial.seed),
        "tunelab.max_epochs": str(trial.max_epochs),
        "tunelab.status": str(trial.status),
        "tunelab.digest": parent.data.digest,
        **measure_tags(parent.measure),
        "tunelab.params": json.dumps(pack(trial.params), ensure_ascii=False),
        "tunelab.config": json.dumps(pack(trial.config), ensure_ascii=False),
        **provenance_tags(),
    }


def _end_tags(sweep: str, trial: TrialRecord) -> dict[str, str]:
    tags = {
        "tunelab.status": str(trial.status),
        "tunelab.stopped_early": str(trial.status == TrialStatus.STOPPED).lower(),
        "tunelab.worker": json.dumps(dict(trial.worker)),
    }
    tags["mlflow.runName"] = trial_run_name(sweep, trial)
    if trial.error:
        tags["tunelab.error"] = trial.error.partition("\n")[0][:500]
    return tags


def _metrics(epoch: Epoch, measure: Measure, started: float) -> Iterable[Metric]:
    moment = milliseconds(started + epoch.seconds)
    values = {**epoch.metrics, measure.name: measure.value(epoch.val_loss), "seconds": epoch.seconds}
    return [Metric(name, value, moment, epoch.epoch) for name, value in values.items()]


def _final_metrics(trial: TrialRecord, measure: Measure) -> list[Metric]:
    moment = milliseconds(trial.ended)
    figures = {"epochs": float(len(trial.epochs)), "train_seconds": trial.train_seconds}
    if trial.best is not None and trial.has_result:
        figures |= {measure.best_name: measure.value(trial.best.val_loss), "best_epoch": float(trial.best.epoch)}
    return [Metric(name, value, moment, len(trial.epochs)) for name, value in figures.items()]
