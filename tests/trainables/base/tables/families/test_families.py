"""Every family, through the doors of a task: it learns, repeats, keeps its model and says the same when loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from search_spaces import Config, UserError
from trainables import Splits, TabularTask, get_task, load_predictor
from trainables.base.contract.data import RawSplit
from trainables.base.contract.task import EpochReport
from trainables.base.tables.families.numeric_embeddings import Waves
from trainables.base.tables.families.registry import family_of
from trainables.base.tables.families.soft_neighbours import loss_and_gradient, read

TASKS = ("wine", "heart_disease", "auto_mpg")  # several classes, two, a number
FAMILIES = get_task("wine").space().branches()  # those of series are tried on series


@pytest.fixture(scope="module", params=TASKS)
def case(request: pytest.FixtureRequest) -> tuple[TabularTask, Splits]:
    task = get_task(request.param)
    assert isinstance(task, TabularTask)
    return task, task.load()


def reference(task: TabularTask, family: str) -> Config:
    """The family's reference configuration, in a size that trains in a moment."""
    small = {"members": 8, "width": 64, "neighbours_n_frequencies": 16, "dim": 32}
    return task.space().config({**task.reference, "family": family, **small})


def train(task: TabularTask, splits: Splits, family: str, seed: int = 3, epochs: int = 40) -> list[EpochReport]:
    """Reports with copies of the weights."""
    config = reference(task, family)
    kept = []
    for report in task.fit(config, splits.training, seed, max_epochs=epochs):
        assert report.weights is not None
        weights = {name: value.clone() for name, value in report.weights.items()}
        kept.append(EpochReport(report.epoch, report.val_loss, dict(report.metrics), weights))
    return kept


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_learns_repeats_and_keeps_its_model(
    case: tuple[TabularTask, Splits], family: str, tmp_path: Path
) -> None:
    task, splits = case
    reports = train(task, splits, family)
    best = min(reports, key=lambda report: report.val_loss)
    constant = (
        float(np.log(3)) if task.facts.name == "wine" else {"heart_disease": 0.69, "auto_mpg": 1.0}[task.facts.name]
    )
    assert best.val_loss < 0.75 * constant

    again, other = train(task, splits, family, epochs=3), train(task, splits, family, seed=4, epochs=3)
    assert [r.val_loss for r in again] == [r.val_loss for r in reports[: len(again)]]
    assert [r.val_loss for r in again] != [r.val_loss for r in other]

    assert best.weights is not None
    predictor = task.predictor(reference(task, family), best.weights, splits)
    predictor.save(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".skops", ".safetensors", ".txt")]
    rows = splits.validation.inputs
    assert load_predictor(tmp_path).predict(rows).equals(predictor.predict(rows))
    scores = task.scores(predictor, splits.validation)
    key = "rmse" if task.facts.kind == "regression" else "log_loss"
    reported = next(r for r in reports if r.epoch == best.epoch).metrics[f"val_{key}"]
    assert scores[key] == pytest.approx(reported, rel=1e-3, abs=1e-5)


def test_boosting_repeats_with_a_seed_and_differs_with_another(case: tuple[TabularTask, Splits]) -> None:
    task, splits = case
    curves = [[r.val_loss for r in train(task, splits, "boosting", seed=seed, epochs=12)] for seed in (3, 3, 4)]
    assert curves[0] == curves[1]
    assert curves[0] != curves[2]


def test_boosting_is_kept_as_text_of_the_rounds_of_its_epoch(tmp_path: Path) -> None:
    task = get_task("auto_mpg")
    splits = task.load()
    config = task.space().config({**task.reference, "family": "boosting"})
    first = next(iter(task.fit(config, splits.training, 1, max_epochs=300)))
    assert first.weights is not None
    predictor = task.predictor(config, dict(first.weights), splits)
    assert predictor is not None
    predictor.save(tmp_path)
    text = (tmp_path / "booster.txt").read_text()
    assert text.startswith("tree")
    assert text.count("Tree=") == first.metrics["rounds"]
    (tmp_path / "booster.txt").unlink()
    with pytest.raises(UserError, match="booster"):
        load_predictor(tmp_path)


