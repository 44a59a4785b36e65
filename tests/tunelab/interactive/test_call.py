"""``tunelab.run_sweep`` with a function, a task class and data in memory, and what its result offers."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
import torch
from optuna.distributions import FloatDistribution
from sklearn.linear_model import SGDClassifier
from torch import nn

import tunelab
from search_spaces import UserError
from tests.displays import Acting
from tests.toys import Toy
from tunelab.analysis.whatif import Fate, RecordedSearch, StoppingRules, what_if
from tunelab.cli.whatif import lines_of
from tunelab.display.display import Lines
from tunelab.interactive.result import InteractiveResult
from tunelab.records.text import format_number
from tunelab.records.trial import TrialStatus
from tunelab.search.journal import read_events
from tunelab.search.replay import replay
from tunelab.system.environment import versions
from tunelab.tracking.open import open_store
from tunelab.tracking.uri import home_of

pytestmark = pytest.mark.usefixtures("ray_session", "in_folder")

INPUTS = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
LABELS = (INPUTS[:, 0] > 0).astype(int)
LOCK = threading.Lock()

sweep: Any = tunelab.run_sweep  # untyped: what mistakes give is of the wrong type


def train(config: Mapping[str, Any], trial: Any) -> None:
    """A linear network on the first column: what a notebook's cell holds, without the compiler of an optimizer."""
    inputs = torch.as_tensor(INPUTS)
    net = nn.Linear(3, 1)
    parameters = list(net.parameters())
    for _ in range(trial.max_epochs):
        loss = ((net(inputs) - inputs[:, :1]) ** 2).mean()
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.data -= config["lr"] * gradient
        trial.report(val_loss=loss.item(), accuracy=0.5, model=net)


def classify(config: Mapping[str, Any], trial: Any) -> None:
    model = SGDClassifier(loss="log_loss", alpha=config["alpha"], random_state=trial.seed)
    for _ in range(trial.max_epochs):
        model.partial_fit(INPUTS, LABELS, classes=[0, 1])
        trial.report(accuracy=model.score(INPUTS, LABELS), model=model)


def space(trial: optuna.Trial) -> dict[str, Any]:
    return {"lr": trial.suggest_float("lr", 1e-4, 0.5, log=True)}


def alpha_space(trial: optuna.Trial) -> dict[str, Any]:
    return {"alpha": trial.suggest_float("alpha", 1e-6, 10.0, log=True)}


@pytest.fixture(scope="module")
def linear(ray_session: None, make_store_uri: Callable[[Path], str], tmp_path_factory: Any) -> InteractiveResult:
    """A finished sweep of ``train``."""
    store = make_store_uri(tmp_path_factory.mktemp("linear"))
    settings: dict[str, Any] = {"trials": 8, "max_epochs": 4, "confirm_top": 0, "tracking_uri": store, "name": "linear"}
    return tunelab.run_sweep(train, Acting(), space=space, build=lambda config: nn.Linear(3, 1), **settings)


def test_a_function_is_searched_stopped_early_and_its_model_loaded_back(linear: InteractiveResult) -> None:
    assert linear.best is not None
    assert linear.best.val_loss == min(t.val_loss for t in linear.trials if t.has_result)
    assert TrialStatus.STOPPED in {t.status for t in linear.trials}
    assert isinstance(linear.load_model(), nn.Linear)  # as build= makes it
    loaded = tunelab.load_result(linear.name, linear.tracking_uri)
    assert isinstance(loaded.load_model(build=lambda config: nn.Linear(3, 1)), nn.Linear)
    model = loaded.load_model()  # the network is not known: its weights are
    assert {name: tuple(value.shape) for name, value in model.items()} == {"weight": (1, 3), "bias": (1,)}
    net = nn.Linear(3, 1)
    net.load_state_dict(model)
    loss = float(((net(torch.as_tensor(INPUTS)) - torch.as_tensor(INPUTS[:, :1])) ** 2).mean())
    assert loss < linear.best.val_loss  # the weights are those after the step that followed the measured loss


