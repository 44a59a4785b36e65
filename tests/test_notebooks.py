"""The notebooks of ``docs/notebooks`` run from top to bottom in a fresh kernel, and both languages are in step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert.preprocessors import ExecutePreprocessor

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"
NAMES = sorted(path.name.removesuffix(".ko.ipynb") for path in FOLDER.glob("*.ko.ipynb"))
FAST = ("first_sweep",)
SECONDS = 300  # for one cell, on a machine that does other things


def read(name: str) -> Any:
    return nbformat.read(FOLDER / name, as_version=4)


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


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
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
