"""The notebooks of ``docs/notebooks`` run from top to bottom in a fresh kernel, and both languages are in step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor

from tests.browser import CHROMIUM, Browser

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NAMES = sorted(path.name.removesuffix(".ko.ipynb") for path in FOLDER.glob("*.ko.ipynb"))
SECONDS = 300  # for one cell, on a machine that does other things


def read(file: str) -> Any:
    return nbformat.read(FOLDER / file, as_version=4)


def code(book: Any) -> list[str]:
    return [cell.source for cell in book.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", NAMES)
def test_english_and_korean_have_the_same_code_and_no_outputs(name: str) -> None:
    english, korean = read(f"{name}.ipynb"), read(f"{name}.ko.ipynb")
    assert code(english) == code(korean)
    assert [cell.cell_type for cell in english.cells] == [cell.cell_type for cell in korean.cells]
    for book in (english, korean):
        assert all(not cell.outputs and cell.execution_count is None for cell in book.cells if cell.cell_type == "code")


def test_every_notebook_has_both_languages() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.ipynb")) == sorted(
        f"{name}{suffix}.ipynb" for name in NAMES for suffix in ("", ".ko")
    )


TEN_LINES = """
import tunelab
def train(config, trial):  # any loop: torch, Lightning, transformers' Trainer, Keras, scikit-learn's partial_fit
model = Net(config["width"]).to(trial.device)
for epoch in range(trial.max_epochs):
trial.report(val_loss=loss, accuracy=acc, model=model)  # ends the function when ASHA stops the trial
def space(trial):  # plain Optuna, define-by-run
return {
"width": trial.suggest_int("width", 8, 256, log=True),
"lr": trial.suggest_float("lr", 1e-4, 1e-1, log=True),
result = tunelab.run_sweep(train, space=space, trials=50, max_epochs=30)
result  # a table, curves and the verdict in a notebook; text elsewhere
result.best.config, result.to_pandas(), result.study(), result.load_model()
"""


def test_the_first_notebook_is_the_ten_lines_that_the_documentation_promises() -> None:
    lines = iter([line.strip() for cell in code(read("first_sweep.ipynb")) for line in cell.splitlines()])
    assert [line for line in TEN_LINES.strip().splitlines() if line not in lines] == []  # in this order


@pytest.mark.slow  # interactive/test_kernel.py runs a small sweep in a kernel
@pytest.mark.parametrize("name", [f"{name}{suffix}" for name in NAMES for suffix in ("", ".ko")])
def test_a_notebook_runs_in_a_fresh_kernel(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    book = read(f"{name}.ipynb")
    ExecutePreprocessor(timeout=SECONDS).preprocess(book, {"metadata": {"path": str(tmp_path)}})
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = {output.output_type for output in outputs}
    assert "stream" not in kinds  # no reporter, no progress bar, no warning
    results = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert any("<svg" in page for page in results)  # the result's verdict, trials and curves
    assert (tmp_path / "mlruns").is_dir()
    figures = [output for output in outputs if any("plotly" in kind for kind in output.get("data", {}))]
    assert len(figures) == sum("result.plot." in cell for cell in code(book))
    assert all("image/png" in output.data for output in figures)
    page, _ = HTMLExporter().from_notebook_node(book)
    assert page.count("<img") == len(figures)
    if CHROMIUM is not None:
        look(page, tmp_path, f"notebook-{name}", pictures=len(figures))


def look(page: str, folder: Path, name: str, *, pictures: int) -> None:
    """Open an exported notebook without a network, wait for its pictures, and keep what it looks like."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    with Browser(1100, 2600) as browser:
        browser.open((folder / "page.html").as_uri())
        browser.wait_until(f"[...document.images].filter(image => image.naturalWidth > 300).length === {pictures}")
        browser.screenshot(name)
