"""After the search: the winner on the test split, opened once, beside baselines; its model into the registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from search_spaces.errors import describe_error
from trainables import Predictor, RawSplit, Splits, Task
from trainables.base.kinds.registry import kind_of
from tunelab.analysis.permutation_importance import column_importance
from tunelab.confirmation.confirm import choose_winner, median_run
from tunelab.evaluation.baselines import baselines
from tunelab.evaluation.ensemble import best_ensemble
from tunelab.evaluation.weights import LeadingWeights
from tunelab.figures.charts import Drawing
from tunelab.figures.classification import classification_tables
from tunelab.figures.drawings import model_drawings
from tunelab.figures.evidence import Evidence, gather
from tunelab.figures.features import feature_drawings, importance_drawing
from tunelab.figures.worker import FigureProcess
from tunelab.launch.retraining import train_with_weights
from tunelab.records.baseline import Baseline
from tunelab.records.best import Best
from tunelab.records.evaluation import ClassificationTables, Evaluation
from tunelab.records.importance import Importance
from tunelab.records.result import SweepResult
from tunelab.records.tracking_store import TrackingStore
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.system.errors import DATA_FAULTS
from tunelab.tracking.queue import retry_while_unavailable

T = TypeVar("T")
EXAMPLE_ROWS = 3
FIGURES = "figures"  # where they lie among the winner's artifacts


def evaluate(
    result: SweepResult,
    task: Task,
    splits: Splits,
    weights: LeadingWeights,
    store: TrackingStore,
    figure_process: FigureProcess,
    say: Callable[[str], None],
    on_open: Callable[[float], None],
) -> SweepResult:
    """Scores the winner and the baselines on validation and test, logs figures and model, registers it.

    Args:
        result: with trials; the best by validation loss wins unless a confirmation chose another.
        task, splits: what was learned.
        weights: of the leading trials.
        store: the tracking store.
        figure_process: draws figures beside this process when the store keeps them.
        say: shows a step to the user.
        on_open: told the time before the test split is opened.
    """
    chosen = choose_winner(result)
    winner, predictor = _trained(chosen, result, task, splits, weights, say)
    best = Best.from_trial(winner)
    if predictor is None:
        return replace(result, best=best)
    if winner is not chosen:  # trained anew
        best = replace(best, seed=winner.seed)
    ensemble = None
    if result.spec.ensemble > 1:
        ensemble = best_ensemble(result.ranked(), task, splits, weights, result.spec.ensemble)
    if ensemble is not None:
        predictor = ensemble.predictor
        winner = next(t for t in result.trials if t.number == ensemble.members[0])
        best = replace(Best.from_trial(winner), val_loss=ensemble.val_loss, members=ensemble.members)
        shown = ", ".join(f"{n} ({w:.2f})" for n, w in zip(ensemble.members, ensemble.weights, strict=True))
        say(f"the winner averages trials (weight): {shown}")
    before = len(result.test_openings)
    say(f"opening the test split{f' again, for time {before + 1}' if before else ', once'}")
    moment = time.time()
    on_open(moment)
    test = splits.test.open()
    result = replace(result, test_openings=(*result.test_openings, moment))
    best = replace(best, validation=task.scores(predictor, splits.validation), test=task.scores(predictor, test))
    facts, attempt = splits.training.facts, Attempts(say)
    with TemporaryDirectory() as folder:
        evidence = attempt("figures", lambda: gather(result.facts, winner, predictor, splits.train, test, facts))
        pictures = Pictures(evidence if store.keeps else None, figure_process, Path(folder), say)
        pictures.begin()
        models = attempt("baselines", lambda: baselines(task, splits, test)) or ()
        models += attempt("reference", lambda: _reference(result, winner, best, task, splits, weights, test)) or ()
        importance = attempt("permutation importance", lambda: column_importance(task, predictor, test))
        tables = attempt("tables", lambda: _tables(evidence))
        notes = [*(f"{model.name} {model.note}" for model in models if model.note), *attempt.failed]
        if importance is not None and importance.note:
            notes.append(f"permutation importance {importance.note}")
        measured = importance if importance is not None and importance.columns else None
        evaluation = Evaluation(importance=measured, classification=tables, notes=tuple(notes))
        result = replace(result, best=best, baselines=models, evaluation=evaluation)
        if not best.run_id:
            return result
        who = f"trials {', '.join(map(str, best.members))}" if best.members else f"trial {winner.number}"
        pictures.end(importance, f"{result.name}: {who}", result.facts.title)
        logged = retry_while_unavailable(lambda: _log(result, predictor, splits, store, say), result)
        say("drawing figures")
        pictures.wait()
        return retry_while_unavailable(lambda: _log_figures(logged, Path(folder), store), logged)


class Pictures:
    """The winner's figures, drawn by another process while this one goes on; none without evidence.

    What cannot be drawn is said: no figure is worth a long search's results.
    """

    def __init__(
        self, evidence: Evidence | None, figure_process: FigureProcess, folder: Path, say: Callable[[str], None]
    ) -> None:
        self._evidence = evidence
        self._figure_process = figure_process
        self._folder = folder
        self._say = say
        self._model: list[Drawing] = []
        self._columns: list[Drawing] = []

    def begin(self) -> None:
        """Has drawn what is known before the importance of columns."""

        def found(evidence: Evidence) -> list[Drawing]:
            self._model, self._columns = model_drawings(evidence), feature_drawings(evidence)
            return [*self._model, *self._columns]

        self._draw(found)

    def end(self, importance: Importance | None, title: str, subtitle: str) -> None:
        """Has the rest drawn, and the page with all of them."""

        def found(evidence: Evidence) -> list[Drawing]:
            more = importance_drawing(importance, evidence)
            return [*self._model, *([] if more is None else [more]), *self._columns]

        self._draw(found, title, subtitle)

    def wait(self) -> None:
        """Returns when the folder holds all figures."""
        problem = self._figure_process.wait()
        if problem:
            self._failed(problem)

    def _draw(self, found: Callable[[Evidence], list[Drawing]], *texts: str) -> None:
        if self._evidence is None:
            return
        try:
            self._figure_process.draw(found(self._evidence), self._folder, *texts)
        except Exception as problem:  # noqa: BLE001 said
            self._failed(describe_error(problem, whole=False))

    def _failed(self, problem: str) -> None:
        self._say(f"not all figures could be drawn: {problem}")


class Attempts:
    """Steps whose figures are not worth a finished search's result: what data break is said, noted and left out.

    Args:
        say: shows it to the user.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.failed: list[str] = []

    def __call__(self, what: str, step: Callable[[], T]) -> T | None:
        """What a step gives; None when it fails."""
        try:
            return step()
        except DATA_FAULTS as problem:
            self.failed.append(f"{what} failed: {describe_error(problem, whole=False)}")
            self._say(self.failed[-1])
            return None


