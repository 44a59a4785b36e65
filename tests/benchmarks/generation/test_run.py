"""A whole run through the command line: report, interruption, repetition, tampering."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from benchmarks.cli.main import app
from benchmarks.generation import run as run_module
from benchmarks.generation.decoding.samples import read_samples
from benchmarks.generation.display import Quiet
from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.goal import Goal
from benchmarks.generation.plan.settings import PARAMETERS
from benchmarks.generation.plan.spec import parse_spec, resolve
from benchmarks.generation.report.logged import EXPERIMENT, log_benchmark
from benchmarks.generation.report.report import make_generation_document
from benchmarks.harness.lockfile import read_lock
from benchmarks.harness.verify import verify
from search_spaces.errors import UserError
from tests.korean import english
from trainables.base.training.compute import cpu_threads
from tunelab.tracking.store import Store


class Recorder(Quiet):
    """Remembers what was there already, and stops the run once this many things are finished."""

    def __init__(self, most: int = 10**9) -> None:
        self.left = most
        self.found: dict[str, tuple[int, int]] = {}
        self.threads: set[int] = set()

    def start(self, what: str, total: int, done: int) -> None:
        self.found[what] = (done, total)

    def step(self, tokens: int, finished: int) -> None:
        self.left -= finished
        self.threads.add(torch.get_num_threads())
        if self.left <= 0:
            raise KeyboardInterrupt


HOSTILE = "<script>alert('하늘')</script>"
SMALL: dict[str, Any] = {
    "name": "small",
    "prompts": {"held_out": 6, "written": [{"topic": "own", "text": HOSTILE}]},
    "settings": [{"mode": "greedy"}, {"temperature": [0.3, 0.9, 1.2]}, {"mode": "beam", "num_beams": 2}],
    "baseline": "T=0.9",
    "repeats": 4,
    "max_new_tokens": 16,
    "rows": 8,
    "speed": {"repeats": 0},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, make_store_uri: Callable[[Path], str]) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    uri = make_store_uri(folder / "store")
    spec = folder / "small.yaml"
    spec.write_text(yaml.safe_dump(SMALL, allow_unicode=True), encoding="utf-8")
    command = ["generation", str(spec), "--output", str(folder / "out"), "--tracking-uri", uri]
    for _ in range(2):  # the second finds everything done
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.exit_code == 0
    return folder / "out"


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def test_the_folder_holds_what_fixed_the_numbers(finished: Path) -> None:
    lock = read_lock(finished)
    assert lock["status"] == "complete"
    assert lock["resolved"]["model"]["is_standin"]
    assert {len(p["sha256"]) for p in lock["resolved"]["prompts"]} == {64}
    assert all(len(digest) == 64 for digest in lock["resolved"]["model"]["sha256"].values())
    assert set(lock["results"]) == {"samples.jsonl", "results.csv"}
    assert len(read_samples(finished / "samples.jsonl")) == 7 * (3 * 4 + 2)


def test_mlflow_has_one_parent_and_one_child_a_setting(finished: Path) -> None:
    store = Store(f"sqlite:///{finished.parent / 'store' / 'mlflow.db'}")
    runs = store.client.search_runs([store.experiment(EXPERIMENT)])
    parents = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    assert len(parents) == 1  # the second call logged nothing again
    assert {r.data.tags["mlflow.parentRunId"] for r in runs if r not in parents} == {parents[0].info.run_id}
    children = {r.info.run_name: r for r in runs if r not in parents}
    assert children["T=0.3"].data.params["top_k"] == "0"
    assert children["T=0.3"].data.metrics["perplexity"] < children["T=1.2"].data.metrics["perplexity"]
    assert "not KoGPT2" in parents[0].data.tags["mlflow.note.content"]
    names = {f.path for f in store.client.list_artifacts(parents[0].info.run_id)}
    assert {"report.html", "report.md", "results.csv", "samples.jsonl", "benchmark.lock.json"} <= names


def test_a_group_that_was_cut_off_in_mlflow_leaves_nothing_behind(
    finished: Path, tmp_path: Path, make_store_uri: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = run_module.run(resolve(parse_spec(SMALL)), Path(shutil.copytree(finished, tmp_path / "out")), Quiet())
    store = Store(make_store_uri(tmp_path / "store"))

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "log_files", stop)
        with pytest.raises(KeyboardInterrupt):
            log_benchmark(store, tmp_path / "out", results, print)
    parent = log_benchmark(store, tmp_path / "out", results, print)
    assert log_benchmark(store, tmp_path / "out", results, print) == parent
    runs = store.client.search_runs([store.experiment(EXPERIMENT)])
    assert {r.info.status for r in runs} == {"FINISHED"}
    assert {r.data.tags.get("mlflow.parentRunId", r.info.run_id) for r in runs} == {parent}


def test_colder_is_more_probable_and_less_diverse(finished: Path) -> None:
    with (finished / "results.csv").open(encoding="utf-8") as file:
        rows = {line["setting"]: line for line in csv.DictReader(file)}
    cold, warm, hot = (rows[f"T={t}"] for t in ("0.3", "0.9", "1.2"))
    assert float(cold["perplexity"]) < float(warm["perplexity"]) < float(hot["perplexity"])
    assert float(cold["distinct_2"]) < float(warm["distinct_2"]) < float(hot["distinct_2"])
    assert float(cold["self_bleu"]) > float(warm["self_bleu"]) > float(hot["self_bleu"])
    assert float(rows["greedy"]["single_distinct_2"]) < float(warm["single_distinct_2"])
    assert rows["greedy"]["self_bleu"] == ""  # one text a prompt
    assert rows["human text"]["human_distance"] == "0.0"


def test_reports_name_the_stand_in_and_the_licence_and_escape_text(finished: Path) -> None:
    html, markdown = ((finished / name).read_text("utf-8") for name in ("report.html", "report.md"))
    for text in (html, markdown):
        assert "not KoGPT2" in text
        assert "CC BY-NC-SA 4.0" in text
        assert "repetition_penalty" in text
    assert html.index("Recommendation</h2>") < html.index("Samples side by side</h2>") < html.index("Findings</h2>")
    assert "at least 2 settings in each of two methods. Settings by method: greedy 1, sampling 3, beam search 1" in html
    recommended = markdown.partition("## Recommendation")[2].partition("\n## ")[0]
    assert "text like a human's" in recommended
    assert "95 %" in recommended
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
    assert 'src="http' not in html
    assert 'href="http' not in html


def test_the_report_in_korean_has_no_sentence_of_ours_in_english(
    finished: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "en")
    command = ["generation", str(finished.parent / "small.yaml"), "--output", str(copied), "--tracking-uri", "off"]
    done = CliRunner().invoke(app, [*command, "--language", "ko"], catch_exceptions=False)
    assert f"보고서: {copied / 'report.html'}" in done.output
    assert '<html lang="ko">' in (copied / "report.html").read_text("utf-8")
    results = run_module.run(resolve(parse_spec(SMALL)), copied, Quiet())
    counted = ("distinct 1", "distinct 2", "distinct 3"), ("seq rep 2", "seq rep 4"), ("self bleu",)
    names = {"p", "sha256", "Self-BLEU", *PARAMETERS, *map(", ".join, counted), *(n for some in counted for n in some)}
    assert english(make_generation_document(results), names) == []


def test_a_second_run_and_verify_are_identical(finished: Path, copied: Path) -> None:
    with cpu_threads(3):
        assert CliRunner().invoke(app, ["verify", str(copied)]).output == "identical\n"
        assert torch.get_num_threads() == 3


def test_an_interrupted_run_goes_on_to_the_same_bytes(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, folder, calls = resolve(parse_spec(SMALL)), tmp_path / "cut", 0
    whole = run_module.make_samples

    def stop_in_third(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(run_module, "make_samples", stop_in_third)
    with pytest.raises(KeyboardInterrupt):
        run_module.run(plan, folder, Quiet())
    assert len(read_samples(folder / "samples.jsonl")) == 64
    with (folder / "samples.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"setting": "T=0')  # a line cut off by a crash
    calls = 10
    watch = Recorder()
    with cpu_threads(3):
        run_module.run(plan, folder, watch)
        assert torch.get_num_threads() == 3
    assert watch.threads == {1}  # of a small model
    assert calls == 12  # 98 samples in chunks of 32: two chunks were there, two were left
    for name in ("samples.jsonl", "results.csv"):
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


def test_changes_of_samples_and_figures_are_found_with_what_else_is_different_now(copied: Path) -> None:
    lines = (copied / "samples.jsonl").read_text("utf-8").splitlines()
    first, second = map(json.loads, lines[5:7])
    lines[5] = json.dumps({**first, "text": "고친 글"}, ensure_ascii=False)
    lines[6] = json.dumps({**second, "log_probability": second["log_probability"] - 1}, ensure_ascii=False)
    (copied / "samples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    table = (copied / "results.csv").read_text("utf-8")
    human = next(line for line in table.splitlines() if line.startswith("human text"))
    (copied / "results.csv").write_text(table.replace(human, human.replace(",0.0,", ",0.5,", 1)), "utf-8")
    lock = read_lock(copied)
    lock["provenance"]["versions"]["torch"] = "1.0"
    (copied / "benchmark.lock.json").write_text(json.dumps(lock), encoding="utf-8")
    result = CliRunner().invoke(app, ["verify", str(copied)])
    found = result.output
    assert result.exit_code == 1
    assert "samples.jsonl was changed" in found
    assert "고친 글" in found
    assert "log-probability" in found
    assert "human text, " in found
    assert "version of torch: 1.0 then" in found


def test_another_commit_does_not_go_on(copied: Path) -> None:
    lock = read_lock(copied)
    lock["provenance"]["commit"] = "of another day"
    (copied / "benchmark.lock.json").write_text(json.dumps(lock), encoding="utf-8")
    with pytest.raises(UserError, match="begun with other versions of this program's code"):
        run_module.run(resolve(parse_spec(SMALL)), copied, Quiet())


def test_another_benchmark_does_not_overwrite(copied: Path) -> None:
    with pytest.raises(UserError, match="another benchmark"):
        run_module.run(resolve(parse_spec({**SMALL, "seed": 2})), copied, Quiet())


def test_a_prompt_over_the_models_length_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    long = {**SMALL, "prompts": {"written": [{"text": "모든 국민은 " * 200}]}}
    timed = {**SMALL, "speed": {"repeats": 1, "new_tokens": 250}}  # longer than any sample
    for spec in (long, timed):
        with pytest.raises(UserError, match="over the model's length"):
            run_module.run(resolve(parse_spec(spec)), tmp_path / "new", Quiet())
        assert not (tmp_path / "new").exists()


def test_no_lock_no_verify(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a benchmark's folder"):
        verify(tmp_path)


SEARCH = {**SMALL, "prompts": {"held_out": 8}, "settings": [{"temperature": 1.0}], "baseline": "T=1", "repeats": 2}
GOAL = Goal("human_distance", 10)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    folder = tmp_path_factory.mktemp("search") / "tuned"
    return folder, run_module.run(resolve(parse_spec(SEARCH)), folder, Quiet(), GOAL)


def test_search_confirms_on_prompts_it_did_not_see(searched: tuple[Path, Results]) -> None:
    folder, results = searched
    assert results.tuning is not None
    assert len(results.tuning.trials) == 10
    assert not set(results.tuning.tuning_prompts) & set(results.tuning.confirming_prompts)
    assert [s.decoding for s in results.plan.settings][-1] == results.tuning.best.decoding
    assert len(results.plan.prompts) == 4
    assert read_lock(folder)["winner"] == results.tuning.best.decoding.as_dict()
    (compared,) = (c for c in results.comparisons if c.metric == "human_gap")
    assert compared.setting == results.plan.settings[-1].name
    assert "the search has shown no gain" in (folder / "report.md").read_text("utf-8")  # on four prompts
    assert verify(folder) == []


def test_an_interrupted_search_goes_on_to_the_same_trials(searched: tuple[Path, Results], tmp_path: Path) -> None:
    plan, folder = resolve(parse_spec(SEARCH)), tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        run_module.run(plan, folder, Recorder(8), GOAL)
    display = Recorder()
    run_module.run(plan, folder, display, GOAL)
    assert display.found["Trials"] == (8, 10)
    for name in ("tuning.json", "samples.jsonl", "results.csv"):
        assert (folder / name).read_bytes() == (searched[0] / name).read_bytes()


def test_interrupted_measuring_of_speed_goes_on(tmp_path: Path) -> None:
    spec = {**SMALL, "prompts": {"held_out": 2}, "repeats": 1, "max_new_tokens": 3, "rows": 2}
    plan = resolve(parse_spec({**spec, "speed": {"repeats": 1, "new_tokens": 2, "batch": 64}}))
    with pytest.raises(KeyboardInterrupt):
        run_module.run(plan, tmp_path, Recorder(10 + 3))
    kept = json.loads((tmp_path / "speed.json").read_text("utf-8"))["settings"]
    display = Recorder()
    results = run_module.run(plan, tmp_path, display)
    assert display.found["Speeds"] == (3, 6)
    assert [asdict(s) for s in results.speeds[:3]] == kept
    assert {s.batch for s in results.speeds} == {1, 2}  # two rows, of which a beam search of two beams takes both
    assert results.side_by_side is not None


def test_search_needs_human_text() -> None:
    spec = {**SMALL, "prompts": {"written": [{"text": t} for t in "가나다라마"]}}
    with pytest.raises(UserError, match="known human continuation"):
        run_module.run(resolve(parse_spec(spec)), Path("never"), Quiet(), Goal("human_distance"))


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="torch finds no GPU here"):
        run_module.run(resolve(parse_spec({**SMALL, "device": "cuda"})), tmp_path / "new", Quiet())


def test_ones_own_prompts_with_references_have_a_human_row(tmp_path: Path) -> None:
    known = [{"text": f"모든 국민은 {i}번째", "reference": "권리를 법률로 보장받는다."} for i in range(3)]
    spec = {**SMALL, "prompts": {"written": known}, "settings": [{"temperature": [0.5, 1.0]}], "baseline": None}
    results = run_module.run(resolve(parse_spec({**spec, "repeats": 1})), tmp_path / "own", Quiet())
    assert results.human_table is not None
    assert results.human_table.human is not None
    report = (tmp_path / "own" / "report.md").read_text("utf-8")
    assert "human gap" in report
    assert "not compared at equal effort: this needs at least 4 prompts" in report


def test_methods_with_several_settings_are_compared_at_equal_effort(tmp_path: Path) -> None:
    settings = [{"mode": "greedy"}, {"temperature": [0.5, 1.0]}, {"top_k": [5, 20, 50]}]
    spec = {**SMALL, "prompts": {"held_out": 5}, "settings": settings, "baseline": None, "repeats": 1}
    run_module.run(resolve(parse_spec({**spec, "max_new_tokens": 8})), tmp_path / "out", Quiet())
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    section = report.partition("## Methods at equal effort")[2].partition("\n## ")[0]
    assert "chosen on 3 prompts and judged on 2 others" in section
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
    assert ["method", "settings", "best of 1", "best of 2", "best of all", "chosen of all"] in rows
    assert {row[0]: row[1] for row in rows if row[0] in ("greedy", "top-k sampling")} == {
        "greedy": "1",
        "top-k sampling": "3",
    }
    assert [row[:3] for row in rows if row[1] == "top-k sampling"] == [["sampling", "top-k sampling", "2"]]
    assert "So few settings cannot show that one method is better" in section
