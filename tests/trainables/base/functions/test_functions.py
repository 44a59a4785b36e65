"""A user's own training function as a task: reports, stopping, seeds, models, and the callbacks of other libraries."""

from __future__ import annotations

import ast
import inspect
import random
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from search_spaces import SearchSpace, UserError
from trainables import EpochReport, load_predictor
from trainables.base.contract.objective import Objective
from trainables.base.functions.task import FunctionOptions, FunctionTask
from trainables.base.functions.trial import FunctionTrial

SPACE = SearchSpace("toy", lambda trial: {"width": trial.suggest_int("width", 1, 4)})
INPUTS = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
LABELS = (INPUTS[:, 0] > 0).astype(int)
ACCURACY = FunctionOptions(Objective("accuracy", "maximize"))


def run(
    function: Callable[[Mapping[str, Any], FunctionTrial], Any],
    options: FunctionOptions | None = None,
    *,
    seed: int = 7,
    max_epochs: int = 3,
    checkpoint: Path | None = None,
) -> list[EpochReport]:
    task = FunctionTask(function, SPACE, options)
    return list(task.fit({"width": 2}, task.load().training, seed, max_epochs=max_epochs, checkpoint=checkpoint))


def random_losses(config: Mapping[str, Any], trial: FunctionTrial) -> None:
    for _ in range(trial.max_epochs):
        trial.report(val_loss=float(torch.rand(1)) + float(np.random.rand()) + random.random())


def test_a_seed_fixes_the_random_numbers_of_the_whole_function_and_leaves_those_of_the_process_alone() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state(), random.getstate()
    first, again, other = (run(random_losses, seed=seed) for seed in (7, 7, 8))
    assert [r.val_loss for r in first] == [r.val_loss for r in again] != [r.val_loss for r in other]
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_stopping_a_trial_ends_the_function_and_lets_it_clean_up() -> None:
    seen: list[str] = []

    def train(config: Mapping[str, Any], trial: FunctionTrial) -> None:
        try:
            for epoch in range(9):
                try:
                    trial.report(val_loss=1 / (epoch + 1))
                except Exception:  # noqa: BLE001 what a user's code may do: it must not swallow the stop
                    seen.append("swallowed")
        finally:
            seen.append(f"cleaned up after {trial.epoch}")

    task = FunctionTask(train, SPACE)
    reports = iter(task.fit({}, task.load().training, 0, max_epochs=9))
    assert [next(reports).epoch for _ in range(3)] == [1, 2, 3]
    del reports
    assert seen == ["cleaned up after 3"]


def test_a_function_that_ignores_the_stop_is_left() -> None:
    def stubborn(config: Mapping[str, Any], trial: FunctionTrial) -> None:
        while True:
            try:
                trial.report(val_loss=1.0)
            except BaseException:  # noqa: BLE001
                continue

    task = FunctionTask(stubborn, SPACE)
    reports = iter(task.fit({}, task.load().training, 0, max_epochs=9))
    next(reports)
    reports.close()  # type: ignore[attr-defined]


def test_a_plain_objective_returns_its_value() -> None:
    (report,) = run(lambda config, trial: (config["width"] - 3) ** 2)
    assert (report.epoch, report.val_loss) == (1, 1.0)
    (report,) = run(lambda config, trial: {"accuracy": 0.75, "loss": 2}, ACCURACY)
    assert (report.val_loss, dict(report.metrics)) == (-0.75, {"accuracy": 0.75, "loss": 2.0})


def test_the_exception_of_a_function_reaches_the_caller() -> None:
    def fails(config: Mapping[str, Any], trial: FunctionTrial) -> None:
        trial.report(val_loss=1.0)
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        run(fails)


def interrupted() -> None:
    raise KeyboardInterrupt