def test_a_result_is_a_table_a_study_figures_and_html(linear: InteractiveResult) -> None:
    frame = linear.to_pandas()
    assert list(frame.index) == list(range(8))
    assert frame["val_loss"].tolist() == [t.val_loss for t in linear.trials]
    assert {"param_lr", "metric_accuracy", "status", "seconds"} <= set(frame)
    study = linear.study()
    assert {t.state.name for t in study.trials} == {"COMPLETE", "PRUNED"}
    assert all(t.duration is not None and t.duration.total_seconds() > 0 for t in study.trials)
    for record, trial in zip(linear.trials, study.trials, strict=True):
        assert trial.datetime_start == datetime.fromtimestamp(record.started)
        assert trial.datetime_complete == datetime.fromtimestamp(record.ended)
        assert linear.started <= record.started < record.ended <= linear.started + linear.wall_seconds
    assert len(optuna.visualization.plot_timeline(study).data[0].x)
    assert (frame["started"] < frame["ended"]).all()
    for figure in (linear.plot.curves(), linear.plot.history(), linear.plot.parallel()):
        shown, described = figure._repr_mimebundle_()
        assert figure.data
        assert shown["image/png"].startswith(b"\x89PNG")
        assert "val_loss" in described["image/png"]["alt"]
    html = linear._repr_html_()
    assert "linear" in html
    assert "<svg" in html
    assert repr(linear).startswith("<sweep linear: Trial ")
    assert len(repr(linear.trials[3])) < 200
    assert f"val_loss {linear.trials[0].val_loss:.6g} after" in repr(linear.trials[0])


def test_a_result_is_loaded_by_name(linear: InteractiveResult) -> None:
    loaded = tunelab.load_result("lin", linear.tracking_uri)
    assert isinstance(loaded, InteractiveResult)
    assert loaded.to_bytes() == linear.to_bytes()


def test_the_same_name_extends_the_sweep_and_another_function_is_refused(linear: InteractiveResult) -> None:
    same: dict[str, Any] = {"max_epochs": 4, "confirm_top": 0, "tracking_uri": linear.tracking_uri, "name": "linear"}
    more = tunelab.run_sweep(train, Acting(), space=space, build=lambda c: nn.Linear(3, 1), trials=9, **same)
    assert [t.to_json() for t in more.trials[:8]] == [t.to_json() for t in linear.trials]
    assert len(more.trials) == 9
    with pytest.raises(UserError, match="exists and was another one"):
        tunelab.run_sweep(classify, Acting(), space=alpha_space, metric="accuracy", trials=9, **same)


def test_metric_and_direction_are_the_users_and_the_sealed_test_is_opened_once(store_uri: str) -> None:
    seen: list[Mapping[str, Any]] = []

    def score(model: Any, config: Mapping[str, Any]) -> dict[str, float]:
        seen.append(config)
        return {"accuracy": float(model.score(INPUTS, LABELS))}

    result = tunelab.run_sweep(
        classify,
        Acting(),
        space=alpha_space,
        metric="accuracy",
        direction="maximize",
        test=score,
        trials=4,
        max_epochs=3,
        concurrency=1,  # each worker loads scikit-learn
        confirm_top=0,
        tracking_uri=store_uri,
    )
    assert result.best is not None
    assert len(seen) == len(result.test_openings) == 1
    highest = max(e.metrics["accuracy"] for t in result.trials for e in t.epochs)
    assert result.best_value == highest == result.best.test["accuracy"]
    model = result.load_model()
    assert isinstance(model, SGDClassifier)
    assert float(model.score(INPUTS, LABELS)) == highest
    check_that_people_see_the_accuracy(result, highest)


def check_that_people_see_the_accuracy(result: InteractiveResult, highest: float) -> None:
    """Table, verdict, study, report, cell and MLflow have the user's own metric, in its own sign, and no other."""
    assert result.to_pandas()["accuracy"].max() == highest
    assert result.summary()["best_value"] == highest
    for shown in (result, tunelab.load_result(result.name, result.tracking_uri)):
        best = shown.trials[result.best.trial if result.best else 0]
        assert f"accuracy {highest:.6g} after" in repr(best)
    assert f"with an accuracy of {format_number(highest)}" in repr(result)
    study = result.study()
    assert (study.direction, study.best_value) == (optuna.study.StudyDirection.MAXIMIZE, highest)
    report = result.report(Path("report.html"))
    pages = report.read_text(encoding="utf-8") + report.with_suffix(".md").read_text(encoding="utf-8")
    assert "accuracy: as the function reports it; higher is better" in pages
    assert "val_loss" not in pages
    assert "validation loss" not in pages
    assert "val_loss" not in result._repr_html_()
    store = open_store(result.tracking_uri)
    run = store.run(result.trials[0].run_id)
    assert run.data.metrics["best_accuracy"] == max(e.metrics["accuracy"] for e in result.trials[0].epochs)
    assert store.run(result.parent_run_id).data.metrics["best_accuracy"] == highest
    assert not [name for name in run.data.metrics if "val_loss" in name]
    assert store.load_trial(run.info.run_id).epochs == result.trials[0].epochs
    earlier = replay(read_events(home_of(result.tracking_uri) / "sweeps" / result.name))
    found = what_if(RecordedSearch.from_journal(earlier), StoppingRules("asha", 1, 2))
    lost = lines_of(replace(found, fate=Fate.LOST, next_best=-0.5), earlier.sessions[-1].measure)
    assert "what is left has accuracy 0.5000 or higher" in "\n".join(lost)


