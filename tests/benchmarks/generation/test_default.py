"""The default benchmark, whole: what it must show on the stand-in, and that it repeats."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.cli.main import app


@pytest.mark.slow
def test_the_default_benchmark_shows_what_is_known_of_decoding_and_repeats(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = ["generation", "--output", str(folder), "--tracking-uri", "off"]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    with (folder / "results.csv").open(encoding="utf-8") as file:
        rows = {line["setting"]: line for line in csv.DictReader(file)}

    def figures(metric: str, *settings: str) -> list[float]:
        return [float(rows[setting][metric]) for setting in settings]

    warmer = ("T=0.3", "T=0.9", "T=1.2")
    assert figures("perplexity", *warmer) == sorted(figures("perplexity", *warmer))
    assert figures("distinct_2", *warmer) == sorted(figures("distinct_2", *warmer))
    assert figures("self_bleu", *warmer) == sorted(figures("self_bleu", *warmer), reverse=True)
    greedy, beam, sampled, human = figures("single_distinct_2", "greedy", "beam beams=4", "T=0.9", "human text")
    assert max(greedy, beam) < 0.8 * min(sampled, human)  # the same words whatever the prompt
    assert figures("repeated_4", "greedy")[0] > 0.1 + figures("repeated_4", "T=0.9")[0]  # loops
    beside = json.loads((folder / "speed.json").read_text("utf-8"))["side_by_side"]
    assert {"engine_tokens_per_s", "loop_tokens_per_s"} <= beside.keys()
    assert CliRunner().invoke(app, ["verify", str(folder)]).output == "identical\n"