def report_in_a_thread(trial: FunctionTrial) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(trial.report, 1.0)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda config, trial: None, "reported nothing: call trial.report.val_loss=..."),
        (lambda config, trial: "good", "it returned 'good'"),
        (lambda config, trial: True, "it returned True"),
        (lambda config, trial: {"loss": 1.0, "f1": 2.0}, "a dict of loss, f1 .metric='loss' optimises that one"),
        (lambda config, trial: trial.report(0.5, 0), "epoch must be a whole number above the last one, 0, got 0"),
        (lambda config, trial: [trial.report(0.5, 2), trial.report(0.5, 1)], "above the last one, 2, got 1"),
        (lambda config, trial: report_in_a_thread(trial), "called in a thread of its own"),
        (lambda config, trial: sys.exit(2), "ended its process .exit status 2"),
        (lambda config, trial: interrupted(), "raised KeyboardInterrupt, as Ctrl-C does"),
        (lambda config, trial: trial.report({"val_loss": 1.0}), r"got a dict. Write trial.report\(\*\*metrics\)"),
        (lambda config, trial: trial.report(accuracy=1.0), "must report 'val_loss'.*it reported accuracy"),
        (lambda config, trial: trial.report(val_loss="low"), "'val_loss' must be a number, got 'low'"),
        (lambda config, trial: trial.report(val_loss="0.5"), "'val_loss' must be a number, got '0.5'"),
        (lambda config, trial: trial.report(val_loss=[1]), "'val_loss' must be a number, got list"),
        (
            lambda config, trial: trial.report(1.0, model=object()),
            "a model of type object cannot be kept. Give an nn.Mod",
        ),
        (
            lambda config, trial: trial.report(1.0, model=FunctionTransformer(abs)),
            "cannot be loaded back|cannot be kept",
        ),
    ],
)
def test_mistakes_in_a_function_get_a_sentence(function: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        run(function)


@pytest.mark.parametrize("value", [np.float32(0.5), np.array([0.5]), torch.tensor(0.5, requires_grad=True), 0.5])
def test_any_librarys_number_is_a_number(value: Any) -> None:
    assert [r.val_loss for r in run(lambda config, trial: trial.report(value))] == [0.5]
    assert [r.val_loss for r in run(lambda config, trial: value)] == [0.5]


def test_what_only_an_optuna_trial_has_is_said_to_be_elsewhere() -> None:
    with pytest.raises(AttributeError, match=r"no 'suggest_float'. Parameters are drawn by the search space"):
        run(lambda config, trial: trial.suggest_float("lr", 0, 1))
    with pytest.raises(AttributeError, match="leave should_prune out"):
        run(lambda config, trial: trial.should_prune())


class Generates:
    def __call__(self, config: Any, trial: FunctionTrial) -> Iterator[float]:
        yield 0.5


async def coroutine(config: Any, trial: FunctionTrial) -> None:
    trial.report(0.5)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (Generates(), "'Generates' is a generator, because it has a yield"),
        (coroutine, "'coroutine' is async"),
        (SGDClassifier, "'SGDClassifier' is a class"),
        (nn.Linear(1, 1), "A network .Linear. was given"),
    ],
)
def test_what_would_not_train_is_refused_before_anything_runs(function: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        FunctionTask(function, SPACE)


class Trains:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, config: Any, trial: FunctionTrial) -> float:
        return self.factor

    def fit(self, config: Any, trial: FunctionTrial) -> float:
        return self.factor


def test_partials_methods_and_objects_are_known_by_their_code_and_what_they_carry() -> None:
    def train(config: Any, trial: FunctionTrial, factor: float) -> float:
        return factor

    for make in (lambda f: partial(train, factor=f), Trains, lambda f: Trains(f).fit):
        first, again, other = (FunctionTask(make(factor), SPACE) for factor in (1.0, 1.0, 2.0))
        assert first.source.digest == again.source.digest != other.source.digest
        assert "return" in first.source.text
        assert first.modules == again.modules == ("tests.trainables.base.functions.test_functions",)
    assert FunctionTask(partial(train, factor=1.0), SPACE).source.name == "train"


@pytest.mark.parametrize("function", [lambda: None, lambda config: None, lambda a, b, c: None])
def test_a_function_must_take_two_arguments(function: Any) -> None:
    with pytest.raises(UserError, match=r"must take two arguments, \(config, trial\)"):
        FunctionTask(function, SPACE)


