"""The command line in Korean: no English sentence of ours from the help to a prediction."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.cli.main import COMMANDS as BENCHMARKS
from tunelab.cli.commands import COMMANDS
from tunelab.cli.main import app, main
from tunelab.system.terminal import cells

# What is typed or is a name: commands in backticks, options, settings, calls, paths, addresses, names of columns.
TYPED = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|--\S+( \S+)?|\S*[=/_.:{}()\[\]]\S*|tunelab( \S+)+")
SENTENCE = re.compile(r"(?<![\w가-힣])[A-Za-z][a-z]*('s)?( [a-z]+){2,}")  # words between commas are a list of names
HANGUL = re.compile("[가-힣]")


def english(text: str) -> list[str]:
    """The lines that have three English words or more in a row."""
    return [line for line in text.splitlines() if SENTENCE.search(TYPED.sub("", line))]


def tunelab(*arguments: str, folder: Path, code: int = 0) -> str:
    """What a command says in Korean, on both streams."""
    line = [sys.executable, "-m", "tunelab.cli.main", *arguments, "--language", "ko"]
    ended = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == code, ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS), *(["bench", name] for name in BENCHMARKS)], ids=" ".join
)
def test_the_help_is_in_korean_and_fits_eighty_columns(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "en")  # put back after the test
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(app, [*command, "--language", "ko", "--help"], prog_name="tunelab")
    assert shown.exit_code == 0
    assert HANGUL.search(shown.output)
    assert english(shown.output) == []
    assert max(map(cells, shown.output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sweep", "winee"], "알 수 없는 과제 'winee'. 혹시 'wine'입니까?"),
        (["sweep", "wine", "--trials", "x"], "--trials의 값은 정수여야 하는데, 'x'입니다."),
        (["sweep", "wine", "--trials", "0"], "--trials의 값은 1 이상이어야 하는데, '0'입니다."),
        (["sweep", "wine", "--name", "a/b"], "'_', '-' 1 ~ 80자여야 하고 '.'이나 '-'로 시작할 수 없는데, 'a/b'입니다."),
        (["sweep", "wine", "--set", "lrr=1"], "알 수 없는 하이퍼파라미터 'lrr'"),
        (["sweep", "wine", "--config", "nix.yaml"], "읽을 수 없습니다: 그런 파일이나 폴더가 없습니다."),
        (["sweep", "wine", "--set", "lr=big"], "--set lr=big: lr의 값은"),
        (["results", "nothing"], "저장소가 아직 없습니다"),
        (["space"], "어느 과제입니까?"),
        (["bench", "serch"], "'serch' 명령이 없습니다. 혹시 'search'입니까?"),
        (["bench", "search", "--workers", "8"], "--workers에는 --tables가 필요합니다."),
        (["bench", "verify", "nothing"], "벤치마크의 폴더가 아닙니다."),
        (["swep"], "'swep' 명령이 없습니다. 혹시 'sweep'입니까?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("in_folder")
def test_an_error_is_in_korean(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "en")  # put back after the test
    monkeypatch.setattr(sys, "argv", ["tunelab", *arguments, "--language", "ko"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    shown = "".join(capsys.readouterr())
    assert said in shown
    assert english(shown) == []


@pytest.mark.slow
def test_from_a_sweep_to_a_prediction_in_korean(tmp_path: Path) -> None:
    search = ["--trials", "4", "--max-epochs", "3", "--name", "첫째", "--confirm-top", "1", "--confirm-seeds", "2"]
    shown = tunelab("sweep", "wine", *search, folder=tmp_path)
    assert "판정" in shown
    assert english(shown) == []
    for command in (["results", "첫째"], ["results"], ["tasks"], ["space", "wine"], ["whatif", "첫째", "--advise"]):
        assert english(tunelab(*command, folder=tmp_path)) == [], command
    (tmp_path / "in.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert "입력에 하나도 없습니다" in tunelab("predict", "첫째", "in.csv", folder=tmp_path, code=2)
    tunelab("report", "첫째", "--output", "보고서.html", folder=tmp_path)
    assert '<html lang="ko">' in (tmp_path / "보고서.html").read_text(encoding="utf-8")
