"""What reaches a terminal: nothing that steers it, and never an exception for what its encoding lacks."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.generation.display import Terminal
from tests.tunelab.conftest import Shelf
from tunelab.cli.main import main
from tunelab.cli.output.json_output import print_json
from tunelab.cli.output.outcome import print_result
from tunelab.cli.output.tables import print_table
from tunelab.display.display import Lines
from tunelab.display.live_table import LiveTable, draw_trials
from tunelab.records.assessment.importance import ColumnImportance, Importance
from tunelab.system.terminal import PrintableStream, json_printable, make_streams_printable, printable, wrapped

# colours, a cleared screen, a window's title, a clipboard, an answer-back, one-byte forms, a line that reads backwards
ATTACKS = [
    "\x1b[31mred",
    "\x1b[2J\x1b[1;1H",
    "\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07",
    "\x1bZ",
    "\x9b2J",
    "\u202egnp.exe",
    "total\u061c\u200f \u200e12",
    "one\u2028two\u2029three",
]
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
Capture = Callable[[str], Callable[[], str]]


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Capture:
    """Gives standard output and error an encoding, as a terminal has it; what was written is read by a call."""

    def begin(encoding: str) -> Callable[[], str]:
        below = io.BytesIO()
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(below, encoding=encoding, write_through=True))
        make_streams_printable()
        return lambda: below.getvalue().decode(encoding)

    return begin


@given(st.text())
def test_no_text_keeps_a_character_that_steers(text: str) -> None:
    assert STEERS.search(printable(text)) is None
    printable(text).encode()


@given(st.text())
def test_json_means_what_it_meant(text: str) -> None:
    written = json_printable(json.dumps(text, ensure_ascii=False))
    assert json.loads(written) == text
    assert STEERS.search(written) is None


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp949", "utf-8"])
def test_a_result_is_shown_on_any_terminal(shelf: Shelf, captured: Capture, encoding: str) -> None:
    read = captured(encoding)
    result = shelf.results["와인"]
    print_result(replace(result, facts=replace(result.facts, title="Wëin – 와인 \udc80")))
    assert "best of 10 trials" in read()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    "words",
    [
        ["tasks"],
        ["space", "wine"],
        ["results"],
        ["results", "와인"],
        ["report", "와인", "--output", "page.html"],
        ["compare", "와인", "와인 둘"],
        ["resume", "없음"],
        ["--help"],
    ],
)
def test_commands_are_shown_on_any_terminal(
    shelf: Shelf,
    in_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    captured: Capture,
    words: list[str],
    encoding: str,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shelf.uri)
    monkeypatch.setattr(sys, "argv", ["tunelab", *words])
    read = captured(encoding)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None, 2)
    assert "Traceback" not in read()
    assert read().strip()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_json_is_exact_on_any_terminal(captured: Capture, encoding: str) -> None:
    read = captured(encoding)
    value = {"name": "와인", "odd": "\x1b[2J\x9b\u202e", "nan": None}
    print_json(value)
    assert json.loads(read()) == value
    assert STEERS.search(read()) is None


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_a_result_steers_the_terminal(shelf: Shelf, captured: Capture, attack: str) -> None:
    """Titles, notes, hyperparameters, class names, column names, error texts and baselines of a stranger's store."""
    read = captured("utf-8")
    result = shelf.results["와인"]
    trials = tuple(
        replace(t, params={attack: attack}, config={attack: attack}, error=f"{attack}\nmore") for t in result.trials
    )
    importance = Importance("rmse", attack, 3, 2, (ColumnImportance(attack, 1.0, 0.1),))
    evaluation = replace(result.evaluation, importance=importance, notes=(attack,))
    print_result(
        replace(
            result,
            name=attack,
            task=attack,
            facts=replace(result.facts, title=attack, note=attack, unit=attack),
            trials=trials,
            evaluation=evaluation,
            stopped=attack,
        )
    )
    assert printable(attack) in read()
    assert STEERS.search(read()) is None


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_a_display_steers_the_terminal(shelf: Shelf, captured: Capture, attack: str) -> None:
    from rich.console import Console

    trials = [replace(t, config={attack: attack}) for t in shelf.results["와인"].trials]
    read = captured("utf-8")
    Lines().progress(trials)
    Lines().step(attack)
    assert STEERS.search(read()) is None
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, highlight=False, width=120, height=40)
    table = LiveTable(console)
    console.print(draw_trials(trials, 120, 40))
    table.step(attack)
    table.close()
    assert attack not in screen.getvalue()
    assert printable(attack)[:8] in screen.getvalue()


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    "command", [["sweep"], ["results", "--tracking-uri"], ["predict"], ["swe"], ["sweep", "wine", "--trials"]]
)
def test_no_error_of_the_command_line_steers_the_terminal(
    captured: Capture, monkeypatch: pytest.MonkeyPatch, command: list[str], attack: str
) -> None:
    read = captured("utf-8")
    monkeypatch.setattr(sys, "argv", ["tunelab", *command, attack, *(["x"] if command == ["predict"] else [])])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert read().startswith("tunelab: ")
    assert STEERS.search(read()) is None


def test_live_displays_draw_below_the_stream_that_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", PrintableStream(screen))
    table, bar = LiveTable(), Terminal()
    table.begin(["what runs"], 4)
    table.progress([])
    table.close()
    bar.start("Samples", 4, 0)
    bar.step(10, 1)
    bar.stop()
    assert "\x1b[" in screen.getvalue()
    assert "\\x1b" not in screen.getvalue()


def test_a_progress_bar_begins_its_line_again_and_rich_draws_below() -> None:
    below = io.StringIO()
    stream = PrintableStream(below)
    stream.write("\r 10%")
    stream.write("a\rb")
    assert below.getvalue() == "\r 10%a\\x0db"
    from rich.console import Console

    Console(file=stream, force_terminal=True).print("[red]x[/red]")  # type: ignore[arg-type]
    assert "\x1b[31mx" in below.getvalue()


def test_names_in_tables_are_neither_emoji_codes_nor_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([":bomb:"], [["[red]:warning:[/red]"]])
    shown = capsys.readouterr().out
    assert ":bomb:" in shown
    assert "[red]:warning:[/red]" in shown


def test_a_text_is_broken_between_words_and_keeps_the_blanks_inside_its_lines() -> None:
    text = "  wall time  about 3 minutes, and 학습에는 1분"
    assert wrapped(text, 80) == [text]
    assert wrapped(text, 21, indent="    ") == ["  wall time  about 3", "    minutes, and", "    학습에는 1분"]
    assert wrapped("", 5) == [""]
