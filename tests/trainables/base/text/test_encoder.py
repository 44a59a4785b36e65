"""Fine-tuning of pretrained encoders: what is read of a folder, how it learns, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from search_spaces import UserError
from tests.encoders import write_encoder
from tests.families import faults_of_family
from tests.reviews import write_reviews
from trainables import Splits, load_predictor, save_predictor
from trainables.base.text.encoder import EncoderPredictor, build_encoder
from trainables.base.text.encoder_folder import load_encoder
from trainables.base.text.tokens import Tokens
from trainables.text import Text

KINDS = ("bert", "roberta")


def configuration(task: Text, **changes: Any) -> dict[str, Any]:
    return {**task.space().config({**task.reference, "family": "encoder"}), "batch_size": 8, **changes}


@pytest.fixture(scope="module", params=KINDS)
def learned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Text, Splits]:
    folder = tmp_path_factory.mktemp(request.param)
    task = Text(write_reviews(folder, rows=120), "글", "평", model=write_encoder(folder / "encoder", request.param))
    return task, task.load()


def train(task: Text, splits: Splits, config: dict[str, Any]) -> tuple[list[float], EncoderPredictor]:
    reports = [
        (report.val_loss, {name: value.clone() for name, value in (report.weights or {}).items()})
        for report in task.fit(config, splits.training, 0, max_epochs=9)
    ]
    model = task.predictor(config, min(reports, key=lambda report: report[0])[1], splits)
    assert isinstance(model, EncoderPredictor)
    return [report[0] for report in reports], model


def test_an_encoder_learns_korean_reviews_and_is_kept(learned: tuple[Text, Splits], tmp_path: Path) -> None:
    task, splits = learned
    losses, model = train(task, splits, configuration(task, lr=5e-3, encoder_share=1.0, epochs=6))
    assert len(losses) == 6  # epochs of its own, fewer than the trial may have
    test = splits.test.open()
    assert task.scores(model, test)["accuracy"] >= 0.8
    save_predictor(model, tmp_path)
    loaded = load_predictor(tmp_path)
    pd.testing.assert_frame_equal(loaded.predict(test.inputs), model.predict(test.inputs), check_exact=True)
    assert loaded.predict(test.inputs[:0]).empty
    alone = pd.concat([model.predict(test.inputs[i : i + 1]) for i in range(4)])
    pd.testing.assert_frame_equal(alone, model.predict(test.inputs[:4]), rtol=1e-4)


def test_the_family_conforms(learned: tuple[Text, Splits]) -> None:
    task = Text(learned[0].path, "글", "평", model=learned[0]._encoder)
    assert faults_of_family(task, "encoder") == {}


def test_layers_are_frozen_from_the_input_and_the_encoder_learns_slower(learned: tuple[Text, Splits]) -> None:
    task, splits = learned
    before = build_encoder(configuration(task), splits.training.facts)
    pretrained = {name.removeprefix("encoder/"): value for name, value in splits.training.arrays.items()}
    _, model = train(task, splits, configuration(task, frozen_layers=0.5, epochs=1, encoder_share=0.01))
    moved = {
        name: float(np.abs(value.numpy() - pretrained[name]).max())
        for name, value in model.model.backbone.state_dict().items()  # type: ignore[union-attr]
        if name in pretrained
    }
    frozen = [name for name in moved if "layer.0." in name or name.startswith("embeddings.")]
    assert all(moved[name] == 0 for name in frozen)
    assert 0 < max(moved[name] for name in moved if "layer.1." in name) < 1e-3  # 0.01 of 1e-3, in 6 steps
    assert len(before.layers) == 2


def test_the_split_of_a_run_holds_the_weights_so_that_workers_need_no_folder(learned: tuple[Text, Splits]) -> None:
    task, splits = learned
    stored = load_file(Path(str(task._encoder)) / "model.safetensors")
    arrays = [name for name in splits.training.arrays if name.startswith("encoder/")]
    assert len(arrays) >= 30
    name = "embeddings.word_embeddings.weight"
    whole = stored.get(name, stored.get(f"roberta.{name}"))
    assert whole is not None
    assert np.array_equal(splits.training.arrays[f"encoder/{name}"], whole.numpy())


def test_special_tokens_stand_around_a_text_and_long_ones_are_cut(tmp_path: Path) -> None:
    tokens = load_encoder(write_encoder(tmp_path)).tokens()
    assert tokens.length == 64
    found = tokens.fit(["이 영화는", "음악이"])
    assert found.length == 6  # [CLS] 이 영 ##화 ##는 [SEP]
    numbers = found.transform(["이 영화는", "이", "이 영화는 정말 좋았다"])
    assert (numbers[:, 0] == 2).all()
    assert numbers[1].tolist()[2:] == [3, 0, 0, 0]
    assert numbers[2, -1] == 3
    assert found.cut(["이 영화는", "이 영화는 정말 좋았다"]) == 1
    with pytest.raises(ValueError, match="its tokenizer has 156 tokens, its model 100"):
        Tokens.of_folder(tokens.tokenizer, {"vocab_size": 100})


def broken(folder: Path, name: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    if name == "no weights":
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    elif name == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    elif name == "own code":
        config |= {"model_type": "mine", "auto_map": {"AutoModel": "mine.Model"}}
    elif name == "decoder":
        config["model_type"] = "gpt2"
    elif name == "other sizes":
        config["hidden_size"] = 64
    elif name == "very deep":
        config["num_hidden_layers"] = 10**9
    elif name == "lost tensor":
        save_file({k: v for k, v in weights.items() if "layer.1.output.dense" not in k}, folder / "model.safetensors")
    elif name == "infinite":
        weights = {
            k: torch.full_like(v, torch.inf) if "layer.1.output.dense.bias" in k else v for k, v in weights.items()
        }
        save_file(weights, folder / "model.safetensors")
    elif name == "damaged weights":
        (folder / "model.safetensors").write_bytes(b"no weights")
    elif name == "damaged tokenizer":
        (folder / "tokenizer.json").write_text("{}")
    (folder / "config.json").write_text("[" if name == "damaged config" else json.dumps(config))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no weights", r"has no model\.safetensors\. Pickled torch files are not read"),
        ("no tokenizer", r"has no tokenizer\.json"),
        ("own code", "of type 'mine'.*Code that comes with a model is never run"),
        ("decoder", "of type 'gpt2', which is not an encoder"),
        ("damaged config", r"config\.json of .* is not JSON"),
        ("other sizes", r"in the weights, \(.*64.*\) by config\.json"),
        ("very deep", "describes 1000000000 layers, the weights have"),
        ("lost tensor", "the weights lack 'encoder.layer.1.output.dense"),
        ("infinite", "numbers that are not finite"),
        ("damaged weights", "cannot be read"),
        ("damaged tokenizer", r"its tokenizer\.json is not a tokenizer"),
    ],
)
def test_a_folder_that_is_not_an_encoder_is_refused_in_a_sentence(name: str, says: str, tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "encoder")
    broken(folder, name)
    with pytest.raises(UserError, match=says):
        Text(write_reviews(tmp_path), "글", "평", model=folder).load()


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        Text(write_reviews(tmp_path), "글", "평", model=tmp_path / "nowhere")
