"""Sweeps in the store: a parent run each, with the whole result as an artifact."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from search_spaces.errors import UserError, did_you_mean
from trainables import TaskFacts
from tunelab.analysis.front import front_text
from tunelab.analysis.outcome import score_text
from tunelab.records.data import DataDescription
from tunelab.records.lookup import Named, find_named
from tunelab.records.result import SweepResult
from tunelab.records.spec_file import spec_yaml
from tunelab.system.hashing import python_file_digest
from tunelab.tracking.connection import (
    STATUS,
    TAG_LIMIT,
    json_object,
    measure_tags,
    milliseconds,
    provenance_tags,
    read_tag,
)
from tunelab.tracking.deletions import Deletions
from tunelab.tracking.descriptions import short_verdict, sweep_note, winner_note
from tunelab.tracking.metrics import sweep_metrics
from tunelab.tracking.names import trial_run_name
from tunelab.tracking.ui_views import experiment_tags

RESULT_FILE = "sweep.json.gz"
CONFIG_FILE = "sweep.yaml"  # `tunelab sweep --config` repeats the sweep with it


class SweepRuns(Deletions):
    """Writes and finds sweeps."""

    def check_new_name(self, task: str, name: str) -> None:
        """Raise ``UserError`` when a sweep of this name is in the store: its journal is elsewhere, or was removed."""
        if any(run.data.tags.get("tunelab.task") == task for run in self._parents(name)):
            raise UserError(
                f"A sweep named '{name}' is in {self.shown_uri} already, and its journal is not here. Give another "
                "--name, or continue it where it was started."
            )

    def start_sweep(self, result: SweepResult, key: str, notify: Callable[[str], None], known: str = "") -> str:
        """Return the id of the parent run: a new one, or the one that an interruption left, set to RUNNING.

        What such a run lacks, because the interruption came before all of it was written, is added.

        Args:
            result: of the sweep so far.
            key: tells this sweep from others of its name; the journal has it too.
            notify: is told of a deleted experiment that is restored.
            known: id of the parent run, where the journal has noted it: it decides, whatever the run and its
                experiment are called by now.
        """
        run = self._run_if_there(known) if known else None
        run = run or next((r for r in self._parents(result.name) if r.data.tags.get("tunelab.key") == key), None)
        if run is not None:
            self.client.update_run(run.info.run_id, status="RUNNING")
        else:
            run = self.client.create_run(
                self.needed_experiment(result.task, notify),
                start_time=milliseconds(result.started),
                tags={**_sweep_tags(result), "tunelab.key": key},
                run_name=result.name,
            )
        run_id: str = run.info.run_id
        keys = ("trials", "max_epochs", "scheduler", "sampler", "seed", "grace_period", "reduction_factor", "space")
        spec = result.spec.to_json()
        values = {k: str(spec[k]) for k in keys if spec[k] is not None and k not in run.data.params}
        self.client.log_batch(run_id, params=[Param(k, v) for k, v in values.items()])
        if run.inputs is None or not run.inputs.dataset_inputs:
            data = [_dataset(result.task, result.facts, result.data)]
            try:
                self.client.log_inputs(run_id, data)
            except MlflowException:  # another sweep put the same data there in this moment; now it is found
                self.client.log_inputs(run_id, data)
        return run_id

    def _parents(self, name: str) -> list[Run]:
        query = f"tags.`tunelab.sweep` = '{name}' and tags.`tunelab.kind` = 'sweep'"
        return [
            run
            for experiment in self.client.search_experiments()
            for run in self._search(experiment.experiment_id, query)
        ]

    def experiment_of(self, run_id: str) -> str:
        """Return the id of a run's experiment."""
        return str(self.client.get_run(run_id).info.experiment_id)

    def children(self, parent_run_id: str) -> dict[int, Run]:
        """Return the trial runs of a sweep by trial number."""
        parent = self.client.get_run(parent_run_id)
        runs = self._search(parent.info.experiment_id, f"tags.`mlflow.parentRunId` = '{parent_run_id}'")
        return {int(r.data.tags["tunelab.trial"]): r for r in runs if "tunelab.trial" in r.data.tags}

    def log_sweep(self, result: SweepResult) -> None:
        """Write the result to the parent run, and its task's views to the experiment."""
        run = self.run(result.parent_run_id)
        tags = {
            "mlflow.note.content": sweep_note(result, run.info.experiment_id)[:TAG_LIMIT],
            **{f"tunelab.{name}": str(count) for name, count in _counts(result).items()},
        }
        if result.stopped or "tunelab.stopped" in run.data.tags:  # of an earlier end that was resumed: emptied
            tags["tunelab.stopped"] = result.stopped
        if result.front is not None:
            tags["tunelab.pareto"] = front_text(result.front)
        best, score = result.best, result.facts.score
        if best is not None:
            tags |= {"tunelab.best_trial": str(best.trial), "tunelab.best_run_id": best.run_id}
            tags["tunelab.verdict"] = short_verdict(result)
            if score in best.test:
                tags["tunelab.score"] = f"{score} {score_text(result, best.test[score])}"
        now = int(time.time() * 1000)
        metrics = [Metric(k, float(v), now, 0) for k, v in sweep_metrics(result).items() if math.isfinite(v)]
        run_id = result.parent_run_id
        self.client.log_batch(run_id, metrics=metrics, tags=[RunTag(k, v) for k, v in tags.items()])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / RESULT_FILE).write_bytes(result.to_bytes())
            (Path(folder) / CONFIG_FILE).write_text(_config(result), encoding="utf-8")
            self.client.log_artifacts(run_id, folder)
        for key, value in experiment_tags(result).items():
            self._tag_experiment(run.info.experiment_id, key, value)
        if best is not None and best.run_id:
            trial = next(trial for trial in result.trials if trial.number == best.trial)
            note = winner_note(result, run.info.experiment_id)[:TAG_LIMIT]
            name = trial_run_name(result.name, trial, winner=True)
            self.log_metrics(best.run_id, {}, {"mlflow.note.content": note, "mlflow.runName": name})

    def _tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        try:
            self.client.set_experiment_tag(experiment_id, key, value)
        except MlflowException:  # another sweep inserted it in this moment; now it is there to be updated
            self.client.set_experiment_tag(experiment_id, key, value)

    def end_sweep(self, parent_run_id: str, status: str) -> None:
        """End the parent run: ``"FINISHED"``, ``"KILLED"`` when the sweep was cut short, or ``"FAILED"``."""
        self.client.set_terminated(parent_run_id, status)

    def settle(self, result: SweepResult) -> None:
        """Give each trial's run the status that its record has, and the winner's mark to the winner alone.

        An evaluation that was killed left its winner's run as MLflow has it while it logs a model; a sweep that was
        extended may have another winner now.
        """
        runs = self.children(result.parent_run_id)
        winner = None if result.best is None else result.best.run_id
        for trial in result.trials:
            run = runs.get(trial.number)
            if run is None:
                continue
            run_id = run.info.run_id
            if run.info.status != STATUS[trial.status]:
                self.client.set_terminated(run_id, STATUS[trial.status], milliseconds(trial.ended))
            if "tunelab.winner" in run.data.tags and run_id != winner:
                self.client.delete_tag(run_id, "tunelab.winner")
                self.client.set_tag(run_id, "mlflow.runName", trial_run_name(result.name, trial))

    def load(self, parent_run_id: str) -> SweepResult:
        """Return the result of a sweep, as its launch returned it; raise ``UserError`` when the run holds none."""
        run = self.run(parent_run_id)
        if run.data.tags.get("tunelab.kind") != "sweep":
            raise UserError(f"Run '{parent_run_id}' is not a tunelab sweep. `tunelab results` lists the sweeps.")
        name = run.data.tags["tunelab.sweep"]
        if run.info.status == "RUNNING":
            raise UserError(f"Sweep '{name}' is still running, or was killed: `tunelab resume {name}` continues it.")
        return SweepResult.from_bytes(self.artifact(parent_run_id, RESULT_FILE))

    def spec(self, parent_run_id: str) -> dict[str, Any]:
        """Return the spec of a sweep, also of a running one.

        Raises:
            UserError: the tag is damaged, or the sweep runs and has a very long spec.
        """
        run = self.run(parent_run_id)
        if len(run.data.tags.get("tunelab.spec", "")) < TAG_LIMIT:
            return read_tag(run, "tunelab.spec", json_object)
        return self.load(parent_run_id).spec.to_json()  # the tag holds its beginning only

    def sweeps(self) -> list[Run]:
        """Return the parent runs of all sweeps, newest first."""
        ids = [e.experiment_id for e in self.client.search_experiments()]
        found = [run for i in ids for run in self._search(i, "tags.`tunelab.kind` = 'sweep'")]
        named = [run for run in found if {"tunelab.sweep", "tunelab.task"} <= run.data.tags.keys()]  # anyone edits tags
        return sorted(named, key=lambda run: -int(run.info.start_time))

    def find_sweep(self, wanted: str, others: Sequence[str] = ()) -> str:
        """Find the parent run id of a sweep by name, by run id, by the beginning of either, or as ``@latest``.

        Args:
            wanted: what the user gave.
            others: names of other things that the user may mean, for the hint.

        Raises:
            UserError: none or several match.
        """
        runs = self.sweeps()
        found = find_named(wanted, [named_run(run) for run in runs], "sweeps")
        if found is not None:
            return found
        with suppress(MlflowException):  # there is no run of that id at all
            tags = self.client.get_run(wanted).data.tags
            what = f"a trial of sweep '{tags['tunelab.sweep']}'" if "tunelab.trial" in tags else "of another tool"
            raise UserError(f"Run '{wanted}' is {what}; this takes a sweep. `tunelab results` lists them.")
        names = [r.data.tags["tunelab.sweep"] for r in runs]
        hint = f"There are: {', '.join(names[:10])}." if names else f"The store {self.shown_uri} holds none."
        raise UserError(f"No sweep '{wanted}'.{did_you_mean(wanted, [*names, *others])} {hint}")


