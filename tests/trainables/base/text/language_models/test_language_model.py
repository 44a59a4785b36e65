"""Any causal language model: tiny random ones of several architectures, folders and GGUF files; what is refused."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from search_spaces.errors import UserError
from tests.tiny_language_models import CONTEXT, END, VOCABULARY, make_tiny_model, write_tiny_gguf
from trainables import load_predictor
from trainables.base.contract.data import Splits
from trainables.base.text.korean import bundled
from trainables.base.text.language_models import memory
from trainables.base.text.language_models.language_model import load_model
from trainables.base.text.language_models.model_folder import find_model
from trainables.base.text.language_models.predictor import LanguageModelPredictor
from trainables.base.text.language_models.pretrained import load_network
from trainables.base.text.language_models.unpacked import keep_unpacked
from trainables.kogpt2 import KoGPT2
from tunelab.clean import find_removable

KINDS = ("llama", "gpt_neox", "qwen2")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where GGUF files are unpacked to: never the cache of who runs the tests."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: make_tiny_model(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "my.txt"
    file.write_text("\n\n".join(d.text[:120] for d in bundled().train[:12]), "utf-8")
    return file


@pytest.fixture(scope="module")
def gguf(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny-qwen.gguf", folders["qwen2"])


def train(model: Path, text: Path) -> tuple[KoGPT2, Splits, list[float], dict[str, torch.Tensor]]:
    task = KoGPT2(model=str(model), data=text)
    splits = task.load()
    config = task.space().config({**task.reference, "lr": 1e-3, "block_length": 64, "frozen_blocks": 0.5})
    reports = list(task.fit(config, splits.training, 1, max_epochs=2))
    return task, splits, [r.val_loss for r in reports], dict(reports[-1].weights or {})


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_another_architecture_is_fine_tuned_saved_and_asked(
    kind: str, folders: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    task, splits, losses, weights = train(folders[kind], text)
    assert losses[1] < losses[0]
    assert train(folders[kind], text)[2] == losses
    limits = task.description()["limits"]
    assert f"{kind}, vocabulary {VOCABULARY} tokens, context {CONTEXT} tokens" in limits
    assert "GB of memory" in limits
    predictor = task.predictor(task.space().config(task.reference), weights, splits)
    assert isinstance(predictor, LanguageModelPredictor)
    assert task.scores(predictor, splits.validation)["loss"] == pytest.approx(losses[-1], abs=1e-5)
    predictor.max_new_tokens = 8
    predictor.save(tmp_path)
    answer = predictor.predict(["모든 국민은", "대한민국"])
    assert answer.equals(load_predictor(tmp_path).predict(["모든 국민은", "대한민국"]))
    assert load_model(str(tmp_path / "model"))[2].unk_id is None


def test_frozen_blocks_of_another_architecture_stay(folders: dict[str, Path], text: Path) -> None:
    weights = train(folders["llama"], text)[3]
    start = load_model(str(folders["llama"]))[0].state_dict()
    changed = {name for name, weight in weights.items() if not torch.equal(weight, start[name])}
    assert not any(name.startswith("model.layers.0.") for name in changed)
    assert "model.layers.1.mlp.up_proj.weight" in changed


def test_special_tokens_are_the_model_s_own(folders: dict[str, Path], gguf: Path) -> None:
    for model in (folders["llama"], gguf):
        _, tokenizer, facts = load_model(str(model))
        assert (tokenizer.bos_token, tokenizer.eos_token, facts.unk_id) == (END, END, None)
        assert tokenizer.decode(tokenizer("뷁 한국", add_special_tokens=False).input_ids) == "뷁 한국"


def test_a_gguf_file_is_the_model_that_it_was_made_from(
    gguf: Path, folders: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    packed, tokenizer, facts = load_model(str(gguf))
    whole, other, _ = load_model(str(folders["qwen2"]))
    ids = tokenizer("모든 국민은 법률이", add_special_tokens=False, return_tensors="pt").input_ids
    assert torch.equal(ids, other("모든 국민은 법률이", add_special_tokens=False, return_tensors="pt").input_ids)
    with torch.no_grad():
        assert torch.allclose(packed(ids).logits, whole(ids).logits, atol=1e-4)
    assert (facts.name, facts.licence, facts.n_positions) == ("tiny-qwen", "apache-2.0", CONTEXT)
    assert list(facts.sha256) == ["tiny-qwen.gguf"]
    assert find_model(str(gguf.parent)).gguf == gguf.name  # the only one of its folder
    task, splits, losses, weights = train(gguf, text)
    assert losses[1] < losses[0]
    predictor = task.predictor(task.space().config(task.reference), weights, splits)
    assert isinstance(predictor, LanguageModelPredictor)
    predictor.max_new_tokens = 4
    predictor.save(tmp_path)
    assert load_predictor(tmp_path).predict("모든 국민은").equals(predictor.predict("모든 국민은"))


def kept(cache: Path) -> list[Path]:
    """The weights that were unpacked from GGUF files."""
    return sorted(cache.glob("tunelab/gguf/*/model.safetensors"))


def test_a_gguf_file_is_unpacked_once_for_all_trials(
    gguf: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own = tmp_path / "own.gguf"
    own.write_bytes(gguf.read_bytes())
    fresh = load_model(str(own))[0]
    task = KoGPT2(model=str(own), data=text)
    splits = task.load()
    assert "unpacked once; its 0.0 GB are kept in" in task.description()["GGUF file"]
    (weights,) = kept(tmp_path / "cache")
    own.unlink()  # a trial reads what was unpacked
    config = task.space().config({**task.reference, "block_length": 64})
    once, again = ([r.val_loss for r in task.fit(config, splits.training, 1, max_epochs=1)] for _ in range(2))
    own.write_bytes(gguf.read_bytes())
    found = load_model(str(own))[0]
    assert all(torch.equal(weight, found.state_dict()[name]) for name, weight in fresh.state_dict().items())
    assert found.config.to_dict() == fresh.config.to_dict()
    weights.write_bytes(weights.read_bytes()[:-1])  # damaged: unpacked again
    assert [r.val_loss for r in task.fit(config, splits.training, 1, max_epochs=1)] == once == again
    (item,) = [item for item in find_removable(tmp_path) if item.what == "unpacked model"]
    assert item.size > weights.stat().st_size
    item.remove()
    assert not kept(tmp_path / "cache")


def test_workers_that_unpack_at_the_same_time_keep_one_model(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network = load_network(find_model(str(gguf)))
    shutil.rmtree(tmp_path / "tunelab")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: keep_unpacked(find_model(str(gguf)), network), range(4)))
    assert len(list((tmp_path / "tunelab" / "gguf").iterdir())) == 1
    assert torch.equal(load_network(find_model(str(gguf))).lm_head.weight, network.lm_head.weight)


def test_a_gguf_file_is_read_where_nothing_can_be_kept(
    gguf: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    task = KoGPT2(model=str(gguf), data=text)
    assert len(task.load().train.inputs) > 0
    assert "GGUF file" not in task.description()


def without_config(folder: Path) -> Path:
    (folder / "config.json").unlink()
    return folder


def with_pickle_alone(folder: Path) -> Path:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    return folder


def with_config(**values: object) -> Callable[[Path], Path]:
    def change(folder: Path) -> Path:
        content = json.loads((folder / "config.json").read_text("utf-8"))
        (folder / "config.json").write_text(json.dumps({**content, **values}), "utf-8")
        return folder

    return change


def without_end(folder: Path) -> Path:
    (folder / "tokenizer_config.json").write_text("{}", "utf-8")
    return with_config(eos_token_id=None)(folder)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (without_config, "it has no config.json"),
        (with_pickle_alone, "pickled torch files alone, which can run code and are not read"),
        (with_config(model_type="t5"), "is of type 't5', which is none of the causal language models"),
        (with_config(model_type="own", auto_map={"AutoModel": "x.py"}), "Code that comes with a model is never run"),
        (with_config(vocab_size=100), "The tokenizer of .* has 392 tokens, its model 100"),
        (with_config(hidden_size="32"), "'hidden_size' must be a whole number above 0, got '32'"),
        (with_config(max_position_embeddings=0), "'max_position_embeddings' must be a whole number above 0"),
        (with_config(intermediate_size=10**9), "numbers are too few for the .* of its config.json"),
        (with_config(num_hidden_layers=10**6), "numbers are too few for its config.json"),
        (with_config(vocab_size=10**12), "numbers are too few for its config.json"),
        (with_config(num_hidden_layers=3), "are not a whole language model: 9 tensors are missing"),
        (without_end, "has no eos_token"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_a_sentence(
    break_it: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    folder = break_it(make_tiny_model(tmp_path / "model", "llama"))
    with pytest.raises(UserError, match=message):
        load_model(str(folder))


def test_a_model_that_reads_ahead_is_refused(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model", "bert", **{"is_decoder": False})
    with pytest.raises(UserError, match="reads ahead: it is not a causal language model"):
        load_model(str(folder))


@pytest.mark.parametrize("kept", [3, 200, 5_000, 0.9])
def test_a_gguf_file_that_was_cut_off_is_refused(kept: float, gguf: Path, tmp_path: Path) -> None:
    content = gguf.read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    with pytest.raises(UserError, match=r"is cut off or damaged|is not a GGUF file"):
        KoGPT2(model=str(cut))


def test_gguf_files_that_are_not_one_model_are_refused(gguf: Path, tmp_path: Path) -> None:
    part = tmp_path / "big-00001-of-00002.gguf"
    os.link(gguf, part)
    with pytest.raises(UserError, match="is one of several parts"):
        find_model(str(part))
    os.link(gguf, tmp_path / "other.gguf")
    with pytest.raises(UserError, match="Of its 2 GGUF files, name the one that you mean"):
        find_model(str(tmp_path))
    with pytest.raises(UserError, match="There is no model folder"):
        find_model("nowhere.gguf")


@pytest.mark.parametrize("package", ["gguf", "accelerate"])
def test_a_gguf_file_without_its_packages_is_refused(package: str, gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package] or [package]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf"needs the package '{package}.*'\. Install the extra 'gguf'"):
        find_model(str(gguf))


def test_a_model_larger_than_memory_is_refused_before_it_is_loaded(
    folders: dict[str, Path], gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1e4)
    for model in (folders["llama"], gguf):
        with pytest.raises(UserError, match=r"Loading '.*' \(0\.00 billion numbers\) needs about 0\.0 GB of memory"):
            load_model(str(model))