def test_the_best_epochs_network_is_kept_and_built_again(tmp_path: Path) -> None:
    def train(config: Mapping[str, Any], trial: FunctionTrial) -> None:
        net = nn.Linear(3, 1)
        for epoch, loss in enumerate((3.0, 1.0, 2.0)):
            nn.init.constant_(net.weight, epoch)
            trial.report(val_loss=loss, model=net)

    options = FunctionOptions(build=lambda config: nn.Linear(3, 1))
    task = FunctionTask(train, SPACE, options)
    splits, weights = task.load(), {}
    for report in task.fit({"width": 1}, splits.training, 0, max_epochs=3):
        if report.weights is not None:
            weights = {name: value.clone() for name, value in report.weights.items()}
    model = task.predictor({"width": 1}, weights, splits)
    assert model is not None
    assert float(model.native().weight[0, 0]) == 1.0
    expected = model.predict(INPUTS[:5])
    assert list(expected) == ["prediction"]
    model.save(tmp_path)
    loaded: Any = load_predictor(tmp_path)
    assert {name: value.tolist() for name, value in loaded.native().items()}["weight"] == [[1.0, 1.0, 1.0]]
    with pytest.raises(UserError, match="does not know the network: give run_sweep build="):
        loaded.predict(INPUTS)


def kept(model: Any, tmp_path: Path) -> Any:
    """What is loaded back of a model that a function reports."""
    task = FunctionTask(lambda config, trial: trial.report(1.0, model=model), SPACE)
    splits = task.load()
    (report,) = task.fit({}, splits.training, 0, max_epochs=1)
    assert report.weights is not None
    predictor = task.predictor({}, report.weights, splits)
    assert predictor is not None
    predictor.save(tmp_path)
    assert not [path.name for path in tmp_path.iterdir() if path.suffix in (".pkl", ".pt", ".joblib")]
    return load_predictor(tmp_path)


def test_a_scikit_learn_model_is_kept_by_skops(tmp_path: Path) -> None:
    model = SGDClassifier(loss="log_loss", random_state=0).fit(INPUTS, LABELS)
    loaded = kept(model, tmp_path)
    frame = loaded.predict(INPUTS)
    assert frame["prediction"].tolist() == model.predict(INPUTS).tolist()
    assert np.allclose(frame[["p_0", "p_1"]], model.predict_proba(INPUTS))


def test_lightgbm_and_xgboost_are_kept_in_their_own_formats(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1).fit(INPUTS, INPUTS[:, 1])
    loaded = kept(model, tmp_path)
    assert np.allclose(loaded.predict(INPUTS)["prediction"], model.predict(INPUTS))
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    other = tmp_path / "other"
    other.mkdir()
    booster = xgboost.XGBRegressor(n_estimators=3).fit(INPUTS, INPUTS[:, 1])
    assert np.allclose(kept(booster, other).predict(INPUTS)["prediction"], booster.predict(INPUTS), atol=1e-5)


def test_a_damaged_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    kept(SGDClassifier().fit(INPUTS, LABELS), tmp_path)
    (tmp_path / "model.skops").write_bytes(b"no archive")
    with pytest.raises(UserError, match="skops' is damaged"):
        load_predictor(tmp_path).predict(INPUTS)


def write_epoch(epoch: int, folder: Path) -> None:
    (folder / "epoch").write_text(f"{epoch}")


def test_a_checkpoint_folder_is_handed_to_the_function(tmp_path: Path) -> None:
    def train(config: Mapping[str, Any], trial: FunctionTrial) -> None:
        begin = 0 if trial.checkpoint is None else int((trial.checkpoint / "epoch").read_text())
        for epoch in range(begin + 1, trial.max_epochs + 1):
            trial.report(val_loss=1 / epoch, epoch=epoch, checkpoint=partial(write_epoch, epoch))

    whole = run(train)
    assert whole[1].save is not None
    reports = []
    task = FunctionTask(train, SPACE)
    for report in task.fit({}, task.load().training, 0, max_epochs=3):
        reports.append(report)
        if report.epoch == 2:
            assert report.save is not None
            report.save(tmp_path)
            break
    continued = run(train, checkpoint=tmp_path)
    assert [(r.epoch, r.val_loss) for r in [*reports, *continued]] == [(r.epoch, r.val_loss) for r in whole]


