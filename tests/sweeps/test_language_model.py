"""A fine-tuned language model in the store: as a pyfunc, and as a pipeline that transformers loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import mlflow
import pandas as pd
import pytest

from sweeps.tracking import Store
from trainables.base.korean import bundled
from trainables.base.language_model_predictor import LanguageModelPredictor
from trainables.base.model_folder import STANDIN
from trainables.kogpt2 import KoGPT2

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


def test_the_pipeline_writes_what_the_predictor_writes_and_says_what_it_is(
    predictor: LanguageModelPredictor, make_store_uri: Callable[[Path], str], tmp_path: Path
) -> None:
    store = Store(make_store_uri(tmp_path / "store"))
    where = store.experiment("texts")
    run = store.client.create_run(where, tags={"tunelab.status": "finished"}).info.run_id
    store.log_model(run, predictor, TEXTS, "kogpt2", {"val_loss": 3.0})
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