def test_a_dataframe_and_arrays_are_learned_as_tables(store_uri: str) -> None:
    frame = pd.DataFrame(INPUTS, columns=["a", "b", "c"]).assign(price=INPUTS[:, 0] * 3 + 1)
    settings: dict[str, Any] = {
        "trials": 2,
        "max_epochs": 2,
        "concurrency": 1,  # each worker loads what reads tables
        "confirm_top": 0,
        "tracking_uri": store_uri,
        "set": {"family": "mlp"},
    }
    first = tunelab.run_sweep("table", Acting(), data=frame, target="price", **settings)
    again = tunelab.run_sweep("table", Acting(), data=(INPUTS, INPUTS[:, 0] * 3 + 1), **settings)
    assert first.facts.kind == again.facts.kind == "regression"
    assert first.best is not None
    assert first.load_model().predict(frame[["a", "b", "c"]][:3]).shape == (3, 1)
    kept = Path(str(first.spec.task_options["data"]))
    assert kept.parent.name == "data"
    assert len(pd.read_parquet(kept)) == 80


def test_a_task_class_of_a_cell_is_searched(store_uri: str) -> None:
    class Mine(Toy):
        pass

    result = tunelab.run_sweep(Mine, Acting(), trials=2, max_epochs=2, confirm_top=0, tracking_uri=store_uri)
    assert len(result.ranked()) == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sweep(train), "needs space=: a function of an Optuna trial"),
        (lambda: sweep(lambda config: 0, space=space), r"must take two arguments, \(config, trial\)"),
        (lambda: sweep(train, space=lambda trial: 3), "space= cannot be drawn from: .*must return a dict"),
        (lambda: sweep(train, space=3), "space= must be a SearchSpace, a function of an Optuna trial, or a dict"),
        (lambda: sweep(train, space="mpl"), "Unknown search space 'mpl'. Did you mean 'mlp'"),
        (lambda: sweep(train, space="./no.py:space"), "Search space file 'no.py' does not exist"),
        (lambda: sweep(train, space=space, trails=3), "takes no 'trails'.*Did you mean 'trials'"),
        (lambda: sweep(train, space=space, trials="many"), "trials= .*got 'many'"),
        (lambda: sweep(train, space=space, trials=0), "trials= .*got 0"),
        (lambda: sweep(train, space=space, direction="up"), "direction must be 'minimize' or 'maximize'"),
        (lambda: sweep(train, space=space, metric=["val_loss", "val_loss"]), "names 'val_loss' twice"),
        (lambda: sweep(train, space=space, metric=["val_loss", "ms"], direction=["minimize"]), "1 directions"),
        (lambda: sweep(train, space=space, metric=["val_loss", "ms"], sampler="cmaes"), "cmaes optimises one metric"),
        (lambda: sweep(train, space=space, sampler="tpee"), "sampler= .*Did you mean 'tpe'"),
        (lambda: sweep(train, space=space, ensemble=3), "cannot be averaged"),
        (lambda: sweep("wime"), "Unknown task 'wime'. Did you mean 'wine'"),
        (lambda: sweep("function:train"), "a Python function that only the program has"),
        (lambda: sweep("./no.py:train"), "Task file 'no.py' does not exist"),
        (lambda: sweep("wine", test=print), "test= belongs to a sweep of a training function"),
        (lambda: sweep("wine", metric="accuracy"), "Task 'wine' takes no metric="),
        (lambda: sweep("wine", colour="red"), "takes no 'colour' for the task 'wine'"),
        (lambda: sweep("wine", task_options={"colour": "red"}), "takes no 'colour' for the task 'wine'"),
        (lambda: sweep("wine", n_trials=3), "takes no 'n_trials' for the task 'wine'. Did you mean 'trials'"),
        (lambda: sweep(train, space=space, num_samples=3), "takes no 'num_samples'.*Did you mean 'trials'"),
        (lambda: sweep(train, space=space, timeout=60), "Did you mean 'time_budget'"),
        (lambda: sweep(train, space=space, mode="min"), "Did you mean 'direction'"),
        (lambda: sweep(train, space=space, gpus_per_trial=99), "gpus_per_trial=99: there are only"),
        (lambda: sweep(train, space=space, target="y"), "target= belongs to a table"),
        (lambda: sweep(train, space=space, test="score"), "test= must be a function, got str"),
        (lambda: sweep(train, space={"lr": (1e-4, 1e-1)}), "a dict in which nothing varies"),
        (lambda: sweep(train, space=lambda trial: {"lr": os.urandom(2).hex()}), "gives another 'lr' each time"),
        (lambda: sweep(lambda trial: trial.suggest_int("n", 1, 2)), "An Optuna objective becomes two functions"),
        (lambda: sweep(nn.Linear(3, 1), space=space), r"A network \(Linear\) was given"),
        (lambda: sweep(SGDClassifier(), space=space), r"def train\(config, trial\): model = SGDClassifier"),
        (lambda: sweep(pd.DataFrame({"a": [1]})), "run_sweep\\('table', data=frame, target='COLUMN'\\)"),
        (lambda: sweep("houses.csv", target="price"), "run_sweep\\('table', data='houses.csv'"),
        (lambda: sweep("table", data=pd.DataFrame({"a": [1]})), "Add target= with one of"),
        (lambda: sweep(lambda config, trial: LOCK.locked(), space=space), "'LOCK', of type lock, cannot be sent"),
        (lambda: sweep(train, space=space, data={"lock": LOCK}), "'data', of type dict, cannot be sent"),
        (lambda: sweep("wine", task_options="red"), "task_options= must be a dict of options of the task, got str"),
        (lambda: sweep(train, space=space, task_options={"trails": 3}), "takes no 'trails'.*Did you mean 'trials'"),
        (lambda: sweep(3), "takes a task's name, a Python file, a training function, or a Task; got int"),
        (lambda: sweep("table", data=3, target="y"), "data= must be a file, a DataFrame"),
        (lambda: sweep("table", data=(INPUTS, LABELS[:3])), "X has 80 rows and y has 3"),
        (lambda: sweep("table", data=(INPUTS[0], LABELS)), "X must have two dimensions"),
        (lambda: sweep("table", data=pd.DataFrame({"a": [1, 2]}), target="b"), "b"),
        (lambda: sweep("table", data=pd.DataFrame({0: [3.0] * 30, 1: [2.0] * 30}), target=1), "'1' has one value only"),
        (lambda: sweep(tunelab.SweepSpec(task="wine"), trials=3), "A SweepSpec holds everything"),
        (lambda: tunelab.load_result("nothing"), "There is no tracking store|does not exist|no store"),
    ],
)
def test_mistakes_get_a_sentence_and_write_nothing(call: Callable[[], Any], words: str, in_folder: Path) -> None:
    with pytest.raises(UserError, match=words):
        call()
    assert not [path for path in in_folder.rglob("*") if path.is_file() and path.suffix != ".parquet"]


