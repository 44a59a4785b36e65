"""What a result was made with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunelab.system import environment
from tunelab.system.environment import git_commit


@pytest.fixture(autouse=True)
def asked_again() -> Iterator[None]:
    git_commit.cache_clear()
    yield
    git_commit.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_commit_is_of_the_checkout_that_tracks_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another project's checkout, with the code in an environment that it ignores, then with the code tracked."""
    code = tmp_path / ".venv" / "environment.py"
    code.parent.mkdir()
    code.write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "theirs")
    monkeypatch.setattr(environment, "__file__", str(code))
    assert git_commit() == ""
    git(tmp_path, "add", str(code))
    git(tmp_path, "commit", "--quiet", "-m", "ours")
    git_commit.cache_clear()
    assert git_commit() == git(tmp_path, "rev-parse", "HEAD")
    code.write_text("changed")
    git_commit.cache_clear()
    assert git_commit().endswith("+changes")


def test_a_git_that_does_not_answer_ends_no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*arguments: Any, **options: Any) -> None:
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(subprocess, "run", slow)
    assert git_commit() == ""