def test_boosting_reads_texts_beside_categories(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = np.array(["sea view terrace", "dark damp cellar", "old garden shed"])
    kind = rng.integers(3, size=300)
    places = np.array(["inn", "hut", "hall"])[rng.integers(3, size=300)]
    text = [f"{words[k]} number {rng.integers(10**6)}" for k in kind]
    frame = pd.DataFrame({"text": text, "place": places, "price": kind + 0.01 * rng.standard_normal(300)})
    frame.to_csv(tmp_path / "rooms.csv", index=False)
    task = get_task("table", data=tmp_path / "rooms.csv", target="price")
    assert isinstance(task, TabularTask)
    splits = task.load()
    reports = list(task.fit(reference(task, "boosting"), splits.training, 0, max_epochs=20))
    assert min(report.val_loss for report in reports) < 0.05


def test_an_unknown_family_is_refused_with_a_hint() -> None:
    with pytest.raises(UserError, match="Did you mean 'neighbours'"):
        family_of({"family": "neighbors"})
    with pytest.raises(UserError, match="earlier version"):
        family_of({"embedding": "piecewise"})


@pytest.mark.parametrize(("scale", "cells"), [(1.0, 1 << 18), (1e3, 1 << 18), (1.0, 24)])
def test_neighbours_read_what_the_definition_says(scale: float, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.base.tables.families.soft_neighbours.BLOCK_CELLS", cells)  # 24: blocks of 2 rows
    generator = torch.Generator().manual_seed(0)
    points = (scale * torch.randn(12, 3, generator=generator, dtype=torch.float64)).requires_grad_()
    values = torch.randn(12, 2, generator=generator, dtype=torch.float64)
    distances = torch.cdist(points[:5], points)
    distances = distances.masked_fill(torch.eye(5, 12, dtype=torch.bool), torch.inf)  # no row sees its own value
    expected = torch.softmax(-distances, dim=1) @ values
    (gradient,) = torch.autograd.grad(expected.square().mean(), points)

    def mean_loss(averages: Tensor, block: slice) -> Tensor:
        torch.testing.assert_close(averages, expected[block])
        return averages.square().mean()

    loss, ours = loss_and_gradient(points.detach(), values, 5, mean_loss)
    torch.testing.assert_close(loss, expected.square().mean())
    torch.testing.assert_close(ours, gradient)


def test_waves_have_the_gradient_of_their_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    frequencies = torch.randn(2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    angles = 2 * torch.pi * x.unsqueeze(2) * frequencies.unsqueeze(1)
    torch.testing.assert_close(Waves.apply(x, frequencies), torch.cat([angles.cos(), angles.sin()], dim=2))
    assert torch.autograd.gradcheck(lambda f: Waves.apply(x, f), (frequencies,))


def test_a_neighbour_model_sees_each_key_at_prediction() -> None:
    keys = torch.tensor([[0.0], [10.0]])
    found = read(torch.tensor([[0.0], [10.0]]), keys, torch.tensor([[1.0], [2.0]]))
    torch.testing.assert_close(found, torch.tensor([[1.0], [2.0]]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("order", [1, -1])
def test_neighbours_read_the_same_from_keys_in_blocks(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.base.tables.families.soft_neighbours.KEYS_AT_ONCE", 7)
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    keys = 20 * torch.randn(30, 3, generator=generator, dtype=torch.float64)
    keys = keys[(order * keys.norm(dim=1)).argsort()]  # the nearest first, or last
    values = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    expected = torch.softmax(-torch.cdist(queries, keys), dim=1) @ values
    torch.testing.assert_close(read(queries, keys, values), expected)


def test_many_categories_become_target_statistics_that_know_no_own_target() -> None:
    import pandas as pd

    from trainables.base.kinds.registry import row_kind
    from trainables.base.tables.columns.categories import CategoryEncoding, target_signals

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": rng.integers(300, size=600).astype(str), "few": rng.integers(3, size=600)})
    y = rng.normal(size=600)  # no category says anything of it
    signals = target_signals(row_kind("regression"), y, 1)
    encoding = CategoryEncoding.fit(frame, ("city", "few"), signals)
    assert encoding.signal_names == ["city: target mean 1"]
    codes = encoding.codes(frame)
    inside, outside = encoding.signals(codes)[:, 0], encoding.out_of_fold(codes, signals)[:, 0]
    assert np.corrcoef(inside, y)[0, 1] > 0.3  # a row's own target is in its category's mean
    assert abs(np.corrcoef(outside, y)[0, 1]) < 0.1
    unseen = encoding.codes(pd.DataFrame({"city": ["nowhere"], "few": [1]}))
    assert unseen[0, 0] == -1
    assert encoding.signals(unseen)[0, 0] == pytest.approx(0.0, abs=1e-6)
    same = CategoryEncoding.from_json(encoding.to_json())
    assert np.array_equal(same.signals(codes), encoding.signals(codes))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_reads_a_table_of_categories_alone(family: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    colours = rng.choice(["red", "green", "blue"], 400)
    rows = [f"{c},{rng.integers(40)},{'yes' if (c == 'red') != (rng.random() < 0.1) else 'no'}" for c in colours]
    path = tmp_path / "colours.csv"
    path.write_text("colour,shop,bought\n" + "\n".join(rows).replace(",", ",shop-", 1))
    task = get_task("table", data=path, target="bought")
    assert isinstance(task, TabularTask)
    splits = task.load()
    reports = train(task, splits, family, epochs=10)
    best: Any = min(reports, key=lambda report: report.val_loss)
    predictor = task.predictor(reference(task, family), best.weights, splits)
    assert task.scores(predictor, splits.validation)["accuracy"] > 0.7
    assert len(predictor.predict(RawSplit(splits.validation.inputs, None).inputs)) == len(splits.validation.targets)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unseen_category_is_predicted_among_the_known_ones(family: str, tmp_path: Path) -> None:
    """One of four districts is dear: a fifth is neither that one nor cheaper than all; of two columns likewise."""
    districts, kinds = ["Aston", "Brook", "Clay", "Dale"], ["flat", "house", "loft"]
    rows = [
        f"{districts[i % 4]},{kinds[i % 3]},{area},{(5000 if i % 4 == 0 else 300) + 500 * (i % 3 == 1) + area}"
        for i, area in enumerate(np.random.default_rng(0).integers(20, 120, 300).tolist())
    ]
    (tmp_path / "homes.csv").write_text("district,kind,area,price\n" + "\n".join(rows))
    task = get_task("table", data=tmp_path / "homes.csv", target="price")
    assert isinstance(task, TabularTask)
    splits = task.load()
    best: Any = min(train(task, splits, family), key=lambda report: report.val_loss)
    predictor = task.predictor(reference(task, family), best.weights, splits)
    asked = [(d, k, 60) for d in [*districts, "Elm"] for k in [*kinds, "barn"]]
    frame = pd.DataFrame(asked, columns=["district", "kind", "area"])
    frame["price"] = predictor.predict(frame)["prediction"]
    known = frame[frame["district"].isin(districts) & frame["kind"].isin(kinds)]["price"]
    unseen = frame.drop(known.index)
    assert unseen["price"].between(known.min() - 150, known.max() + 150).all(), unseen
    nowhere = unseen[unseen["district"] == "Elm"]["price"]
    assert nowhere.between(700, 3500).all(), nowhere  # the mean of the districts is 1,500
