"""Ray starts on machines that are not as it expects them, or one sentence says why not, before anything is begun."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from search_spaces import UserError
from tunelab.launch import cluster_address, ray_start
from tunelab.launch.cluster_address import check_address, check_answers, given_address
from tunelab.launch.ray_start import MAX_FOLDER, prepared, start_failed
from tunelab.system.scratch import short_folder

CODE = "from tunelab.cli.main import main; main()"
SWEEP = ["sweep", "wine", "--trials", "1", "--max-epochs", "1", "--tracking-uri", "off", "--confirm-top", "0"]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **changes}


@pytest.fixture
def deaf_port() -> Iterator[str]:
    """Something that takes connections and never answers, as a cluster does whose process is stopped."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def long_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files whose path is too long for a socket."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    return folder


def test_a_folder_too_long_for_a_socket_is_replaced_and_the_other_one_removed(long_folder: Path) -> None:
    with prepared() as folder:
        assert folder is not None
        assert len(folder) <= MAX_FOLDER
        assert Path(folder, "tunelab.pid").read_text() == str(os.getpid())
    assert not Path(folder).exists()
    with short_folder(100) as short, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short / "forks"))


def test_no_short_folder_is_a_sentence(long_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunelab.system.scratch.SHORT_PARENTS", ("/proc/1",))
    with pytest.raises(UserError, match="Set TMPDIR to a short one"), prepared():
        pass


@pytest.mark.parametrize("home", ["/proc/1/nowhere", "/dev/null"])
def test_without_a_home_ray_gets_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    for name in ray_start.TOKEN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", home)
    with prepared() as folder:
        assert folder is not None
        token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
        assert token.parent == Path(folder)
        assert token.stat().st_mode & 0o777 == 0o600
        assert len(token.read_text()) == 64
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ


def test_too_few_open_files_are_raised_or_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: asked.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (100, 4_096))
    with prepared():
        assert asked == [(512, 4_096)]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (40, 40))
    with pytest.raises(UserError, match=r"may open 40 files at once \(ulimit -n\)"), prepared():
        pass


@pytest.mark.parametrize("error", [Exception("The node timed out"), OSError(28, "No space left"), KeyError("x")])
def test_whatever_ray_raises_is_a_sentence(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(start_failed(error, "this machine")).startswith("Ray cannot be used at 'this machine': ")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (2**31, 2**31))
    assert "may reserve 2.0 GiB of memory (ulimit -v)" in str(start_failed(error, "this machine"))


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_ray_address_is_unset(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RAY_ADDRESS", value)
    assert given_address(None) is None
    assert given_address("10.0.0.1:1") == "10.0.0.1:1"


def test_auto_with_a_cluster_that_is_gone_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(cluster_address, "_running", list)
    with pytest.raises(UserError, match="none was started here"):
        check_address("auto")
    (tmp_path / "ray").mkdir()
    for content in ("127.0.0.1:9", "127.0.0.1:9\n", "nonsense", "h:p", "\udcff".encode("utf-8", "replace").decode()):
        (tmp_path / "ray" / "ray_current_cluster").write_text(content)
        with pytest.raises(UserError, match=r"no Ray cluster runs on this machine, the one at .* is gone"):
            check_address("auto")


def test_something_that_is_not_a_cluster_is_a_sentence(deaf_port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_address, "ANSWER_SECONDS", 1.0)
    assert check_address(deaf_port) == deaf_port
    with pytest.raises(UserError, match=r"No Ray cluster answers at .* within 1 s"):
        check_answers(deaf_port)


def test_a_signal_ends_a_sweep_that_waits_for_a_cluster(deaf_port: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, *SWEEP, "--address", deaf_port]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr is not None
        assert "starting Ray" in process.stderr.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (130, -signal.SIGTERM)
        assert "Traceback" not in process.stderr.read()


def test_a_cluster_that_runs_answers(ray_session: None) -> None:
    from tests.drivers import ray_address

    check_answers(check_address(ray_address()))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["long", "home", "address"])
def test_a_sweep_runs_all_the_same(tmp_path: Path, case: str) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    changes = {"long": {"TMPDIR": str(long)}, "home": {"HOME": "/proc/1/nowhere"}, "address": {"RAY_ADDRESS": ""}}[case]
    command = [sys.executable, "-c", CODE, *SWEEP]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment(**changes)
    )
    assert done.returncode == 0, done.stderr
    assert "1 finished" in done.stdout