def test_the_package_says_its_version_and_what_another_name_may_mean() -> None:
    assert tunelab.__version__ == versions()["tunelab"]
    with pytest.raises(AttributeError, match=r"no attribute 'runsweep'.* Did you mean 'run_sweep'"):
        tunelab.runsweep  # noqa: B018


def test_what_a_function_prints_is_kept_in_a_file_for_each_trial(store_uri: str) -> None:
    def talk(config: Mapping[str, Any], trial: Any) -> None:
        try:
            for epoch in range(trial.max_epochs):
                print(f"learning rate {config['lr']:.3g}, epoch {epoch}", "데이터")  # noqa: T201 what is tested
                trial.report(val_loss=config["lr"] + epoch)
        finally:
            print("cleaned up")  # noqa: T201
            raise ValueError("behind the last epoch")

    display = Acting()
    settings: dict[str, Any] = {"trials": 2, "max_epochs": 3, "confirm_top": 0, "tracking_uri": store_uri}
    result = sweep(talk, display, space=space, scheduler="none", **settings)
    folder = home_of(result.tracking_uri) / "sweeps" / result.name / "printed"
    for trial in result.trials:
        lines = [f"learning rate {trial.params['lr']:.3g}, epoch {epoch} 데이터" for epoch in range(3)]
        printed = (folder / f"trial-{trial.number:05d}.txt").read_text().splitlines()
        assert printed[:4] == [*lines, "cleaned up"]
        assert printed[-1] == "ValueError: behind the last epoch"
        assert trial.status == TrialStatus.FINISHED
    assert [step for step in display.steps if str(folder) in step and "prints is kept in" in step]


