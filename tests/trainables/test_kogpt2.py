"""Fine-tuning through the task, on a dozen documents; and the model folders that are refused."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch.nn import functional
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from search_spaces.errors import UserError
from trainables import load_predictor
from trainables.base.contract.data import Splits
from trainables.base.contract.task import EpochReport
from trainables.base.text.korean import bundled
from trainables.base.text.language_models import fine_tuning, memory
from trainables.base.text.language_models.adaptation import Settings
from trainables.base.text.language_models.document_loss import Tokens, total_nats
from trainables.base.text.language_models.fine_tuning import Schedule
from trainables.base.text.language_models.language_model import encode_document, load_model, tokenize
from trainables.base.text.language_models.model_folder import STANDIN, find_model
from trainables.base.text.language_models.model_shape import ModelShape
from trainables.base.text.language_models.predictor import LanguageModelPredictor
from trainables.kogpt2 import KoGPT2


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> KoGPT2:
    text = tmp_path_factory.mktemp("text") / "my.txt"
    text.write_text("\n\n".join(d.text for d in bundled().train[:40]), "utf-8")
    return KoGPT2(data=text)


@pytest.fixture(scope="module")
def splits(task: KoGPT2) -> Splits:
    return task.load()


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STANDIN, tmp_path / "copy"))


def curve(reports: list[EpochReport]) -> list[tuple[int, float, float]]:
    return [(r.epoch, r.val_loss, r.metrics["train_loss"]) for r in reports]


def test_the_same_arguments_give_the_same_reports_whatever_else_runs(task: KoGPT2, splits: Splits) -> None:
    config = task.space().config(task.reference)
    data = splits.training
    alone = curve(list(task.fit(config, data, 1, max_epochs=2)))
    torch.manual_seed(99)
    before = torch.get_rng_state()
    first = task.fit(config, data, 1, max_epochs=2)
    other = task.fit(config, data, 2, max_epochs=2)
    beside = []
    for report, another in zip(first, other, strict=True):
        torch.rand(3)
        beside.append((report, another))
    torch.manual_seed(99)
    assert torch.equal(before, torch.get_rng_state())
    assert curve([pair[0] for pair in beside]) == alone
    assert curve([pair[1] for pair in beside]) != alone


def test_a_run_goes_on_from_its_checkpoint_bit_by_bit(task: KoGPT2, splits: Splits, tmp_path: Path) -> None:
    config = task.space().config({**task.reference, "frozen_blocks": 0.5, "weight_decay": 0.1})
    whole = []
    weights = {}
    for report in task.fit(config, splits.training, 3, max_epochs=4):
        whole.append(report)
        weights = {name: w.clone() for name, w in (report.weights or {}).items()}
        if report.epoch == 2 and report.save:
            report.save(tmp_path)
    rest = list(task.fit(config, splits.training, 3, max_epochs=4, checkpoint=tmp_path))
    assert curve(rest) == curve(whole[2:])
    last = rest[-1].weights
    assert last is not None
    assert last.keys() == weights.keys()
    assert all(torch.equal(weights[name], w) for name, w in last.items())
    with pytest.raises(UserError, match="is of another run"):
        next(iter(task.fit(config, splits.training, 4, max_epochs=4, checkpoint=tmp_path)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_in_half_precision_and_goes_on_from_a_checkpoint(
    task: KoGPT2, splits: Splits, tmp_path: Path
) -> None:
    config = task.space().config(task.reference)
    on_cpu = next(iter(task.fit(config, splits.training, 0, max_epochs=2)))
    whole = []
    for report in task.fit(config, splits.training, 0, max_epochs=2, device="cuda"):
        whole.append(report)
        if report.epoch == 1 and report.save:
            report.save(tmp_path)
    (rest,) = task.fit(config, splits.training, 0, max_epochs=2, device="cuda", checkpoint=tmp_path)
    assert whole[0].val_loss == pytest.approx(on_cpu.val_loss, abs=0.05)
    assert rest.val_loss == pytest.approx(whole[1].val_loss, abs=1e-3)


def test_the_text_and_the_model_are_described(task: KoGPT2, splits: Splits) -> None:
    told = task.description()
    assert told["model"].startswith("stand-in, 560,640 parameters, licence: Apache-2.0")
    assert "0.0 % unknown" in told["tokens"]
    assert told["before fine-tuning"].startswith("validation perplexity ")
    assert "warning" not in told
    assert splits.training.facts["is_standin"]


def test_frozen_blocks_stay_as_they_are(task: KoGPT2, splits: Splits) -> None:
    config = task.space().config({**task.reference, "frozen_blocks": 0.5})
    (report,) = task.fit(config, splits.training, 0, max_epochs=1)
    start = load_model()[0].state_dict()
    changed = {name for name, w in (report.weights or {}).items() if not torch.equal(w, start[name])}
    assert not any(name.startswith("transformer.h.0.") for name in changed)
    assert {"transformer.wte.weight", "transformer.h.1.mlp.c_fc.weight"} <= changed


def test_a_diverged_run_ends(task: KoGPT2, splits: Splits) -> None:
    config = {**task.space().config(task.reference), "lr": 1e12, "warmup": 0.0}
    reports = list(islice(task.fit(config, splits.training, 0, max_epochs=5), 5))
    assert len(reports) < 5
    assert not math.isfinite(reports[-1].val_loss)


def test_accumulated_gradients_are_those_of_the_whole_batch(
    task: KoGPT2, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = task.space().config({**task.reference, "dropout": 0.0, "block_length": 64})
    whole = next(iter(task.fit(config, splits.training, 0, max_epochs=1)))
    monkeypatch.setitem(fine_tuning.MICRO_TOKENS, "cpu", 128)
    parts = next(iter(task.fit(config, splits.training, 0, max_epochs=1)))
    assert parts.val_loss == pytest.approx(whole.val_loss, abs=1e-4)
    assert parts.metrics["train_loss"] == pytest.approx(whole.metrics["train_loss"], abs=1e-4)


def test_losses_are_the_model_s_own() -> None:
    network, tokenizer, facts = load_model()
    documents = [torch.tensor(encode_document(tokenizer, d.text)) for d in bundled().test[:5]]
    ends = torch.tensor([len(d) for d in documents]).cumsum(0)
    nats, count = total_nats(network, Tokens(torch.cat(documents), ends, facts.bos_id))
    expected = 0.0
    for document in documents:
        ids = torch.cat([torch.tensor([facts.bos_id]), document])[None]
        expected += float(network(ids, labels=ids).loss.detach()) * len(document)
    assert nats == pytest.approx(expected, rel=1e-5)
    assert count == sum(map(len, documents))


def test_a_document_longer_than_the_model_is_scored_once_per_token() -> None:
    network, tokenizer, facts = load_model()
    ids = [i for d in bundled().train[:20] for i in encode_document(tokenizer, d.text)][:700]
    size, half = facts.n_positions, facts.n_positions // 2
    nats, count = total_nats(network, Tokens(torch.tensor(ids), torch.tensor([700]), facts.bos_id))
    stream = torch.tensor([facts.bos_id, *ids])
    expected = 0.0
    with torch.no_grad():
        for start in range(0, 700 - size + half, half):
            targets = stream[start + 1 : start + size + 1]
            logits = network(stream[None, start : start + len(targets)]).logits[0]
            losses = functional.cross_entropy(logits, targets, reduction="none")
            expected += float(losses[half if start else 0 :].sum())
    assert count == 700
    assert nats == pytest.approx(expected, rel=1e-5)


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    schedule = Schedule(peak=2.0, warmup=0.2, steps=10)
    rates = [schedule(step) for step in range(11)]
    assert rates[:2] == [1.0, 2.0]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 0 < rates[9] < rates[2] < 2.0
    assert rates[10] == 0.0


def test_a_saved_predictor_is_a_model_that_transformers_loads(task: KoGPT2, splits: Splits, tmp_path: Path) -> None:
    config = task.space().config(task.reference)
    (report,) = task.fit(config, splits.training, 0, max_epochs=1)
    assert report.weights is not None
    predictor = task.predictor(config, report.weights, splits)
    scores = task.scores(predictor, splits.validation)
    assert scores["loss"] == pytest.approx(report.val_loss, abs=1e-6)
    assert scores["nats_per_char"] == pytest.approx(report.metrics["val_nats_per_char"], abs=1e-6)
    predictor.save(tmp_path)
    loaded = load_predictor(tmp_path)
    texts = pd.DataFrame({"text": ["모든 국민은", "대한민국의 주권은 국민에게 있고,"]})
    answer = predictor.predict(texts)
    pd.testing.assert_frame_equal(answer, loaded.predict(texts))
    assert list(answer.columns) == ["prediction", "nats_per_token", "perplexity"]
    assert answer.prediction.str.contains("[가-힣]").all()
    alone = predictor.predict("모든 국민은")  # without padding
    assert alone.prediction[0] == answer.prediction[0]
    assert "descendant of the small stand-in" in (tmp_path / "model" / "README.md").read_text("utf-8")
    assert not [f for f in (tmp_path / "model").glob("*.json") if str(STANDIN) in f.read_text("utf-8")]
    assert load_model(str(tmp_path / "model"))[2].is_standin
    network = GPT2LMHeadModel.from_pretrained(tmp_path / "model")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path / "model")
    ids = tokenizer("</s>모든 국민은", return_tensors="pt").input_ids
    told = tokenizer.decode(network.generate(ids, do_sample=False, max_new_tokens=64)[0], skip_special_tokens=True)
    assert told.strip().endswith(answer.prediction[0].strip())


@pytest.mark.parametrize("bad", [[""], [3], pd.DataFrame({"prompt": ["모든"]})])
def test_texts_that_cannot_be_continued_are_refused(bad: object) -> None:
    network, tokenizer, _ = load_model()
    with pytest.raises(UserError):
        LanguageModelPredictor(network, tokenizer, {}, {}).predict(bad)


def test_a_text_longer_than_the_model_is_continued_from_its_end() -> None:
    network, tokenizer, _ = load_model()
    predictor = LanguageModelPredictor(network, tokenizer, {}, {}, max_new_tokens=8)
    long = "모든 국민은 법률이 정하는 바에 의하여 " * 60
    both = predictor.predict([long, "모든 국민은"])
    assert both.prediction.str.len().gt(0).all()
    assert both.prediction[1] == predictor.predict("모든 국민은").prediction[0]
    with pytest.raises(UserError, match="'max_new_tokens' must be 1 to 255"):
        LanguageModelPredictor(network, tokenizer, {}, {}, max_new_tokens=256)


def test_the_unknown_token_is_never_generated_however_likely_it_is() -> None:
    network, tokenizer, _ = load_model()
    head = torch.nn.Linear(network.config.n_embd, network.config.vocab_size)
    torch.nn.init.zeros_(head.weight)
    head.bias.data[tokenizer.unk_token_id] = 9.0
    head.bias.data[tokenizer("국민").input_ids[-1]] = 3.0
    network.lm_head = head
    found = LanguageModelPredictor(network, tokenizer, {}, {}, max_new_tokens=8).predict("모든 뷁쉙은")
    assert "<unk>" not in found.prediction[0]
    assert len(found.prediction[0].strip()) > 2


@pytest.mark.parametrize("settings", [None, {"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>"}])
def test_special_tokens_are_kogpt2_s_whatever_the_folder_says(settings: object, model_copy: Path) -> None:
    file = model_copy / "tokenizer_config.json"
    file.unlink() if settings is None else file.write_text(json.dumps(settings), "utf-8")
    _, tokenizer, facts = load_model(str(model_copy))
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.unk_token) == ("</s>", "</s>", "<unk>")
    assert tokenizer.decode(tokenizer("대한민국의 주권은").input_ids) == "대한민국의 주권은"
    assert facts.licence.startswith("Apache-2.0")
    assert facts.name == "copy (from the stand-in)"


def test_torch_weights_load_as_the_safetensors_do(model_copy: Path) -> None:
    network = load_model()[0]
    (model_copy / "model.safetensors").unlink()
    torch.save(network.state_dict(), model_copy / "pytorch_model.bin")
    again, _, facts = load_model(str(model_copy))
    assert torch.equal(again.transformer.wte.weight, network.transformer.wte.weight)
    assert "pytorch_model.bin" in facts.sha256


class Harm:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {os.environ['TUNELAB_TEST_HARM']}",)


def break_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.environ["TUNELAB_TEST_HARM"] = str(folder / "harm")
    torch.save({"transformer.wte.weight": Harm()}, folder / "pytorch_model.bin")


def break_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    byte_level = Tokenizer(models.BPE(vocab={"</s>": 0, "<unk>": 1, "a": 2}, merges=[]))
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel()
    byte_level.decoder = decoders.ByteLevel()
    byte_level.save(str(folder / "tokenizer.json"))


def change_config(**values: object) -> Callable[[Path], None]:
    return change_json("config.json", **values)


def change_json(name: str, *inside: str, **values: object) -> Callable[[Path], None]:
    """Sets entries of a mapping in a JSON file, or of one inside it."""

    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text("utf-8"))
        changed = content
        for key in inside:
            changed = changed[key]
        changed.update(values)
        (folder / name).write_text(json.dumps(content), "utf-8")

    return change


def overwrite(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "is not a model: it has no config.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "is not a model: it has no tokenizer.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors"),
        (lambda folder: (folder / "config.json").write_text("{"), "is not JSON"),
        (change_config(model_type="llama"), "hold|too few|cannot"),
        (change_config(n_positions=None), "'n_positions' must be a whole number above 0, got None"),
        (change_config(n_embd=64), "'transformer.h.0.attn.c_attn.bias' is 384, not 192, and 27 more differ"),
        (change_config(n_layer=3), "are missing"),
        (change_config(n_layer=1), "no place for 6 tensors"),
        (change_config(n_head=3), "cannot be loaded"),
        (change_config(dtype="float99"), "cannot be loaded"),
        (change_config(resid_pdrop="much"), "cannot be loaded"),
        (change_config(vocab_size=10), "has 1024 tokens, its model 10"),
        (lambda folder: os.truncate(folder / "model.safetensors", 5000), "cannot be loaded"),
        (overwrite("tokenizer.json", b"{}"), "is not a tokenizer"),
        (overwrite("tokenizer.json", b"\xff"), "is not a tokenizer"),
        (change_json("tokenizer.json", "model", merges=["a"]), "is not a tokenizer: .*Merges"),
        (change_json("tokenizer.json", "model", merges=[["뷁", "뷁"]]), "is not a tokenizer: .*out of vocabulary"),
        (change_json("tokenizer.json", "model", type="Brain"), "is not a tokenizer"),
        (change_json("tokenizer.json", pre_tokenizer={"type": "Brain"}), "is not a tokenizer"),
        (overwrite("tokenizer_config.json", b"{"), "tokenizer_config.json of .* is not JSON"),
        (overwrite("tokenizer_config.json", b"[1]"), "must be a mapping"),
        (break_tokenizer, "loses Korean"),
        (break_pickle, "cannot be loaded"),
    ],
)
def test_a_folder_that_is_not_a_usable_model_is_refused(
    break_it: Callable[[Path], None], message: str, model_copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    break_it(model_copy)
    with pytest.raises(UserError, match=message):
        load_model(str(model_copy))
    assert not (model_copy / "harm").exists()
    assert capfd.readouterr() == ("", "")  # the sentence says it all


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"min_length": 30, "suppress_tokens": [5], "num_beams": 3}'])
def test_what_the_folder_says_on_generation_is_not_read(content: bytes, model_copy: Path) -> None:
    (model_copy / "generation_config.json").write_bytes(content)
    change_config(min_length=30, top_k=3)(model_copy)  # the old place for it
    told = load_model(str(model_copy))[0].generation_config
    assert {told.min_length, told.suppress_tokens, told.num_beams, told.top_k} == {None}
    assert told.eos_token_id == 1


def test_names_that_lead_nowhere_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub
    from huggingface_hub.errors import OfflineModeIsEnabled

    def unreachable(*_: object, **__: object) -> str:
        raise OfflineModeIsEnabled("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    for name, message in {
        "skt/kogpt2-of-another-world": "neither a folder here nor a hub model",
        "./nowhere": "There is no model folder",
        str(STANDIN / "config.json"): "is a file",
    }.items():
        with pytest.raises(UserError, match=message):
            KoGPT2(model=name)
    with pytest.raises(UserError, match="There is no text"):
        KoGPT2(data=tmp_path / "none.txt")


def test_the_real_model_is_named_licensed_and_searched_as_such(
    monkeypatch: pytest.MonkeyPatch, model_copy: Path
) -> None:
    import huggingface_hub

    change_config(tunelab_standin=False, license="CC-BY-NC-SA 4.0")(model_copy)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(model_copy))
    real, standin = KoGPT2(model="skt/kogpt2-base-v2"), KoGPT2()
    assert real.folder.licence == "CC BY-NC-SA 4.0"
    facts = real.load().training.facts
    assert (facts["model"], facts["licence"], facts["is_standin"]) == ("skt/kogpt2-base-v2", "CC BY-NC-SA 4.0", False)
    assert load_model(str(STANDIN))[2].name == "stand-in"
    assert find_model(str(model_copy)).licence == "CC-BY-NC-SA 4.0"
    assert (real.space().name, standin.space().name) == ("kogpt2", "kogpt2_standin")
    for each in (real, standin):
        each.space().config(each.reference)
    assert "stand-in" in standin.facts.title
    assert "stand-in" not in real.facts.title


FULL_SIZE = {"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 51200, "n_positions": 1024}


@pytest.mark.parametrize(("block", "batch", "measured_gb"), [(128, 4, 4.1), (128, 8, 5.1), (256, 4, 6.0)])
def test_estimated_memory_is_near_what_was_measured_at_full_size(block: int, batch: int, measured_gb: float) -> None:
    settings = Settings(5e-5, batch, block, 0.1, 0.1, 0.01, 0.0)
    needed = memory.training_bytes(ModelShape.from_config(FULL_SIZE), 125_200_000, settings, "cpu")
    assert needed / 1e9 == pytest.approx(measured_gb, rel=0.2)


def test_a_trial_that_does_not_fit_is_refused_with_advice(
    task: KoGPT2, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1e8)
    config = task.space().config(task.reference)
    with pytest.raises(UserError, match=r"needs about 0\.\d GB of memory; 0\.1 GB are free. Run fewer trials"):
        next(iter(task.fit(config, splits.training, 0, max_epochs=1)))
    with pytest.raises(UserError, match="Fine-tuning 'stand-in' needs"):
        task.load()


def test_listing_the_task_loads_nothing_heavy() -> None:
    code = "import sys, trainables.kogpt2 as k; k.KoGPT2(); print({'torch', 'transformers'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


@pytest.mark.slow
def test_the_stand_in_is_made_again_from_the_bundled_text(tmp_path: Path) -> None:
    """Byte for byte on the machine and versions that made it; elsewhere rounding may differ, its figures hardly do."""
    made = tmp_path / "standin"
    subprocess.run([sys.executable, "-m", "trainables.kogpt2_standin", "--output", str(made)], check=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (made / name).read_bytes() == (STANDIN / name).read_bytes()
    assert sum(file.stat().st_size for file in made.iterdir()) < 3_000_000
    if find_model(str(made)).sha256 != find_model().sha256:
        ours, shipped = (validation_loss(folder) for folder in (made, STANDIN))
        assert ours == pytest.approx(shipped, abs=0.03)


def validation_loss(folder: Path) -> float:
    network, tokenizer, _ = load_model(str(folder))
    nats, count = total_nats(network, tokenize(tokenizer, bundled().validation))
    return nats / count
