"""Models whose files are damaged, or made by someone else: one sentence for each, and no memory taken."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from search_spaces import Config, UserError
from search_spaces.tabular import FAMILIES
from trainables import Predictor, TabularTask, get_task, load_predictor
from trainables.base.functions.models import ReportedModel, to_tensors
from trainables.base.images.networks import build_image_model
from trainables.base.images.predictor import ImagePredictor
from trainables.base.images.scale import ImageScale
from trainables.base.training.ensemble import EnsemblePredictor

HUGE = 10**18
GIB = 2**30
IMAGES: dict[str, Config] = {
    "cnn": {
        **{"family": "cnn", "n_blocks": 2, "convolutions": 1, "channels": 2, "hidden": 4},
        **{"dropout": 0.0, "batch_norm": True},
    },
    "picture-mlp": {"family": "mlp", "hidden_sizes": [4], "dropout": 0.0},
}
FUNCTIONS = ("lightgbm", "xgboost", "scikit-learn", "network")
MODELS = (*FAMILIES, "ensemble", *IMAGES, *FUNCTIONS)


def table_model(family: str) -> Predictor:
    task = get_task("wine")
    assert isinstance(task, TabularTask)
    splits = task.load()
    small = {"members": 8, "width": 64, "neighbours_n_frequencies": 16, "dim": 32}
    config = task.space().config({**task.reference, "family": family, **small})
    report = next(iter(task.fit(config, splits.training, 1, max_epochs=1)))
    assert report.weights is not None
    return task.predictor(config, {name: value.clone() for name, value in report.weights.items()}, splits)


def function_model(name: str) -> Predictor:
    x = np.random.default_rng(0).normal(size=(200, 3))
    y = (x[:, 0] > 0).astype(int)
    if name == "network":
        return ReportedModel(to_tensors(torch.nn.Linear(3, 1)), {"lr": 0.1})
    if name == "scikit-learn":
        from sklearn.linear_model import LogisticRegression

        return ReportedModel(to_tensors(LogisticRegression().fit(x, y)), {"C": 1.0})
    library = pytest.importorskip(name)
    kind = library.LGBMClassifier if name == "lightgbm" else library.XGBClassifier
    quiet = {"verbosity": -1} if name == "lightgbm" else {}
    return ReportedModel(to_tensors(kind(n_estimators=3, n_jobs=1, **quiet).fit(x, y)), {"depth": 3})


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a whole model of a kind; made once."""
    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name)
            make(name).save(folders[name])
            load_predictor(folders[name])
        return folders[name]

    return folder


def make(name: str) -> Predictor:
    if name in FAMILIES:
        return table_model(name)
    if name == "ensemble":
        return EnsemblePredictor([table_model("mlp"), table_model("boosting")], [0.5, 0.5])
    if name in IMAGES:
        facts = {"n_outputs": 10, "classes": list(range(10))}
        weights = build_image_model(IMAGES[name], facts).state_dict()
        return ImagePredictor(IMAGES[name], facts, weights, ImageScale(0.1, 0.3))
    return function_model(name)


@contextmanager
def changed(folder: Path, name: str, content: bytes | None) -> Iterator[None]:
    """Another content of a file inside the block; None takes it away."""
    path = folder / name
    whole = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(whole)


def refused(folder: Path) -> str:
    """The sentence with which a model is refused; that one takes no memory to speak of."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as caught:
        load_predictor(folder)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < GIB // 4
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(folder: Path) -> list[str]:
    """The files that a model is loaded from, without notes for people."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return sorted(str(path.relative_to(folder)) for path in found)