def test_why_trials_failed_is_seen_while_they_do_and_in_the_result(
    store_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {"trials": 4, "max_epochs": 2, "confirm_top": 0, "tracking_uri": store_uri}
    result = sweep(lambda config, trial: config["rate"], Lines(), space=space, **settings)
    assert capsys.readouterr().err.count("KeyError: 'rate'") == 1  # once, not for every trial
    assert repr(result).endswith("KeyError: 'rate' (the configuration has lr)>")
    assert repr(result.trials[0]).endswith("KeyError: 'rate' (the configuration has lr)>")
    assert "trials failed, the first with: KeyError: &#39;rate&#39;" in result._repr_html_()


def test_a_value_that_is_returned_ends_its_trial_and_nothing_is_trained_for_a_model_that_is_not_there(
    store_uri: str, in_folder: Path
) -> None:
    def train(config: Mapping[str, Any], trial: Any) -> torch.Tensor:
        with (in_folder / "calls.txt").open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        return torch.tensor(config["lr"])

    settings: dict[str, Any] = {"trials": 4, "max_epochs": 9, "confirm_top": 0, "tracking_uri": store_uri}
    domains = {"lr": FloatDistribution(1e-4, 1e-1, log=True)}
    result = sweep(train, Acting(), space=domains, **settings)
    assert {trial.status for trial in result.trials} == {TrialStatus.FINISHED}  # no rung has stopped it
    calls = (in_folder / "calls.txt").read_text().split()
    assert len(calls) == len(result.trials)
    assert str(os.getpid()) not in calls
    with pytest.raises(UserError, match=f"Sweep '{result.name}' kept no model.*its trials reported none"):
        open_store(store_uri).model_uri(result.name)


def test_a_function_of_a_file_is_swept_by_path(in_folder: Path, store_uri: str) -> None:
    (in_folder / "mine.py").write_text(
        "def train(config, trial):\n"
        "    for epoch in range(trial.max_epochs):\n"
        "        trial.report(val_loss=config['x'] ** 2 + 1 / (epoch + 1))\n"
        "def space(trial):\n"
        "    return {'x': trial.suggest_float('x', -1, 1)}\n"
        "def narrow(trial):\n"
        "    return {'x': trial.suggest_float('x', 0.5, 1)}\n"
    )
    settings: dict[str, Any] = {"trials": 3, "max_epochs": 3, "confirm_top": 0, "tracking_uri": store_uri}
    result = tunelab.run_sweep("./mine.py:train", Acting(), **settings)
    assert result.spec.task == "./mine.py:train"
    narrow = tunelab.run_sweep("./mine.py:train", Acting(), space="./mine.py:narrow", **settings)
    assert all(t.config["x"] >= 0.5 for t in narrow.trials)


class Counted(torch.utils.data.TensorDataset):
    """Notes in a file each process that unpickles it."""

    file = ""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "file": self.file}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with Path(self.file).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")


def test_data_sets_are_loaded_once_a_worker_and_not_once_a_trial(in_folder: Path) -> None:
    def loop(config: Mapping[str, Any], trial: Any) -> None:
        training, validation = trial.data
        trial.report(val_loss=config["lr"] * len(training) + len(validation), worker=os.getpid())

    sets = Counted(torch.as_tensor(INPUTS)), Counted(torch.as_tensor(INPUTS[:20]))
    for one in sets:
        one.file = str(in_folder / "loads.txt")
    result = tunelab.run_sweep(
        loop, Acting(), space=space, data=sets, trials=8, max_epochs=1, confirm_top=0, tracking_uri="off"
    )
    assert len(result.ranked()) == 8
    loads = Counter((in_folder / "loads.txt").read_text().split())
    workers = {str(t.worker["pid"]) for t in result.trials}
    assert workers <= set(loads)
    assert all(loads[worker] == len(sets) for worker in workers)