def _tables(evidence: Evidence | None) -> ClassificationTables | None:
    """How a classifier does by class."""
    if evidence is None or evidence.outputs is None or not evidence.classes:
        return None
    return classification_tables(evidence)


def _log_figures(result: SweepResult, folder: Path, store: TrackingStore) -> SweepResult:
    assert result.best is not None
    store.log_files(result.best.run_id, folder, FIGURES)
    return result


def _trained(
    winner: TrialRecord,
    result: SweepResult,
    task: Task,
    splits: Splits,
    weights: LeadingWeights,
    say: Callable[[str], None],
) -> tuple[TrialRecord, Predictor | None]:
    """The winner as its model was trained, and the model.

    A confirmation judges whole runs. Of a winner that the search had stopped, the run of median loss is made again.
    """
    if result.confirmation is not None and winner.status is TrialStatus.STOPPED:
        say(f"training trial {winner.number}, which the search had stopped, to its end")
        run = median_run(result)
        whole, state = train_with_weights(
            winner if run is None else replace(winner, seed=run[0]), task, splits.training
        )
        if state:
            return whole, task.predictor(winner.config, state, splits)
    return winner, _predictor(winner, task, splits, weights)


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
    """The task's reference configuration scored like the winner: trial 0, or trained now when the space has no such."""
    if not task.reference or not result.trials:
        return ()
    first = result.trials[0]
    if dict(first.config) != task.space().config(task.reference):
        return _trained_reference(result, winner, task, splits, test)
    if not first.has_result:
        return ()
    if winner.number == first.number and not best.members:
        return (Baseline("reference", best.validation, best.test),)
    predictor = _predictor(first, task, splits, weights)
    if predictor is None:
        return ()
    return (Baseline("reference", task.scores(predictor, splits.validation), task.scores(predictor, test)),)


def _trained_reference(
    result: SweepResult, like: TrialRecord, task: Task, splits: Splits, test: RawSplit
) -> tuple[Baseline, ...]:
    """The reference configuration trained for this table alone, since no trial had it (another space, ``--set``)."""
    if kind_of(task.facts.kind).costly:
        return (Baseline("reference", {}, {}, "not run: no trial had it, and it would cost as much as they did"),)
    config = task.space().config(task.reference)
    # as a trial of the sweep would have been: on the threads, device and number format of the winner's worker
    run, state = train_with_weights(replace(result.trials[0], config=config, worker=like.worker), task, splits.training)
    if run.error:
        return (Baseline("reference", {}, {}, f"failed: {run.error.partition(chr(10))[0]}"),)
    predictor = task.predictor(config, state, splits) if state else None
    if predictor is None:
        return ()
    return (Baseline("reference", task.scores(predictor, splits.validation), task.scores(predictor, test)),)


def _log(
    result: SweepResult, predictor: Predictor, splits: Splits, store: TrackingStore, say: Callable[[str], None]
) -> SweepResult:
    """Writes the winner's figures, model and version to the store."""
    best = result.best
    assert best is not None
    say("logging the model")
    figures = {f"test_{k}": v for k, v in best.test.items()} | {f"model_val_{k}": v for k, v in best.validation.items()}
    figures |= {"model_val_loss": best.val_loss}
    tags = {"tunelab.winner": "true"} | ({} if best.seed is None else {"tunelab.model_seed": str(best.seed)})
    store.log_figures(best.run_id, {}, tags)
    example = splits.train.inputs[:EXAMPLE_ROWS]
    uri = store.log_model(best.run_id, predictor, example, result.task, figures)
    made = store.register(result.task, uri, best.run_id, best.val_loss, result.data.digest)
    best = replace(best, model_uri=uri, version=made.version, champion=made.champion, not_champion=made.why)
    return replace(result, best=best)