def digest(function: Any, data: Any = None) -> str:
    return FunctionTask(function, SPACE, FunctionOptions(data=data)).load().training.digest


def test_the_digest_is_that_of_source_closure_and_data() -> None:
    def make(factor: float) -> Callable[[Any, Any], float]:
        return lambda config, trial: factor * config["width"]

    assert digest(make(1.0)) == digest(make(1.0)) != digest(make(2.0))
    assert digest(make(1.0), INPUTS) != digest(make(1.0), INPUTS + 1)
    assert digest(make(1.0), {"x": torch.ones(2)}) != digest(make(1.0), {"x": torch.zeros(2)})
    assert digest(random_losses) != digest(make(1.0))


def stop_at_first_report(function: Callable[[Mapping[str, Any], FunctionTrial], Any]) -> None:
    """Train a function that the search stops after its first epoch."""
    task = FunctionTask(function, SPACE)
    reports = iter(task.fit({"width": 2}, task.load().training, 7, max_epochs=3))
    next(reports)
    reports.close()  # type: ignore[attr-defined]


def around(function: Callable[..., Any]) -> int:
    """How many statements a training function has, its head and what only this test needs aside."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree)) - 2


def test_a_loop_of_partial_fit_is_five_lines() -> None:
    def train(config: Mapping[str, Any], trial: FunctionTrial) -> None:
        model = SGDClassifier(loss="log_loss", random_state=trial.seed)
        for _ in range(trial.max_epochs):
            model.partial_fit(INPUTS, LABELS, classes=[0, 1])
            trial.report(accuracy=model.score(INPUTS, LABELS), model=model)

    reports = run(train, ACCURACY)
    assert [r.epoch for r in reports] == [1, 2, 3]
    assert any(report.weights is not None for report in reports)
    assert around(train) < 15


def test_a_lightning_module_reports_through_a_callback() -> None:
    lightning = pytest.importorskip("pytorch_lightning", reason="Lightning is not installed")

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self, width: int) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 1))

        def training_step(self, batch: Any, _: int) -> Any:
            return nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val_loss", nn.functional.mse_loss(self.net(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), 0.01)

    def train(config: Mapping[str, Any], trial: FunctionTrial) -> None:
        data = torch.utils.data.TensorDataset(torch.as_tensor(INPUTS), torch.as_tensor(INPUTS[:, :1]))
        loader = torch.utils.data.DataLoader(data, batch_size=20)
        trainer = lightning.Trainer(
            max_epochs=trial.max_epochs,
            callbacks=[trial.lightning_callback()],
            **{"logger": False, "enable_checkpointing": False, "enable_progress_bar": False},
            enable_model_summary=False,
            accelerator="cpu",
        )
        trainer.fit(Module(config["width"]), loader, loader)
        to_the_end.append(trial.epoch)

    to_the_end: list[int] = []
    reports = run(train)
    stop_at_first_report(train)
    assert to_the_end == [3]  # not where the search stopped it
    assert around(train) < 15
    assert [r.epoch for r in reports] == [1, 2, 3]
    assert reports[-1].val_loss < reports[0].val_loss
    assert reports[-1].weights is not None
    assert "net.0.weight" in reports[-1].weights


def test_a_transformers_trainer_reports_through_a_callback(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    def train(config: Mapping[str, Any], trial: FunctionTrial) -> None:
        model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_head=1, n_embd=8, vocab_size=16, n_positions=8))
        rows = [{"input_ids": [i % 16] * 8, "labels": [i % 16] * 8} for i in range(8)]
        arguments = TrainingArguments(
            output_dir=str(tmp_path),
            num_train_epochs=trial.max_epochs,
            eval_strategy="epoch",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            learning_rate=0.01,
        )
        Trainer(
            model=model,
            args=arguments,
            train_dataset=rows,
            eval_dataset=rows,
            callbacks=[trial.trainer_callback()],
        ).train()
        to_the_end.append(trial.epoch)

    to_the_end: list[int] = []
    reports = run(train)
    stop_at_first_report(train)
    assert to_the_end == [3]
    assert around(train) < 15
    assert [r.epoch for r in reports] == [1, 2, 3]
    assert reports[-1].val_loss < reports[0].val_loss
    assert reports[-1].weights is not None
