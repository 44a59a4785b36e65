"""What a task's exceptions may say: any text, of any length, and the sweep, its journal and its store bear it."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.errors import bounded_text, describe_error
from tunelab import load_result
from tunelab.launch.worker_logs import MAX_ERROR, with_stderr
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep
from tunelab.system.redaction import without_secrets

TASK = '''
"""A task whose trials raise texts that no terminal, file or database should have to take as they are."""

from search_spaces import SearchSpace
from tests.toys import Toy


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


ERRORS = (
    lambda: ValueError("a lone surrogate \\udc80 in it"),
    lambda: ValueError("a.b/:?&@" * 50_000),
    lambda: ValueError("x" * 50_000_000),
    lambda: Mute(),
    lambda: ValueError("NUL \\0 and http://u:hunter2@h"),
)


class Hostile(Toy):
    reference = {}

    def space(self, name=None):
        return SearchSpace("numbered", lambda trial: {"x": trial.suggest_float("x", 0.0, 1.0), "number": trial.number})

    def fit(self, config, *arguments, **options):
        if config["number"] < len(ERRORS):
            raise ERRORS[config["number"]]()
        yield from super().fit(config, *arguments, **options)
'''


def test_a_sweep_bears_every_text_and_can_be_resumed(ray_session: None, store_uri: str, tmp_path: Path) -> None:
    task = tmp_path / "hostile.py"
    task.write_text(TASK)
    values = {"task": str(task), "name": "h", "max_epochs": 2, "tracking_uri": store_uri, "confirm_top": 0}
    first = run_sweep(make_spec({**values, "trials": 6}))
    assert [t.status.value for t in first.trials] == ["failed"] * 5 + ["finished"]
    again = run_sweep(make_spec({**values, "trials": 7}))  # reads its journal
    assert [t.error for t in again.trials] == [t.error for t in first.trials] + [""]
    assert [t.error for t in load_result("h", store_uri).trials] == [t.error for t in again.trials]
    texts = [t.error for t in again.trials]
    assert "a lone surrogate \\udc80 in it" in texts[0]
    assert "characters left out" in texts[2]
    assert "Mute" in texts[3]
    assert "NUL \\x00 and http://***@h" in texts[4]
    assert max(map(len, texts)) < MAX_ERROR
    stored = sum(path.stat().st_size for path in (tmp_path / "mlruns").rglob("*") if path.is_file())
    assert stored < 5_000_000


@pytest.mark.parametrize(
    "unit", ["a.", "a://", "?", "&token", "://", "@", "a://b@", "http://u:", "?a=", "\udc80", "가"]
)
def test_long_texts_without_blanks_take_linear_time(unit: str) -> None:
    """A quadratic pattern would take hours here."""
    text = unit * (3_000_000 // len(unit))
    assert len(without_secrets(text)) <= 2 * len(text)
    assert len(with_stderr(text, text)) < 10 * MAX_ERROR  # an escape has six characters
    assert len(describe_error(ValueError(text))) < 20_000
    assert len(describe_error(ValueError(text), whole=False)) < 20_000


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = "begin" + "-" * 1_000_000 + "end"
    cut = bounded_text(text, 300)
    assert cut.startswith("begin")
    assert cut.endswith("end")
    assert "999,708 characters left out" in cut
    assert bounded_text("short", 300) == "short"
