"""Fine-tuned language models: in the store as pipelines that transformers loads, and whole sweeps that make them."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import mlflow
import pandas as pd
import pytest
import torch

from benchmarks.generation.plan.request import Request
from search_spaces import UserError
from tests.drivers import ray_address, start_driver, wait_until
from trainables.base.text.korean import bundled
from trainables.base.text.language_models.document_loss import total_nats
from trainables.base.text.language_models.language_model import load_model, tokenize
from trainables.base.text.language_models.model_folder import STANDIN
from trainables.base.text.language_models.predictor import LanguageModelPredictor
from trainables.kogpt2 import KoGPT2
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.records.tracking_store import ModelEntry
from tunelab.run import run_sweep
from tunelab.search.events import Checkpointed, Event, Reported
from tunelab.search.journal import read_events
from tunelab.setup.resolve import resolve_sweep
from tunelab.tracking.store import Store

TEXTS = pd.DataFrame({"text": ["모든 국민은", "대통령은"]})


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> LanguageModelPredictor:
    text = tmp_path_factory.mktemp("text") / "my.txt"
    text.write_text("\n\n".join(document.text for document in bundled().train[:20]), "utf-8")
    task = KoGPT2(data=text)
    splits, config = task.load(), task.space().config(task.reference)
    (report,) = task.fit(config, splits.training, 0, max_epochs=1)
    assert report.weights is not None
    predictor = task.predictor(config, report.weights, splits)
    assert isinstance(predictor, LanguageModelPredictor)
    return predictor


@pytest.fixture(scope="module")
def store(
    predictor: LanguageModelPredictor, make_store_uri: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """A store with the model as version 1 of ``tunelab-kogpt2``, and as the winner of a sweep ``laws``."""
    store = Store(make_store_uri(tmp_path_factory.mktemp("store") / "mlruns"))
    where = store.experiment("texts")
    run = store.client.create_run(where, tags={"tunelab.status": "finished"}).info.run_id
    uri = store.log_model(run, predictor, TEXTS, "kogpt2", {"val_loss": 3.0})
    store.register(ModelEntry("kogpt2", uri, run, 3.0, "d1"))
    sweep = {"tunelab.kind": "sweep", "tunelab.sweep": "laws", "tunelab.task": "kogpt2", "tunelab.best_run_id": run}
    store.client.create_run(where, tags=sweep)
    return store


@pytest.mark.parametrize(
    "name", ["models:/tunelab-kogpt2/1", "models:/tunelab-kogpt2@champion", "models:/tunelab-kogpt2", "laws"]
)
def test_a_model_is_found_by_a_store_s_names_wherever_a_language_model_is_wanted(
    name: str, store: Store, predictor: LanguageModelPredictor, in_folder: Path
) -> None:
    plan = Request(changes={"model": name, "device": "cpu"}, tracking_uri=store.uri).plan()
    folder = Path(str(plan.spec.model))
    assert folder.name.startswith("laws-" if name == "laws" else "tunelab-kogpt2")
    network, _, facts = load_model(str(folder))
    assert facts.is_standin
    assert torch.equal(network.transformer.wte.weight, predictor.network.transformer.wte.weight)
    spec = make_spec({"task": "kogpt2", "task_options": {"model": name}, "tracking_uri": store.uri})
    assert resolve_sweep(spec).spec.task_options["model"] == str(folder)  # the same copy
    assert not list(folder.parent.glob("tmp*"))


def test_a_name_that_a_store_lacks_is_refused_with_the_nearest(store: Store, in_folder: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'models:/tunelab-kogpt2/1'"):
        Request(changes={"model": "models:/tunelab-kogtp2/1"}, tracking_uri=store.uri).plan()
    for slip, meant in (("lwas", "laws"), ("tunelab-kogtp2", "tunelab-kogpt2")):
        with pytest.raises(UserError, match=f"Did you mean '{meant}'"):
            Request(changes={"model": slip}, tracking_uri=store.uri).plan()
    with pytest.raises(UserError, match="Did you mean 'laws'"):
        store.model_uri("lawz")
    with pytest.raises(UserError, match="Did you mean 'tunelab-kogpt2'"):
        store.model_uri("tunelab-kogpt")


def test_the_pipeline_writes_what_the_predictor_writes_and_says_what_it_is(
    predictor: LanguageModelPredictor, store: Store
) -> None:
    where = store.experiment("texts")
    (model,) = (m for m in store.client.search_logged_models([where]) if m.name == "tunelab-kogpt2-transformers")
    folder = Path(urlparse(model.artifact_location).path)
    files = {
        file.name: file.read_text("utf-8") for file in folder.rglob("*") if file.suffix in (".txt", ".md", ".json")
    }
    files["MLmodel"] = (folder / "MLmodel").read_text("utf-8")
    assert not [name for name, content in files.items() if str(STANDIN) in content]
    assert "huggingface.co" not in files["LICENSE.txt"]
    assert "Apache-2.0" in files["LICENSE.txt"]
    assert "descendant of the small stand-in model, not KoGPT2" in files["model_card.md"]
    assert "descendant of the small stand-in model, not KoGPT2" in files["MLmodel"]
    pipeline = mlflow.transformers.load_model(str(folder))
    written = pipeline(list(TEXTS.text), do_sample=False, max_new_tokens=64, return_full_text=False)
    ours = predictor.predict(TEXTS).prediction
    assert [answer["generated_text"].strip() for (answer,) in written] == [text.strip() for text in ours]
    assert ours.str.contains("[가-힣]").all()


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_eight_trials_improve_the_stand_in_and_their_winner_predicts(
    make_store_uri: Callable[[Path], str], tmp_path: Path
) -> None:
    uri = make_store_uri(tmp_path / "mlruns")
    result = run_sweep(make_spec({"task": "kogpt2", "trials": 8, "name": "texts", "tracking_uri": uri}))
    network, tokenizer, _ = load_model()
    documents = bundled().validation
    nats, _ = total_nats(network, tokenize(tokenizer, documents))
    before = nats / sum(len(document.text) for document in documents)
    best = min((epoch for trial in result.trials for epoch in trial.epochs), key=lambda epoch: epoch.val_loss)
    assert math.exp(best.val_loss) <= 110
    assert best.metrics["val_nats_per_char"] < before  # the perplexity alone would hold before any fine-tuning
    (tmp_path / "in.csv").write_text("text\n모든 국민은\n", "utf-8")
    command = [
        sys.executable,
        "-c",
        "from tunelab.cli.main import main; main()",
        "predict",
        "models:/tunelab-kogpt2@champion",
    ]
    done = subprocess.run([*command, "in.csv", "--tracking-uri", uri], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "perplexity" in done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_killed_trial_goes_on_from_its_checkpoint_to_the_same_curve(
    make_store_uri: Callable[[Path], str], tmp_path: Path
) -> None:
    text = tmp_path / "my.txt"
    text.write_text("\n\n".join(document.text for document in bundled().train[:40]), "utf-8")
    uri = make_store_uri(tmp_path / "mlruns")
    values = {
        "task": "kogpt2",
        "task_options": {"data": str(text)},
        "trials": 1,
        "max_epochs": 200,  # beyond the half minute after which a trial is checkpointed
        "scheduler": "none",
        "confirm_top": 0,
        "name": "killed",
        "tracking_uri": uri,
    }
    journal = tmp_path / "mlruns" / "sweeps" / "killed"

    def checkpoints() -> list[int]:
        return [e.epoch for e in events(journal) if isinstance(e, Checkpointed)]

    driver = start_driver(values, tmp_path, address=ray_address())
    assert wait_until(lambda: bool(checkpoints()), driver, 300)
    driver.kill()
    driver.join()
    begun, kept = len(events(journal)), checkpoints()[-1]
    again = start_driver(values, tmp_path, address=ray_address())
    again.join(600)
    assert again.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    first = next(e for e in events(journal)[begun:] if isinstance(e, Reported))
    assert first.rows[0][0] == kept + 1
    (parent,) = Store(uri).sweeps()
    killed = Store(uri).load(parent.info.run_id)
    undisturbed = run_sweep(make_spec({**values, "name": "undisturbed", "tracking_uri": "off"}))
    assert curves(killed) == curves(undisturbed)


def events(journal: Path) -> list[Event]:
    return list(read_events(journal)) if journal.exists() else []


def curves(result: SweepResult) -> list[list[tuple[int, float]]]:
    return [[(epoch.epoch, epoch.val_loss) for epoch in trial.epochs] for trial in result.trials]
