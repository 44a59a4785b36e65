"""Searches with several objectives: what the study is told, the front, and the same after a kill."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import optuna
import pytest

from search_spaces import SearchSpace, UserError
from trainables import get_task
from trainables.base.contract.objective import Objective, make_objectives
from trainables.base.functions.task import FunctionOptions, FunctionTask
from trainables.base.functions.trial import FunctionTrial
from tunelab.analysis.advice import advice
from tunelab.analysis.front import front_text, pareto_front
from tunelab.launch.local import search_here
from tunelab.records.best import Best
from tunelab.records.front import PointOutcome, non_dominated
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec, make_spec
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.sampling.optuna_trials import fitting_trials, study_of
from tunelab.search.sampling.study import StudySampler

LOSS_AND_SIZE = make_objectives(["val_loss", "size"])


def draw(trial: optuna.trial.BaseTrial) -> dict[str, Any]:
    return {"x": trial.suggest_float("x", 0.0, 1.0), "y": trial.suggest_float("y", 0.0, 1.0)}


SPACE = SearchSpace("square", draw)


def train(config: Any, trial: FunctionTrial) -> None:
    """The front is y = 0: there the loss falls as the size grows. A size above 0.8 is not allowed."""
    for epoch in range(trial.max_epochs):
        trial.set_constraint("size", config["x"] - 0.8)
        trial.report(val_loss=1 - config["x"] + config["y"] + 1 / (epoch + 1), size=config["x"])


def make_task(*metrics: str, directions: Any = None) -> FunctionTask:
    first, *further = make_objectives(metrics, directions)
    return FunctionTask(train, SPACE, FunctionOptions(first, tuple(further)))


def searched(trials: int = 30, **settings: Any) -> SweepResult:
    task = make_task("val_loss", "size")
    spec = SweepSpec(task="train", trials=trials, max_epochs=3, **settings)
    return search_here(spec, task, task.load())


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "gp", "random"])
def test_samplers_find_a_front_within_the_constraint(sampler: str) -> None:
    result = searched(sampler=sampler, trials=16 if sampler == "gp" else 30)  # each proposal of a process takes long
    front = pareto_front(result)
    assert front is not None
    assert result.spec.scheduler == "none"
    assert {t.status for t in result.trials} == {TrialStatus.FINISHED}
    by_number = {t.number: t for t in result.trials}
    assert all(by_number[p.trial].config["x"] <= 0.8 for p in front.points)
    assert [p.values[0] for p in front.points] == sorted(p.values[0] for p in front.points)
    assert [p.values[1] for p in front.points] == sorted((p.values[1] for p in front.points), reverse=True)
    assert front.infeasible == sum(t.config["x"] > 0.8 for t in result.trials)
    assert result.ranked()[0].number == front.points[0].trial  # trials that violate a constraint come last
    assert front_text(front).startswith("The Pareto front of val_loss and size has ")


def test_the_study_has_the_users_directions_values_and_constraints() -> None:
    task = make_task("val_loss", "size", directions=["minimize", "maximize"])
    result = search_here(SweepSpec(task="train", trials=8, max_epochs=2), task, task.load())
    study = study_of(result)
    assert [d.name for d in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    for trial, record in zip(study.trials, result.trials, strict=True):
        assert record.best is not None
        assert trial.values == [record.val_loss, record.best.metrics["size"]]
        assert trial.constraints == {"size": record.config["x"] - 0.8}
    front = pareto_front(result)
    assert front is not None
    assert {t.number for t in study.best_trials} == {p.trial for p in front.points}


def test_a_rebuilt_study_proposes_what_the_first_one_would() -> None:
    trials = searched(sampler="tpe").trials

    def study(known: int) -> StudySampler:
        return StudySampler(SPACE, "tpe", 0, reference={}, fixed={}, objectives=LOSS_AND_SIZE)

    first, again = study(20), study(20)
    for trial in trials[:20]:
        first.suggest(trial.number)
        first.tell(trial)
    again.restore(trials[:20], [*([] for _ in range(20)), list(range(20))])
    assert first.suggest(20) == again.suggest(20)
    assert fitting_trials(trials, SPACE, LOSS_AND_SIZE)[3].values == list(trials[3].losses(LOSS_AND_SIZE))
    assert fitting_trials(trials, SPACE, make_objectives(["val_loss", "speed"])) == []


def test_deterministic_searches_are_equal() -> None:
    settings: dict[str, Any] = {"sampler": "nsga2", "deterministic": True, "seed": 3}
    one, other = searched(**settings), searched(**settings)
    assert [t.params for t in one.trials] == [t.params for t in other.trials]
    assert pareto_front(one) == pareto_front(other)


def test_a_value_that_is_not_finite_ends_the_trial_as_diverged() -> None:
    def loop(config: Any, trial: FunctionTrial) -> None:
        trial.report(val_loss=1.0, size=math.inf)

    task = FunctionTask(loop, SPACE, FunctionOptions(LOSS_AND_SIZE[0], LOSS_AND_SIZE[1:]))
    result = search_here(SweepSpec(task="loop", trials=1, max_epochs=2), task, task.load())
    assert [t.status for t in result.trials] == [TrialStatus.DIVERGED]
    assert pareto_front(result) is not None


def test_points_that_are_equal_are_both_on_the_front() -> None:
    assert non_dominated([(1, 2), (2, 1), (2, 2), (1, 2)]) == [0, 1, 3]


def test_a_stored_result_has_its_front_and_one_from_before_has_none() -> None:
    result = searched(sampler="random")
    whole = replace(result, front=pareto_front(result))
    loaded = SweepResult.from_bytes(whole.to_bytes())
    assert loaded.front == whole.front
    assert loaded.facts.objectives == LOSS_AND_SIZE
    assert loaded.front is not None
    assert loaded.front.points[0].outcome is PointOutcome.UNCONFIRMED


@pytest.mark.parametrize(
    ("metric", "direction", "words"),
    [
        (["val_loss", "val_loss"], None, "names 'val_loss' twice"),
        (["accuracy", "val_loss"], None, "name 'val_loss' first"),
        (["val_loss", "size"], "minimize", "2 metrics .*1 directions"),
        (["val_loss", "size"], ["minimize", "up"], "must be 'minimize' or 'maximize', got 'up'"),
        (["val_loss", 3], None, "must be a name or a list of names"),
    ],
)
def test_mistakes_in_objectives_get_a_sentence(metric: Any, direction: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make_objectives(metric, direction)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sampler": "cmaes"}, "--sampler cmaes optimises one metric, not val_loss and size"),
        ({"sampler": "curves"}, "--sampler curves optimises one metric, not val_loss and size"),
        ({"stop": "auto"}, "--stop auto looks at one metric, not at val_loss and size"),
    ],
)
def test_what_is_for_one_metric_says_so(options: dict[str, str], words: str) -> None:
    from tunelab.search.defaults import fill_defaults, settle_sampler

    task = make_task("val_loss", "size")
    spec = fill_defaults(make_spec({"task": "train", **options}), task, name="a", tracking_uri="off")
    with pytest.raises(UserError, match=words):
        settle_sampler(spec, None, task, SPACE)


def test_advice_says_that_it_is_for_one_metric() -> None:
    result = searched(sampler="random")
    assert advice(replace(result, best=Best.from_trial(result.ranked()[0])), {}) == [
        "Only sweeps of one metric get advice; this one has several: val_loss and size."
    ]


@pytest.mark.parametrize(
    ("metrics", "act", "words"),
    [
        (["val_loss"], lambda t: t.set_constraint("size", 1), "needs a sweep with several objectives"),
        (["val_loss", "size"], lambda t: t.set_constraint("size", "big"), "'size' must be a number"),
        (["val_loss", "size"], lambda t: t.set_constraint("size", math.nan), "must be a finite number"),
        (["val_loss", "size"], lambda t: t.report(val_loss=1.0), "must report 'size'"),
    ],
)
def test_mistakes_in_a_trial_get_a_sentence(metrics: list[str], act: Any, words: str) -> None:
    trial = FunctionTrial(
        make_objectives(metrics), lambda report: None, seed=0, max_epochs=1, device="cpu", checkpoint=None
    )
    with pytest.raises(UserError, match=words):
        act(trial)


def test_early_stopping_can_be_asked_for_and_stopped_trials_are_not_on_the_front() -> None:
    result = searched(sampler="tpe", scheduler="asha", grace_period=1)
    stopped = {t.number for t in result.trials if t.status is TrialStatus.STOPPED}
    front = pareto_front(result)
    assert stopped
    assert front is not None
    assert not stopped & {p.trial for p in front.points}


def test_losses_turn_back_into_the_users_values() -> None:
    objectives = (Objective("accuracy", "maximize"), Objective("size"))
    epochs = (Epoch(1, -0.9, {"accuracy": 0.9, "size": 3.0}, 0.1),)
    record = TrialRecord(0, {}, {}, 0, 1, TrialStatus.FINISHED, epochs)
    assert record.losses(objectives) == (-0.9, 3.0)


def test_several_objectives_are_proposed_by_tpe_unless_asked_otherwise() -> None:
    from tunelab.search.defaults import fill_defaults

    def filled(*metrics: str, **given: str) -> str:
        spec = make_spec({"task": "train", **given})
        return fill_defaults(spec, make_task(*metrics), name="a", tracking_uri="off").sampler

    assert filled("val_loss", "size") == "tpe"
    assert filled("val_loss", "size", sampler="nsga2") == "nsga2"
    assert (
        fill_defaults(make_spec({"task": "wine"}), get_task("wine"), name="a", tracking_uri="off").sampler == "curves"
    )