def _counts(result: SweepResult) -> dict[str, int]:
    """Return what is counted of a sweep: tags, so that they are not among its metrics."""
    counts = result.counts
    return {
        "trials": len(result.trials),
        "trials_stopped_early": counts.stopped_early,
        "trials_failed": counts.failed + counts.diverged,
        "epochs": result.epochs,
        "test_openings": len(result.test_openings),
    }


def named_run(run: Run) -> Named:
    """Return a sweep as a user may name it."""
    name, task, run_id = run.data.tags["tunelab.sweep"], run.data.tags["tunelab.task"], str(run.info.run_id)
    return Named(run_id, (name, run_id), f"{name} ({task}, {run_id[:8]})")


def _config(result: SweepResult) -> str:
    """Return the file that repeats a sweep in whatever store it is run."""
    return spec_yaml(result.spec.model_copy(update={"tracking_uri": None, "storage": None, "address": None}))


def _sweep_tags(result: SweepResult) -> dict[str, str]:
    tags = {
        "mlflow.note.content": sweep_note(result),
        "tunelab.kind": "sweep",
        "tunelab.sweep": result.name,
        "tunelab.task": result.task,
        "tunelab.digest": result.data.digest,
        **measure_tags(result.measure),
        "tunelab.spec": json.dumps(result.spec.to_json(), ensure_ascii=False)[:TAG_LIMIT],
        **provenance_tags(),
    }
    task_file = python_file_digest(result.spec.task)  # a re-run must meet the same file
    return {**tags, "tunelab.task_file": task_file} if task_file else tags


def _dataset(task: str, facts: TaskFacts, data: DataDescription) -> DatasetInput:
    """Return the data as MLflow's input of the sweep's run.

    Trials have its digest as a tag: an input each would double the time that a small one takes to be written.
    """
    how = f"trainables.get_task({task!r}).load({data.split_seed})"
    source = {"mlflow.source.name": how, "source": facts.source, "licence": facts.licence}
    rows = {
        "train_rows": data.train_rows,
        "validation_rows": data.validation_rows,
        "test_rows": data.test_rows,
    }
    dataset = Dataset(
        name=task,
        digest=data.digest[:12],
        source_type="code",  # not a file that could be fetched, but what reads and splits it
        source=json.dumps({"tags": source}, ensure_ascii=False),
        profile=json.dumps(rows),
    )
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "training, validation and sealed test")])
