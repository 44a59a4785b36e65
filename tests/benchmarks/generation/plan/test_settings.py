"""Wrong settings are refused before anything loads; right ones are written out in full."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.generation.plan.request import Request
from benchmarks.generation.plan.settings import PARAMETERS, DecodingSettings, expand_grid, parse_settings
from benchmarks.generation.plan.spec import DEFAULT_SPEC, OPTIMIZE_SPEC, parse_spec, read_spec, resolve
from search_spaces.errors import UserError
from trainables.base.text.language_models.model_folder import STANDIN

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"temperature": 0}, "mode 'greedy'"),
    ({"temperature": math.nan}, "finite"),
    ({"temperature": "0.7"}, "finite number"),
    ({"temperature": 10**400}, "finite number"),
    ({"temperature": 1e-45}, "0.01 to 100"),
    ({"top_k": 10**23}, "0 (off) to 1,000,000"),
    ({"max_new_tokens": 1 << 99_999}, "got a number of thousands of digits"),
    ({"top_p": 1.5}, "at most 1"),  # transformers ignores it in silence
    ({"top_k": 2.5}, "whole number"),
    ({"top_k": True}, "whole number"),
    ({"typical_p": 0}, "above 0"),
    ({"no_repeat_ngram_size": -1}, "0 (off) to 1000"),  # transformers ignores it in silence
    ({"repetition_penalty": 0.5}, "1 (off) to 10"),
    ({"max_new_tokens": 0}, "1 to 1,000,000"),
    ({"mode": "greedy", "temperature": 0.9}, "no effect in mode 'greedy'"),
    ({"mode": "greedy", "top_k": 5}, "no effect"),
    ({"mode": "beam", "num_beams": 1}, "2 to 16"),
    ({"mode": "beam", "num_beams": 4, "temperature": 0.9}, "no effect in mode 'beam'"),
    ({"mode": "beam_sample"}, "2 to 16 in mode 'beam_sample'"),
    ({"mode": "sample", "num_beams": 4}, "no effect in mode 'sample'"),
    ({"mode": "contrastive"}, "Available: beam, beam_sample, greedy, sample"),
    ({"temprature": 1}, "Did you mean 'temperature'?"),
]


@pytest.mark.parametrize(("values", "said"), WRONG)
def test_wrong_settings_are_refused_with_help(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        parse_settings(values)
    assert said in str(error.value)


@given(
    name=st.sampled_from(PARAMETERS),
    value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())),
)
def test_any_value_is_taken_or_refused_as_the_users_error(name: str, value: Any) -> None:
    try:
        settings = parse_settings({name: value})
    except UserError:
        return
    assert getattr(settings, name) == value
    assert set(settings.as_dict()) == set(PARAMETERS)


def test_every_parameter_that_transformers_has_a_default_for_is_handed_over() -> None:
    given = DecodingSettings().generate_arguments()
    assert given["top_k"] == 0  # generate would sample from 50
    assert {"temperature", "top_p", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size"} <= set(given)


def test_a_grid_is_every_combination() -> None:
    names = [s.name for s in expand_grid({"temperature": [0.3, 0.9], "top_k": [10, 50], "repetition_penalty": 2.0})]
    assert names == ["T=0.3 top_k=10 rep=2", "T=0.3 top_k=50 rep=2", "T=0.9 top_k=10 rep=2", "T=0.9 top_k=50 rep=2"]


@pytest.mark.parametrize("path", [DEFAULT_SPEC, OPTIMIZE_SPEC])
def test_shipped_benchmarks_resolve(path: Path) -> None:
    plan = resolve(read_spec(path))
    assert len(plan.prompts) >= 16
    assert plan.spec.repeats >= 4
    assert any(prompt.reference for prompt in plan.prompts)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"promts": {}}, "'promts': Extra inputs"),
        ({"settings": []}, "'settings'"),
        ({"settings": [{"preset": "beam-sample"}]}, "Did you mean 'beam-sampling'?"),
        ({"repeats": "four"}, "'repeats'"),
        ({"prompts": {"held_out": 0}}, "no prompts"),
        ({"prompts": {"written": [{"text": " \n "}]}}, "empty"),
        ({"prompts": {"written": [{"text": "하늘"}, {"text": " 하늘"}]}}, "given twice"),
        ({"settings": [{"temperature": 1.0}, {"top_k": 0}]}, "are the same"),
        ({"settings": [{"temperature": []}]}, "empty list"),
        ({"settings": [{"name": "a", "top_k": 1}, {"name": "a", "top_k": 2}]}, "Two different settings are called 'a'"),
        ({"settings": [{"name": "human text"}]}, "No setting can be called 'human text'"),
        ({"prompts": {"held_out": 10**9}}, "'held_out' asks for 1000000000"),
        ({"repeats": 1 << 99_999}, "'repeats'"),
        ({"device": "tpu"}, "'device': Input should be 'cpu' or 'cuda'"),
        ({"baseline": "T=2"}, "Available"),
    ],
)
def test_wrong_files_are_refused(content: dict[str, Any], said: str) -> None:
    base = {"name": "own", "prompts": {"written": [{"text": "하늘"}]}, "settings": [{"temperature": [0.5, 1.0]}]}
    with pytest.raises(UserError) as error:
        resolve(parse_spec({**base, **content}))
    assert said in str(error.value)


def test_nearly_equal_settings_are_two() -> None:
    spec = {
        "name": "own",
        "prompts": {"written": [{"text": "하늘"}]},
        "settings": [{"temperature": [0.3, 0.3000000001]}],
    }
    assert [s.name for s in resolve(parse_spec(spec)).settings] == ["T=0.3", "T=0.3000000001"]


def test_a_preset_stands_for_its_parameters_and_gives_way_to_those_beside_it() -> None:
    settings = [{"preset": "beam-sampling"}, {"preset": "beam-sampling", "temperature": [0.9, 1.2]}]
    spec = {"name": "own", "prompts": {"written": [{"text": "하늘"}]}, "settings": settings}
    found = resolve(parse_spec(spec)).settings
    assert found[0].name == "beam-sampling"
    assert [s.decoding.temperature for s in found] == [1.5, 0.9, 1.2]
    given = found[0].decoding.generate_arguments()
    assert {name: given[name] for name in ("do_sample", "num_beams", "repetition_penalty", "temperature", "top_k")} == {
        "do_sample": True, "num_beams": 5, "repetition_penalty": 1.2, "temperature": 1.5, "top_k": 0,
    }  # fmt: skip


def test_a_prompt_of_ones_own_may_have_a_reference() -> None:
    prompts = {"written": [{"text": "하늘", "reference": " 은 푸르다 "}, {"text": "땅", "reference": " "}]}
    plan = resolve(parse_spec({"name": "own", "prompts": prompts, "settings": [{}]}))
    assert [p.reference for p in plan.prompts] == ["은 푸르다", None]


@pytest.mark.parametrize("text", ["[" * 1_500, "repeats: " + "9" * 5000, "name: 2026-99-99"])
def test_files_that_yaml_stumbles_over_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text, "utf-8")
    with pytest.raises(UserError, match="is not valid YAML"):
        read_spec(tmp_path / "bad.yaml")


@given(st.text(max_size=60))
def test_any_file_is_read_or_refused(text: str) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
        file.flush()
        with pytest.raises(UserError):
            read_spec(Path(file.name))


def test_options_make_a_grid_in_place_of_the_files_settings() -> None:
    request = Request(
        prompts=("오늘 날씨는",),
        grid={"temperature": "0.3, 0.9", "top_k": "10", "mode": None},
        changes={"repeats": 2, "model": None},
    )
    plan = request.plan()
    assert [s.name for s in plan.settings] == ["T=0.3 top_k=10", "T=0.9 top_k=10"]
    assert [p.text for p in plan.prompts] == ["오늘 날씨는"]
    assert plan.spec.repeats == 2
    assert plan.baseline == "T=0.3 top_k=10"


def test_models_and_folders_are_refused_before_anything_heavy_loads(tmp_path: Path) -> None:
    """Each in a fresh interpreter would take seconds; one tries all and then looks at what was imported."""
    (tmp_path / "file").write_text("", "utf-8")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("mine", "utf-8")
    (tmp_path / "run").mkdir()
    shutil.copytree(STANDIN, tmp_path / "copy")
    code = """
