"""What the command line prints on a terminal: lines that fit, what one copies, colours, and what runs meanwhile."""

from __future__ import annotations

import io
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from tests.results import made_up_result
from trainables.wine import Wine
from tunelab.cli.main import main
from tunelab.cli.output.outcome import configuration_lines, print_result
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.journal import FILE, LOCK_FILE
from tunelab.setup.folders import sweep_folder
from tunelab.system.terminal import cells, wrapped

PARAMS: dict[str, bool | int | float | str | None] = {
    "weight_decay": 0.00032892149201525436,
    "dropout": 0.38983209333213437,
    "family": "one, 'two'",
    "augment": True,
}


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def swept() -> SweepResult:
    epochs = (Epoch(1, 0.5, {}, 1.0),)
    trials = [
        TrialRecord(n, {**PARAMS, "augment": bool(n)}, {}, 0, 9, status, epochs)
        for n, status in enumerate((TrialStatus.FINISHED, TrialStatus.STOPPED))
    ]
    result = made_up_result(trials, Wine.facts, name="wine-1")
    return replace(result, best=Best.from_trial(result.ranked()[0]))


def on_screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Take both streams as a terminal of 60 columns; in the test itself, since pytest sets them before it."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    found = Screen()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, found)
    return found


def test_a_broken_configuration_is_copied_as_it_is() -> None:
    result = swept()
    lines = list(configuration_lines(result, 50))
    assert max(map(len, lines)) <= 52
    blocks = "\n".join(lines).replace("\n  set:", "\n\nset:").replace("\n  {", "\n\n{").split("\n\n")
    options, as_yaml, as_python = blocks
    assert [block.count("\n") > 0 for block in blocks] == [True] * 3
    params = {**PARAMS, "augment": False}
    assert shlex.split(options.replace("\\\n", ""))[1::2] == [f"{name}={value}" for name, value in params.items()]
    assert yaml.safe_load(as_yaml) == {"set": params}
    assert eval(as_python) == params
    assert len(list(configuration_lines(result, 10_000))) == 3


@pytest.mark.parametrize("width", [20, 40])
def test_a_command_in_a_sentence_keeps_to_one_line(width: int) -> None:
    lines = wrapped("It was cut short (`tunelab resume a --trials 20`). More of it, `once`.", width)
    assert len([line for line in lines if "`tunelab resume a --trials 20`" in line]) == 1
    assert all(cells(line) <= width or line.startswith("(`") for line in lines)


def test_statuses_and_headings_stand_out_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    print_result(swept())
    shown = screen.getvalue()
    for told in ("finished", "stopped early", "Verdict"):
        assert f"m{told}" in shown.replace("\n", "")
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    print_result(swept())
    assert "Verdict\n" in pipe.getvalue()
    assert "\x1b" not in pipe.getvalue()


def test_what_the_beginning_said_on_the_same_terminal_is_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    for introduced in (False, True):
        print_result(swept(), introduced=introduced)
        told = capsys.readouterr().out
        for text in (Wine.facts.title, "mean cross entropy of a row"):
            assert (text in told) is not introduced
        assert "the best of 2 trials" in told


def test_an_error_is_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tunelab", "results", "--tracking-uri", "ftp://somewhere/else"])
    screen = on_screen(monkeypatch)
    with pytest.raises(SystemExit):
        main()
    lines = screen.getvalue().splitlines()
    assert len(lines) > 1
    assert max(map(cells, lines)) <= 60
    assert "a database (postgresql, mysql, mssql), or off." in " ".join(" ".join(lines).split())


def test_the_list_says_that_a_first_sweep_is_running(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = sweep_folder(in_folder / "mlruns", "first")
    folder.mkdir(parents=True)
    (folder / FILE).touch()
    monkeypatch.setattr(sys, "argv", ["tunelab", "results"])
    with FileLock(folder / LOCK_FILE), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "Sweep 'first' is running and has no results yet. `tunelab watch first`" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main()
    assert "There is no store at" in capsys.readouterr().err
