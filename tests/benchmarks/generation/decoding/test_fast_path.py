"""Tiny models of several architectures: the engine writes what ``generate`` writes, or says that it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.generation import run as run_module
from benchmarks.generation.decoding.engine import Job
from benchmarks.generation.decoding.reference import generate_continuations
from benchmarks.generation.display import Quiet
from benchmarks.generation.measure.writer import Writer, load_writer
from benchmarks.generation.plan.settings import DecodingSettings
from benchmarks.generation.plan.spec import parse_spec, resolve
from benchmarks.harness.verify import verify
from tests.tiny_language_models import make_tiny_model

PROMPTS = ("모든 국민은", "법", "대한민국의 주권은 국민")
SPEC: dict[str, Any] = {
    "name": "tiny",
    "prompts": {"held_out": 4, "words": 2},
    "settings": [{"mode": "greedy"}, {"temperature": 0.8}],
    "repeats": 2,
    "max_new_tokens": 12,
    "rows": 3,
    "speed": {"repeats": 0},
}


def writer_of(kind: str, folder: Path, **changes: object) -> Writer:
    return load_writer(resolve(parse_spec({**SPEC, "model": str(make_tiny_model(folder, kind)), **changes})))


@pytest.mark.parametrize("kind", ["llama", "gpt_neox", "qwen2"])
def test_the_engine_writes_what_generate_writes(kind: str, tmp_path: Path) -> None:
    writer = writer_of(kind, tmp_path / "model")
    assert writer.slower is None
    greedy = DecodingSettings(mode="greedy", max_new_tokens=20, repetition_penalty=1.2)
    ids = [writer.prompt_ids(prompt) for prompt in PROMPTS] * 2  # more than rows: rows are taken over
    ours = writer.engine.generate([Job(prompt, greedy, 0) for prompt in ids])
    theirs = generate_continuations(writer.model, ids, greedy, writer.facts.eos_id)
    assert [text.token_ids for text in ours] == [text.token_ids for text in theirs]
    assert len({text.token_ids for text in ours}) == 3
    assert [t.log_probability for t in ours] == pytest.approx([t.log_probability for t in theirs], abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("bloom", "positions|takes no cache"),
        ("mamba", "takes no cache"),
        ("mistral", "looks back 16 tokens at most, and texts have up to"),
    ],
)
def test_generate_takes_the_engine_s_place_and_says_so(kind: str, reason: str, tmp_path: Path) -> None:
    writer = writer_of(kind, tmp_path / "model")
    assert writer.slower is not None
    import re

    assert re.search(reason, writer.slower)
    assert "one at a time by transformers' generate, which is slower" in writer.described()


@pytest.mark.parametrize("kind", ["qwen2", "mamba"])
def test_a_benchmark_of_another_architecture_is_run_again_identically(kind: str, tmp_path: Path) -> None:
    spec = {**SPEC, "model": str(make_tiny_model(tmp_path / "model", kind)), "speed": {"repeats": 1, "new_tokens": 4}}
    run_module.run(resolve(parse_spec(spec)), tmp_path / "out", Quiet())
    assert verify(tmp_path / "out") == []
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert ("which is slower" in report) == (kind == "mamba")