import sys
from pathlib import Path
from benchmarks.generation.plan.request import Request
from benchmarks.generation.plan.storage import KIND, asked
from benchmarks.harness.lockfile import open_folder
from search_spaces.errors import UserError
here = Path(sys.argv[1])
open_folder(here / "run", KIND, asked(Request(changes={"seed": 2}).plan(), None))
def said(output=None, **changes):
    try:
        request = Request(changes=changes)
        request.folder(output, request.plan())
    except UserError as error:
        print(error)
said(model="./nowhere")
said(scorer="./nowhere")
said(scorer=str(here / "copy"))
said(here / "file")
said(here / "file" / "below")
said(here / ("x" * 300))
said(here / "used")
said(here / "run")
print({"torch", "transformers", "mlflow", "optuna", "scipy"} & set(sys.modules))
"""
    done = subprocess.run(  # in a folder of its own: a store in the working directory would be asked for the models
        [sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = [
        "no model folder './nowhere'",
        "no model folder './nowhere'",
        "is the model that writes",
        "is a file. Choose a folder",
        "is a file. Choose a folder",
        "cannot be used (File name too long)",
        "holds no benchmark",
        "another benchmark (spec: 'seed' differs)",
        "set()",
    ]
    lines = done.stdout.splitlines()
    assert [part in line for part, line in zip(expected, lines, strict=True)] == [True] * len(expected), lines


LOCKED = next((path for path in ("/proc/sys", "/usr") if not os.access(path, os.W_OK)), None)


@pytest.mark.skipif(LOCKED is None, reason="needs a folder that cannot be written")
def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(UserError, match=f"Nothing can be written in '{LOCKED}'"):
        Request().folder(Path(f"{LOCKED}/results"), Request().plan())


def test_only_nearness_to_human_text_can_be_searched_for() -> None:
    for objective in ("self_bleu", "seq_rep_4"):
        with pytest.raises(UserError, match="'--optimize' takes human_distance, scorer_distance"):
            Request(optimize=objective).plan()
    with pytest.raises(UserError, match="'--trials' must be 1 to 10,000"):
        Request(optimize="human_distance", trials=0).plan()


@pytest.mark.parametrize(
    "request_", [Request(prompts=(" ",)), Request(grid={"top_k": "ten"}), Request(grid={"temperature": "0.3,,1"})]
)
def test_wrong_options_are_refused(request_: Request) -> None:
    with pytest.raises(UserError):
        request_.plan()
