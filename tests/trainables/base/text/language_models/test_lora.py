"""Fine-tuning by low-rank adapters: of GPT-2 and of another architecture, reported, continued, merged."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from search_spaces.errors import UserError
from tests.tiny_language_models import make_tiny_model
from trainables import load_predictor
from trainables.base.contract.data import Splits
from trainables.base.text.korean import bundled
from trainables.base.text.language_models import memory
from trainables.base.text.language_models.adaptation import Settings
from trainables.base.text.language_models.language_model import load_model
from trainables.base.text.language_models.model_folder import find_model
from trainables.base.text.language_models.predictor import MODEL, LanguageModelPredictor
from trainables.kogpt2 import KoGPT2


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def task(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> KoGPT2:
    folder = tmp_path_factory.mktemp("lora")
    text = folder / "my.txt"
    text.write_text("\n\n".join(d.text[:150] for d in bundled().train[:16]), "utf-8")
    model = None if request.param == "gpt2" else str(make_tiny_model(folder / "model", request.param))
    return KoGPT2(model=model, data=text)


@pytest.fixture(scope="module")
def splits(task: KoGPT2) -> Splits:
    return task.load()


def lora_config(task: KoGPT2) -> dict[str, object]:
    own: dict[str, float | str] = {
        "adaptation": "lora",
        "lora_rank": 4,
        "lora_dropout": 0.1,
        "lora_lr": 1e-2,
        "block_length": 64,
    }
    return task.space("lora").config({**task.reference, **own})


def test_adapters_alone_are_trained_and_reported(task: KoGPT2, splits: Splits, tmp_path: Path) -> None:
    config = lora_config(task)
    reports, trained, kept = [], [], {}
    for report in task.fit(config, splits.training, 1, max_epochs=3):
        reports.append(report.val_loss)
        trained.append(report.metrics["train_loss"])
        kept = {name: weight.clone() for name, weight in (report.weights or {}).items()}
        if report.epoch == 1 and report.save:
            report.save(tmp_path)
    assert trained[-1] < trained[0]
    assert all(".lora_" in name for name in kept)
    network = load_model(task.folder)[0]
    assert sum(w.numel() for w in kept.values()) < sum(p.numel() for p in network.parameters()) / 4
    assert set(load_file(tmp_path / "weights.safetensors")) == set(kept)
    rest = list(task.fit(config, splits.training, 1, max_epochs=3, checkpoint=tmp_path))
    assert [r.val_loss for r in rest] == reports[1:]
    last = rest[-1].weights
    assert last is not None
    assert last.keys() == kept.keys()
    assert all(torch.equal(kept[name], weight) for name, weight in last.items())


def test_a_predictor_has_the_adapters_merged(task: KoGPT2, splits: Splits, tmp_path: Path) -> None:
    config = lora_config(task)
    *_, report = task.fit(config, splits.training, 1, max_epochs=2)
    assert report.weights is not None
    predictor = task.predictor(config, report.weights, splits)
    assert isinstance(predictor, LanguageModelPredictor)
    assert task.scores(predictor, splits.validation)["loss"] == pytest.approx(report.val_loss, abs=1e-5)
    predictor.max_new_tokens = 6
    predictor.save(tmp_path)
    assert not [name for name in load_file(tmp_path / MODEL / "model.safetensors") if "lora" in name]
    assert load_predictor(tmp_path).predict("모든 국민은").equals(predictor.predict("모든 국민은"))
    again = AutoModelForCausalLM.from_pretrained(tmp_path / MODEL)  # without peft
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        assert torch.equal(again(ids).logits, predictor.network(ids).logits)


def test_the_space_has_both_ways_and_the_reference_is_in_full() -> None:
    task = KoGPT2()
    space = task.space("lora")
    assert space.branches() == ["full", "lora"]
    assert space.config(task.reference) == task.space().config(task.reference)
    assert {"lora_rank", "lora_alpha", "lora_dropout", "lora_lr"} <= set(space.distributions())
    assert "adaptation" not in task.space().distributions()


def test_adapters_without_their_package_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "peft" else find(name))
    with pytest.raises(UserError, match=r"needs the package 'peft'\. Install the extra 'lora'"):
        KoGPT2().space("lora")
    assert KoGPT2().space().name == "kogpt2_standin"


def test_adapters_need_less_memory() -> None:
    shape = find_model().shape
    full, lora = (
        memory.training_bytes(shape, 125_000_000, Settings(1e-4, 4, 64, 0.0, 0.1, 0.01, 0.0, adaptation=name), "cpu")
        for name in ("full", "lora")
    )
    assert full - lora > 1.4e9  # gradients and Adam's moments of 125 million weights
