"""Every task passes the conformance suite, and the suite names what broken tasks get wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import trainables
from search_spaces import SearchSpace
from tests.pictures import write_pictures
from tests.reviews import write_reviews
from trainables import EpochReport, SealedTest, Splits, TabularTask, Task, TaskFacts, shipped_tasks
from trainables.base.contract.conformance import check_task
from trainables.base.contract.conformance.checks import CHECKS
from trainables.base.contract.conformance.suite import plain_fault


def faults(task: Task) -> dict[str, str]:
    return {result.name: result.fault for result in check_task(task, shipped_tasks()) if result.fault is not None}


SLOW = ("kogpt2", "mnist_gan")  # trains a language model, or a generator and its critic, several times


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in sorted(trainables.task_classes())],
)
def test_every_task_conforms(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {}
    if name == "table":
        path = tmp_path / "points.csv"
        Toy().read().to_csv(path, index=False)
        options = {"data": path, "target": "y"}
    if name == "text":
        options = {"data": write_reviews(tmp_path), "text": "글", "target": "평"}
    if name == "images":
        options = {"data": write_pictures(tmp_path, each=10), "side": 24}
    if name == "series":
        path = tmp_path / "series.csv"
        values = np.random.default_rng(0).normal(size=120)
        pd.DataFrame({"day": pd.date_range("2024-01-01", periods=120), "y": values}).to_csv(path, index=False)
        options = {"data": path, "time": "day", "target": "y", "horizon": 2}
    before = torch.get_rng_state()
    assert faults(trainables.get_task(name, **options)) == {}
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", SLOW)
def test_facts_and_reference_of_slow_tasks_are_right(name: str) -> None:
    assert plain_fault(trainables.get_task(name), {}) is None


class Toy(TabularTask):
    """A hundred points on a plane."""

    facts = TaskFacts(
        name="toy",
        title="Points on a plane",
        kind="regression",
        source="numpy",
        licence="public",
        score="rmse",
        score_direction="minimize",
    )
    space_name = "mlp_small"
    reference = {"n_layers": 1, "width_1": 8, "dropout": 0.0, "lr": 1e-2, "weight_decay": 1e-4, "batch_size": 16}
    target = "y"
    numeric = ("a", "b")

    def read(self) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        frame = pd.DataFrame({"a": rng.normal(size=100), "b": rng.normal(size=100)})
        return frame.assign(y=2 * frame["a"] - frame["b"])


Reports = Iterator[EpochReport]


def toy_with(**methods: Any) -> Task:
    """A toy whose methods are replaced; a method gets the toy's own as ``honest`` first."""

    def bound(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        honest = getattr(Toy, name)
        return lambda self, *args, **kwargs: method(lambda *a, **k: honest(self, *a, **k), *args, **kwargs)

    members = {name: bound(name, value) if callable(value) else value for name, value in methods.items()}
    cls: type[Task] = type("Broken", (Toy,), members)
    return cls()


def no_end(honest: Any, config: Any, data: Any, seed: int, **kwargs: Any) -> Reports:
    return honest(config, data, seed, **kwargs | {"max_epochs": 50})  # type: ignore[no-any-return]


def seedless(honest: Any, config: Any, data: Any, seed: int, **kwargs: Any) -> Reports:
    return honest(config, data, 0, **kwargs)  # type: ignore[no-any-return]


def unrepeatable(honest: Any, config: Any, data: Any, seed: int, **kwargs: Any) -> Reports:
    return honest(config, data, int(np.random.default_rng().integers(2**31)), **kwargs)  # type: ignore[no-any-return]


def global_numbers(honest: Any, config: Any, data: Any, seed: int, **kwargs: Any) -> Reports:
    torch.manual_seed(seed)
    return honest(config, data, seed, **kwargs)  # type: ignore[no-any-return]


def diverging(honest: Any, *args: Any, **kwargs: Any) -> Reports:
    return (replace(report, val_loss=math.nan) for report in honest(*args, **kwargs))


def careless(honest: Any, config: Any, *args: Any, **kwargs: Any) -> Reports:
    fallback = {"hidden_sizes": [8], "dropout": 0.0, "lr": 1e-2, "weight_decay": 0.0, "batch_size": 16}
    return honest(fallback | config, *args, **kwargs)  # type: ignore[no-any-return]


def tuples(honest: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
    return ((report.epoch, report.val_loss) for report in honest(*args, **kwargs))


def sees_training_rows(honest: Any, *args: Any) -> Splits:
    splits: Splits = honest(*args)
    return replace(splits, test=SealedTest(splits.train))


def trains_on_test_rows(honest: Any, *args: Any) -> Splits:
    splits: Splits = honest(*args)
    test = splits.test.open()
    arrays = dict(splits.training.arrays)
    arrays["x_val"] = splits.preprocessing.transform(test.inputs)
    arrays["y_val"] = test.targets.astype(np.float32)
    return replace(splits, training=replace(splits.training, arrays=arrays))


def swaps_targets(honest: Any, *args: Any) -> Splits:
    splits: Splits = honest(*args)
    arrays = dict(splits.training.arrays)
    arrays["y_val"] = arrays["y_val"][::-1].copy()
    return replace(splits, training=replace(splits.training, arrays=arrays))


def holds_nan(honest: Any, *args: Any) -> Splits:
    splits: Splits = honest(*args)
    x = splits.training.arrays["x_train"].copy()
    x[3, 0] = np.nan
    return replace(splits, training=replace(splits.training, arrays={**splits.training.arrays, "x_train": x}))


def another_digest(honest: Any, *args: Any) -> Splits:
    splits: Splits = honest(*args)
    digest = f"{np.random.default_rng().integers(2**62):064x}"
    return replace(splits, training=replace(splits.training, digest=digest))


def fails_to_load(honest: Any, *args: Any) -> Splits:
    raise FileNotFoundError("points.csv")


def impure_space(honest: Any, *args: Any) -> SearchSpace:
    calls = iter(range(1000))
    return SearchSpace("impure", lambda trial: {"lr": trial.suggest_float("lr", 0, 1), "n": next(calls)})


def wrong_scores(honest: Any, *args: Any) -> dict[str, float]:
    return {"accuracy": 1.0}


def first_rows(honest: Any, config: Any, weights: Any, splits: Splits) -> Any:
    predictor = honest(config, weights, splits)
    predict = predictor.predict
    predictor.predict = lambda inputs: predict(inputs).head(5)
    return predictor


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {  # methods, the check that must fail, what it says
    "a shipped name": ({"facts": replace(Toy.facts, name="wine")}, "facts", "ships with tunelab"),
    "no name": ({"facts": replace(Toy.facts, name="My Toy")}, "facts", "'facts.name'"),
    "no licence": ({"facts": replace(Toy.facts, licence="")}, "facts", "'facts.licence' is empty"),
    "no load": ({"load": fails_to_load}, "loads", "FileNotFoundError"),
    "test is train": ({"load": sees_training_rows}, "data", "100 % of the test rows are train rows"),
    "trial sees test": ({"load": trains_on_test_rows}, "data", "other rows"),
    "targets swapped": ({"load": swaps_targets}, "data", "'y_val' does not belong"),
    "nan": ({"load": holds_nan}, "data", "'x_train' holds NaN"),
    "digest": ({"load": another_digest}, "digest", "different digests"),
    "space": ({"space": impure_space}, "space", "not a pure function"),
    "reference": ({"reference": Toy.reference | {"lr": 5.0}}, "reference", "lr=5.0 lies outside"),
    "reference of another space": ({"reference": Toy.reference | {"depth": 2}}, "reference", "depth"),
    "no reference": ({"reference": {}}, "reference", "is empty"),
    "diverges": ({"fit": diverging}, "trains", "val_loss is nan"),
    "tuples": ({"fit": tuples}, "trains", "must yield EpochReport"),
    "no end": ({"fit": no_end}, "budget", "continues after max_epochs"),
    "unrepeatable": ({"fit": unrepeatable}, "repeats", "different reports"),
    "seedless": ({"fit": seedless}, "seeds", "does not use its seed"),
    "global numbers": ({"fit": global_numbers}, "randomness", "global random numbers"),
    "careless": ({"fit": careless}, "missing key", "any key missing"),
    "score": ({"scores": wrong_scores}, "predictor", "no finite 'rmse'"),
    "rows lost": ({"predictor": first_rows}, "predictor", "returns 5 rows for 16 inputs"),
}


@pytest.mark.filterwarnings("ignore:The value 5.0 of the parameter")
@pytest.mark.parametrize("broken", BROKEN)
def test_what_a_task_gets_wrong_is_named(broken: str) -> None:
    methods, check, says = BROKEN[broken]
    found = faults(toy_with(**methods))
    assert says in found[check]
    earlier = [name for name, *_ in CHECKS]
    assert all(earlier.index(name) >= earlier.index(check) for name in found)


def test_a_task_that_keeps_its_data_is_told_that_they_travel() -> None:
    class Hoarding(Toy):
        def load(self, *seeds: int) -> Splits:
            self.kept = super().load(*seeds)
            return self.kept

    assert "travels to every worker, test rows with it" in faults(Hoarding())["loads"]


def test_an_honest_toy_passes() -> None:
    assert faults(Toy()) == {}
