"""Free-form input: whatever comes is taken or refused in a sentence; no traceback, no file outside the store."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from search_spaces import UserError
from sweeps import cli
from sweeps.cli import sweep as sweep_command
from sweeps.journal import FILE, read_events, replay
from sweeps.plan import make_plan
from sweeps.spec import SweepSpec, make_spec, read_spec_file, spec_keys
from trainables.base.digit_image import read_digit
from trainables.base.table_file import read_table_bytes

cli._mount()
FUZZ = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["wine", "mpg", "table", "toy.py", "../x", "/dev/null", "off", "asha", "-1", "0", "nan", "10m", "x=1"]
    ),
)
OPTIONS = st.sampled_from([f"--{key.replace('_', '-')}" for key in spec_keys() if key != "task"] + ["--json", "--data"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


def plan_only(spec: SweepSpec, *, as_json: bool) -> None:
    """Everything that a sweep checks before it writes or starts anything."""
    make_plan(spec)


@settings(FUZZ, max_examples=60)  # each builds the whole command line anew
@given(arguments=st.lists(st.one_of(OPTIONS, WORDS), max_size=8))
@example(arguments=["wine", "--set", "lr="])
@example(arguments=["wine", "--name", "../../etc/passwd"])
def test_command_lines(arguments: list[str], in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_command, "run_and_show", plan_only)
    outcome = CliRunner().invoke(cli.app, ["sweep", *arguments])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit | UserError), arguments
    assert outcome.exit_code in (0, 1, 2)
    assert list(in_folder.iterdir()) == []  # nothing is written before all is known to be well


@FUZZ
@given(st.dictionaries(st.sampled_from(spec_keys()), VALUES, max_size=4))
@example({"task": "wine", "set": 3})
@example({"task": "wine", "task_options": ["data"]})
def test_values_of_a_spec(values: dict[str, Any]) -> None:
    try:
        spec = make_spec(values)
    except UserError:
        return
    assert make_spec(spec.to_json()) == spec


@FUZZ
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(str.encode), VALUES.map(lambda v: yaml.dump(v).encode())
    )
)
@example(content=b"!!python/object/apply:os.system ['touch pwned']")
@example(content=b"&a [*a, *a]")
def test_sweep_files(content: bytes, in_folder: Path) -> None:
    path = in_folder / "sweep.yaml"
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        read_spec_file(path)
    assert [file.name for file in in_folder.iterdir()] == ["sweep.yaml"]


@FUZZ
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=4), max_size=6).map(
            lambda rows: "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")
        ),
        st.binary(max_size=60).map(lambda tail: b"PAR1" + tail + b"PAR1"),
        st.binary(max_size=60).map(lambda tail: b"\x1f\x8b" + tail),
    )
)
@example("이름,값\n가,1\n나,2\n".encode("cp949"))
def test_tables(content: bytes) -> None:
    try:
        frame = read_table_bytes(content, "input.csv")
    except UserError:
        return
    assert frame.shape[1] >= 2


def picture(kind: str, size: tuple[int, int]) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


PICTURES = [picture(kind, (12, 9)) for kind in ("PNG", "JPEG", "GIF", "BMP")]


@st.composite
def damaged_pictures(draw: st.DrawFn) -> bytes:
    """A picture with some bytes changed and its end cut off."""
    content = bytearray(draw(st.sampled_from(PICTURES)))
    for position, value in draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        content[position] = value
    return bytes(content[: draw(st.integers(0, len(content)))])


@FUZZ
@given(st.one_of(damaged_pictures(), st.binary(max_size=200)))
def test_pictures(content: bytes) -> None:
    try:
        digit = read_digit(content)
    except UserError:
        return
    assert np.isfinite(digit).all()


@FUZZ
@given(content=st.binary(max_size=300))
@example(content=b'{"event": "ended"}\n')
@example(content=b"[]\n")
@example(content=b'{"event": "reported", "trial": 3, "rows": []}\n')
def test_journals(content: bytes, in_folder: Path) -> None:
    (in_folder / FILE).write_bytes(content)
    with contextlib.suppress(UserError):
        replay(read_events(in_folder))
