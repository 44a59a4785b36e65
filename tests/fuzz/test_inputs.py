"""Free-form input: whatever comes is taken or refused in a sentence; no traceback, no file outside the store."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from search_spaces import UserError
from trainables.base.images.digit import read_digit
from trainables.base.tables.reading.file import read_table_bytes
from tunelab.cli import main as cli
from tunelab.launch.ray_internals.forks import NONE
from tunelab.records.spec import SweepSpec, make_spec, spec_keys
from tunelab.records.spec_file import read_spec_file
from tunelab.search.journal import FILE, read_events
from tunelab.search.replay import replay
from tunelab.setup.resolve import resolve_sweep

COMMAND = typer.main.get_command(cli.app)
FUZZ = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)  # what a shell can pass
WORDS = st.one_of(
    TEXT,
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["wine", "mpg", "table", "toy.py", "../x", "/dev/null", "asha", "-1", "0", "nan", "10m", "x=1"]),
    st.sampled_from(["off", "-", "sqlite:x", "sqlite:///x.db", "http://127.0.0.1:9", "http://["]),
    st.sampled_from(["models:/x/1", "x.html"]),
)
# Not among them: check-task and doctor, which train and start Ray before they say anything.
COMMANDS = ("sweep", "plan", "resume", "results", "report", "compare", "reproduce", "predict", "ui", "clean", "tasks")
BENCHMARKS = ("generation", "speed", "search", "verify")
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with options of its own and any words."""
    name = draw(st.sampled_from([*COMMANDS, *BENCHMARKS]))
    group: Any = COMMAND
    names, command = [name], group.get_command(None, name)
    if command is None:
        names, command = ["bench", name], group.get_command(None, "bench").commands[name]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    words = draw(st.lists(st.one_of(st.just("wine"), WORDS), max_size=2))
    for option in draw(st.lists(st.sampled_from(options), max_size=4)) if options else []:
        words.append(draw(st.sampled_from(option.opts)))
        if not option.is_flag:
            words.append(draw(st.one_of(st.sampled_from(["1", "2", "9", "0.5"]), WORDS)))
    return names + words


@pytest.fixture
def only_checked(in_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commands end where their work would begin: all that is checked before has been."""

    def stop(*arguments: Any, **options: Any) -> None:
        raise UserError("as far as this test goes.")

    def plan(spec: SweepSpec, *arguments: Any, **options: Any) -> None:
        resolve_sweep(spec)
        stop()

    monkeypatch.setattr("tunelab.run.run_sweep", plan)
    monkeypatch.setattr("tunelab.estimate.predict.predict", plan)
    monkeypatch.setattr("tunelab.launch.ray_internals.forks.new_server", lambda: contextlib.nullcontext(NONE))
    monkeypatch.setattr("tunelab.tracking.store.Store", stop)
    monkeypatch.setattr("benchmarks.harness.suite.open_folder", stop)  # every suite is checked before it
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    scratch = str(tmp_path_factory.mktemp("scratch"))
    monkeypatch.setenv("RAY_TMPDIR", scratch)  # `clean --yes` is among the command lines
    monkeypatch.setattr("tempfile.tempdir", scratch)
    return in_folder


@settings(FUZZ, max_examples=30)
@given(arguments=command_lines())
@example(arguments=["sweep", "wine", "--set", "lr="])
@example(arguments=["sweep", "wine", "--name", "../../etc/passwd"])
@example(arguments=["sweep", "wine"])
@example(arguments=["plan", "wine", "--json"])
@example(arguments=["predict", "a", "-"])
@example(arguments=["clean", "--yes"])
@example(arguments=["bench", "verify", ".."])
@example(arguments=["compare", "a", "b", "--output", "/"])
@example(arguments=["report", "wine", "--tracking-uri", "\x1e"])
@example(arguments=["sweep", "a\nb"])
@example(arguments=["compare", "a", "b", "--output", "a\nb"])
@example(arguments=["ui", "a\nb"])
def test_command_lines(arguments: list[str], only_checked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tunelab", *arguments])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code in (0, 1, 2)
    last = err.getvalue().rpartition("\n")[0].rpartition("\n")[2]  # notes may come before the sentence
    assert (end.value.code == 2) == last.startswith("tunelab: ")
    assert list(only_checked.iterdir()) == []  # nothing is written before all is known to be well


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
        frame = read_table_bytes(content, "input.csv").frame
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
@example(content=b'{"event": "format", "version": []}\n')
@example(content=b'{"event": "finished", "stopped": "", "time": "now"}\n')
@example(content=b'{"event": "reported", "trial": 3, "rows": []}\n')
def test_journals(content: bytes, in_folder: Path) -> None:
    (in_folder / FILE).write_bytes(content)
    with contextlib.suppress(UserError):
        replay(read_events(in_folder))