@pytest.mark.parametrize("model", MODELS)
def test_a_file_that_is_gone_empty_or_cut_is_named(saved: Callable[[str], Path], model: str) -> None:
    folder = saved(model)
    for name in files(folder):
        content = (folder / name).read_bytes()
        cuts = (len(content) // 20, len(content) // 2, len(content) - 40)
        for part in (None, b"", *(content[: max(1, cut)] for cut in cuts)):
            with changed(folder, name, part):
                said = refused(folder)
            assert Path(name).name in said, said
    load_predictor(folder)  # whole again


def values(stored: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value of a JSON document, of lists to the first one."""
    for key, value in stored.items() if isinstance(stored, dict) else enumerate(stored[:1]):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from values(value, (*path, key))


def with_value(stored: Any, way: tuple[Any, ...], value: Any) -> bytes:
    copy = json.loads(json.dumps(stored))
    place = copy
    for key in way[:-1]:
        place = place[key]
    if value is None:
        del place[way[-1]]
    else:
        place[way[-1]] = value
    return json.dumps(copy).encode()


@pytest.mark.parametrize("model", ["neighbours", "boosting", "cnn", "lightgbm"])
def test_json_with_a_key_less_or_another_type_gives_a_sentence_or_a_model(
    saved: Callable[[str], Path], model: str
) -> None:
    """What decides nothing about the prediction may be missing; whatever is loaded predicts."""
    folder, sentences = saved(model), []
    for name in [name for name in files(folder) if name.endswith(".json")]:
        stored = json.loads((folder / name).read_text())
        for way in list(values(stored)):
            for value in (None, "word", {"a": 1}, HUGE):
                with changed(folder, name, with_value(stored, way, value)):
                    try:
                        load_predictor(folder)
                    except UserError as error:
                        sentences.append(str(error))
        for content in (b"[]", b"null", b"{", b'"text"', b"[" * 100_000, b"\xff\xfe"):
            with changed(folder, name, content):
                assert Path(name).name in refused(folder)
    assert len(sentences) > 5
    assert not [sentence for sentence in sentences if "\n" in sentence]


STRUCTURE = ("hidden_sizes", "members", "n_blocks", "convolutions", "channels", "hidden", "dim", "block_width")
SIZES = (*STRUCTURE, "n_frequencies", "n_bins", "embedding_size", "n_inputs", "n_numeric", "n_outputs")


@pytest.mark.parametrize("model", [*(name for name in FAMILIES if name != "boosting"), *IMAGES])
@pytest.mark.parametrize("size", [10**5, 10**9, HUGE, 10**400])
def test_a_configuration_larger_than_its_weights_takes_no_memory(
    saved: Callable[[str], Path], model: str, size: int
) -> None:
    folder = saved(model)
    stored = json.loads((folder / "predictor.json").read_text())
    tried = 0
    for part in ("config", "facts"):
        for key in [key for key in SIZES if key in stored[part] and (model, key) != ("mlp", "n_numeric")]:
            value = [size] if key == "hidden_sizes" else size
            with changed(folder, "predictor.json", with_value(stored, (part, key), value)):
                assert "predictor.json" in refused(folder)
            tried += 1
    assert tried >= 2
    if "hidden_sizes" in stored["config"]:
        with changed(folder, "predictor.json", with_value(stored, ("config", "hidden_sizes"), [8] * 5_000)):
            assert "5000 layers" in refused(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_no_training_gives_are_refused(saved: Callable[[str], Path], value: float, tmp_path: Path) -> None:
    folder = saved("mlp")
    weights = load_file(folder / "weights.safetensors")
    name = next(iter(weights))
    for broken in (torch.full_like(weights[name], value), weights[name].int(), weights[name][:1]):
        save_file({**weights, name: broken}, tmp_path / "w")
        with changed(folder, "weights.safetensors", (tmp_path / "w").read_bytes()):
            assert f"'{name}'" in refused(folder)
    save_file({"other": weights[name]}, tmp_path / "w")
    with changed(folder, "weights.safetensors", (tmp_path / "w").read_bytes()):
        assert "predictor.json" in refused(folder)


def hostile_skops(whole: Path, target: Path) -> bytes:
    """A skops file in which a type that runs code takes the place of one of scikit-learn's."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(target, "w") as made:
        for item in source.namelist():
            content = source.read(item)
            if item == "schema.json":
                content, count = re.subn(rb'"__class__": "StandardScaler",\s+"__module__": "[\w.]+"', HOSTILE, content)
                assert count
            made.writestr(item, content)
    return target.read_bytes()


HOSTILE = b'"__class__": "Popen", "__module__": "subprocess"'


def test_skops_files_with_foreign_types_or_other_objects_are_refused(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    import skops.io

    folder = saved("mlp")
    with changed(folder, "preprocessing.skops", hostile_skops(folder / "preprocessing.skops", tmp_path / "h")):
        assert "subprocess.Popen" in refused(folder)
    others: tuple[Any, ...] = ({}, [1, 2], {"columns": None, "texts": {}}, {"columns": 1, "texts": 2})
    for other in others:
        with changed(folder, "preprocessing.skops", skops.io.dumps(other)):
            refused(folder)


def with_line(text: str, name: str, value: str) -> str:
    """A LightGBM text with another value of a line of its second tree, whose length the header knows."""
    tree = text.index("Tree=1")
    found = re.compile(rf"^{name}=(.*)$", re.MULTILINE).search(text, tree)
    sizes = re.search(r"^tree_sizes=(.*)$", text, re.MULTILINE)
    assert found is not None
    assert sizes is not None
    numbers = [int(size) for size in sizes[1].split(" ")]
    numbers[1] += len(value) - len(found[1])
    changed = text[: found.start(1)] + value + text[found.end(1) :]
    return changed.replace(sizes[0], f"tree_sizes={' '.join(map(str, numbers))}")


def lines_changed(text: str) -> Iterator[str]:
    """A LightGBM text with one line made wrong, in many ways."""
    tree = text.index("Tree=1")
    for name in ("num_leaves", "split_feature", "left_child", "right_child", "leaf_value", "threshold", "num_cat"):
        found = re.compile(rf"^{name}=(.*)$", re.MULTILINE).search(text, tree)
        assert found is not None
        same = [" ".join([value] * (found[1].count(" ") + 1)) for value in ("0", "1", "-1")]
        children = same if name.endswith("child") else []  # as many numbers: what they say is wrong
        for value in ("2000000000", "-7", "x", "nan", "", "0 " * 99 + "0", found[1] + " 1", *children):
            yield with_line(text, name, value)
    for name in ("num_class", "num_tree_per_iteration", "max_feature_idx", "tree_sizes"):
        for value in ("0", "-1", "99999999999", "x"):
            yield re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)


def test_lightgbm_never_reads_a_damaged_text(saved: Callable[[str], Path]) -> None:
    """It would end the process, or read memory that is not its own."""
    folder = saved("boosting")
    text = (folder / "booster.txt").read_text()
    for number, damaged in enumerate(lines_changed(text)):
        with changed(folder, "booster.txt", damaged.encode()):
            assert "booster.txt" in refused(folder), number
    for cut in range(1, len(text), len(text) // 60):
        with changed(folder, "booster.txt", text[:cut].encode()):
            assert "booster.txt" in refused(folder)


def with_numbers(content: bytes, name: str, value: int) -> bytes:
    """An XGBoost model with other numbers in an array of its second tree: all are the value, as many as before."""
    key = struct.pack(">q", len(name)) + name.encode() + b"[$l#L"
    start = content.index(key, content.index(key) + 1) + len(key)
    count = int(struct.unpack(">q", content[start : start + 8])[0])
    return content[: start + 8] + struct.pack(">i", value) * count + content[start + 8 + 4 * count :]


def numbers_changed(content: bytes) -> Iterator[bytes]:
    """An XGBoost model with one entry made wrong, in many ways, of the same length."""
    for name in ("left_children", "right_children", "split_indices", "parents"):
        for value in (-2, 2_000_000_000, 1_000):
            yield with_numbers(content, name, value)
    for name, texts in {"num_feature": (b"0", b"x"), "num_nodes": (b"0", b"9"), "num_trees": (b"2", b"-")}.items():
        for text in texts:
            at = content.index(name.encode()) + len(name) + 9
            yield content[:at] + text + content[at + 1 :]
    yield content.replace(b"parents[$l#L", b"parents[$D#L")
    yield content.replace(b"trees[#L" + struct.pack(">q", 3), b"trees[#L" + struct.pack(">q", 2**62))
    yield content.replace(b"{", b"{" * 200, 1)
    yield b'{"learner": {}}'


def test_xgboost_never_reads_a_damaged_model_whose_digest_fits(saved: Callable[[str], Path]) -> None:
    """Somebody who changes the model changes its digest too; XGBoost would end the process."""
    pytest.importorskip("xgboost")
    folder = saved("xgboost")
    name = "model.xgboost.ubj"
    content, meta = (folder / name).read_bytes(), json.loads((folder / "predictor.json").read_text())
    cuts = [content[:cut] for cut in range(1, len(content), len(content) // 40)]
    for number, damaged in enumerate([*numbers_changed(content), *cuts]):
        assert damaged != content, number
        fitting = json.dumps({**meta, "sha256": hashlib.sha256(damaged).hexdigest()}).encode()
        with changed(folder, name, damaged), changed(folder, "predictor.json", fitting):
            assert name in refused(folder), number
    load_predictor(folder)


def test_an_ensemble_without_one_of_its_members_names_it(saved: Callable[[str], Path], tmp_path: Path) -> None:
    folder = saved("ensemble")
    (folder / "member-1").rename(tmp_path / "away")
    try:
        assert "member-1" in refused(folder)
    finally:
        (tmp_path / "away").rename(folder / "member-1")
    stored = json.loads((folder / "predictor.json").read_text())
    for weights in ([], [1.0, -1.0], ["a", "b"], [0.5, 0.5, 0.5], [float("nan"), 1.0], [HUGE, 1], {"a": 1}):
        with changed(folder, "predictor.json", json.dumps({**stored, "weights": weights}).encode()):
            refused(folder)


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in as a fine-tuned model is saved."""
    from trainables.base.text.language_models.language_model import load_model
    from trainables.base.text.language_models.predictor import LanguageModelPredictor

    folder = tmp_path_factory.mktemp("language")
    network, tokenizer, known = load_model()
    facts = {"model": known.name, "licence": known.licence, "is_standin": True, "text": "laws", "train_characters": 9}
    LanguageModelPredictor(network, tokenizer, facts, {"lr": 1e-4}, 8).save(folder)
    load_predictor(folder)
    return folder


def test_a_damaged_language_model_is_refused(language_model: Path) -> None:
    folder = language_model
    for name in ("predictor.json", "model/config.json", "model/tokenizer.json", "model/model.safetensors"):
        content = (folder / name).read_bytes()
        for part in (None, b"", content[: len(content) // 2], content[:-40]):
            with changed(folder, name, part):
                refused(folder)
    stored = json.loads((folder / "predictor.json").read_text())
    needed = [way for way in values(stored) if way[0] != "kind" and way[-1] != "lr"]
    for way in needed:
        with changed(folder, "predictor.json", with_value(stored, way, None)):
            assert str(way[-1]) in refused(folder)
    for key in ("facts", "config", "max_new_tokens"):
        with changed(folder, "predictor.json", with_value(stored, (key,), "word")):
            assert f"'{key}' is not" in refused(folder)


@pytest.mark.parametrize("size", [10**7, 10**9, HUGE])
@pytest.mark.parametrize("key", ["n_positions", "vocab_size", "n_embd", "n_layer"])
def test_a_language_model_larger_than_its_weights_takes_no_memory(language_model: Path, key: str, size: int) -> None:
    stored = json.loads((language_model / "model" / "config.json").read_text())
    with changed(language_model, "model/config.json", json.dumps({**stored, key: size}).encode()):
        assert "too few" in refused(language_model)
