"""Workers as forks: that they are, that they are workers like others, and what happens where they cannot be."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.drivers import wait_until
from tests.kernels import descendants
from tunelab.launch.ray_internals.forks import CLIENT, ForkServer, new_server
from tunelab.launch.ray_internals.parts import FORKS_SWITCH, PATCHES_SWITCH
from tunelab.launch.ray_internals.patches import PRELOADED
from tunelab.records.spec import SweepSpec
from tunelab.run import run_sweep

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of a process with torch are trusted on Linux")

WATCHED_TASK = """
import contextlib, json, os, signal, time
from pathlib import Path

import ray

from tests.toys import Toy

SEEN, MARK = Path({seen!r}), Path({mark!r})


class Watched(Toy):
    def fit(self, *arguments, **options):
        if ray._private.worker.global_worker.mode == ray.WORKER_MODE:  # not in the sweep's own process
            look()
        return super().fit(*arguments, **options)


def look():
    parent = Path(f"/proc/{{os.getppid()}}/cmdline").read_text()
    private = sum(
        int(line.split()[1])
        for line in Path("/proc/self/smaps_rollup").read_text().splitlines()
        if line.startswith("Private")
    )
    found = {{
        "pid": os.getpid(),
        "forked": "tunelab.launch.ray_internals.fork_server" in parent,
        "group": os.getpgid(0),
        "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_text()),
        "private_mb": private / 1024,
        "id": ray.ObjectRef.from_random().hex(),
    }}
    with SEEN.open("a") as file:
        file.write(json.dumps(found) + "\\n")  # at once: shorter than a buffer
    with contextlib.suppress(FileExistsError):
        MARK.touch(exist_ok=False)  # one worker does, once
        os.kill(os.getpid(), signal.SIGKILL)
    patience = time.monotonic() + 30
    while time.monotonic() < patience and len({{json.loads(line)["pid"] for line in SEEN.open()}}) < 3:
        time.sleep(0.05)  # so that the new worker finds trials, however long it takes to start
"""


@dataclass(frozen=True)
class Watched:
    """A fork server, and what it was like in the workers of a sweep that had it."""

    server: ForkServer
    workers: list[dict[str, Any]]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A sweep whose workers are forks. The variables of Ray that these had are set from then on: others get none."""
    folder = tmp_path_factory.mktemp("watched")
    seen, task = folder / "seen", folder / "watched.py"
    task.write_text(WATCHED_TASK.format(seen=str(seen), mark=str(folder / "mark")))
    spec = SweepSpec(
        task=str(task), trials=12, max_epochs=3, concurrency=2, scheduler="none", tracking_uri="off", confirm_top=0
    )
    variables: dict[str, str] = {}
    expect = ForkServer.expect_workers

    def noted(server: ForkServer, given: Mapping[str, str]) -> None:
        variables.update({name: value for name, value in given.items() if name.startswith("RAY_")})
        expect(server, given)

    with pytest.MonkeyPatch.context() as patch, new_server() as server:
        for switch in (FORKS_SWITCH, PATCHES_SWITCH):  # whatever the tests run with
            patch.setenv(switch, "1")
        patch.setenv("RAY_preload_python_modules", f"{PRELOADED},colorsys")  # one that nothing else loads
        patch.chdir(folder)
        patch.setattr("tunelab.launch.ray_internals.forks._running", server)
        patch.setattr(ForkServer, "expect_workers", noted)
        assert run_sweep(spec).error == ""
        for name, value in variables.items():
            patch.setenv(name, value)
        yield Watched(server, [json.loads(line) for line in seen.read_text().splitlines()])


@pytest.fixture
def forks(watched: Watched) -> ForkServer:
    return watched.server


def test_workers_are_forks_also_after_one_was_lost_and_differ_where_processes_must(watched: Watched) -> None:
    found = watched.workers
    by_worker = {worker["pid"]: worker for worker in found}
    assert len(found) == 13, "12 trials and the lost one"
    assert len(by_worker) == 3, "two, and one for the lost one"
    assert all(worker["forked"] for worker in found)
    assert all(worker["group"] == worker["pid"] for worker in found), "Ray ends the groups of its workers"
    assert {worker["oom_score_adj"] for worker in found} == {1000}, "as Ray sets it: workers go first, not the sweep"
    assert len({worker["id"] for worker in found}) == 13
    assert max(worker["private_mb"] for worker in found) < 150, "what is loaded is shared; 370 MB by itself"


def environment(**changes: str) -> dict[str, str]:
    root = str(Path(__file__).parents[3])
    return {**os.environ, "PYTHONPATH": root, **changes}


RAY_ITSELF = "Ray itself\n"
SCRIPT = """
import json, os, resource, sys
from pathlib import Path
parent = Path(f"/proc/{os.getppid()}/cmdline").read_text()
print(json.dumps({
    "forked": "tunelab.launch.ray_internals.fork_server" in parent,
    "name": __name__,
    "arguments": sys.argv[1:],
    "folder": os.getcwd(),
    "colour": os.environ.get("COLOUR"),
    "first": sys.path[0],
    "torch": "torch" in sys.modules,
    "preloaded": "colorsys" in sys.modules,
    "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
}))
"""


def worker(forks: ForkServer, script: Path, *arguments: str, **changes: str) -> str:
    """What is written where Ray would have started a script; returns when all that writes has ended."""
    setup = script.with_name("setup_worker.py")  # Ray's way to a worker of its own
    setup.write_text("print('Ray itself')")
    command = [sys.executable, "-I", "-S", str(CLIENT), forks.path, sys.executable, str(setup)]
    command += [str(script), *arguments, "--language=PYTHON"]
    done = subprocess.run(
        command, cwd=script.parent, capture_output=True, text=True, check=False, env=environment(**changes)
    )
    return done.stdout


def told(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def test_a_fork_runs_a_script_as_python_would(forks: ForkServer, script: Path) -> None:
    red, blue = worker(forks, script, "--a=1", "b", COLOUR="red"), worker(forks, script, COLOUR="blue")
    assert told(red) == {
        "forked": True,
        "name": "__main__",
        "arguments": ["--a=1", "b"],
        "folder": str(script.parent),
        "colour": "red",
        "first": str(script.parent),
        "torch": True,
        "preloaded": True,
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }
    assert told(blue)["colour"] == "blue"


def test_workers_with_an_environment_of_their_own_are_left_to_ray(forks: ForkServer, script: Path) -> None:
    assert worker(forks, script, "--serialized-runtime-env-context={}") == RAY_ITSELF


def test_a_fork_has_the_limit_of_open_files_that_ray_has_set(forks: ForkServer, script: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 100, hard))
    try:
        assert told(worker(forks, script))["open_files"] == soft - 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_variables_that_ray_has_not_seen_make_no_fork(forks: ForkServer, script: Path) -> None:
    assert told(worker(forks, script))["forked"]
    assert worker(forks, script, RAY_JOB_ID="02000000") == RAY_ITSELF


def ask_as(user: int, path: str, script: Path) -> str:
    """What a request of another user's ends with: an answer, nothing, or the name of an error."""
    given, result = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgid(user)
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as server:
                server.connect(path)
                request = {
                    "script": [str(script)],
                    "environment": dict(os.environ),
                    "folder": "/",
                    "open_files": [9, 9],
                }
                socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
                server.shutdown(socket.SHUT_WR)
                answer = server.recv(64).decode() or "nothing"
        except OSError as error:
            answer = type(error).__name__
        finally:
            os.write(result, answer.encode())
            os._exit(0)
    os.close(result)
    os.waitpid(pid, 0)
    with os.fdopen(given) as told:
        return told.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone becomes other users")
def test_other_users_of_the_machine_get_no_worker(forks: ForkServer, script: Path) -> None:
    """Neither through the folder nor, where somebody has opened that, through the socket."""
    folder = Path(forks.path).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Path(forks.path).stat().st_mode & 0o777 == 0o600
    nobody = 65_534
    assert ask_as(nobody, forks.path, script) == "PermissionError"
    folder.chmod(0o755)
    assert ask_as(nobody, forks.path, script) == "PermissionError"
    Path(forks.path).chmod(0o666)
    try:
        assert ask_as(nobody, forks.path, script) in ("nothing", "ConnectionResetError", "BrokenPipeError")
        assert ask_as(1_000, forks.path, script) in ("nothing", "ConnectionResetError", "BrokenPipeError")
        assert told(worker(forks, script))["forked"]
    finally:
        Path(forks.path).chmod(0o600)
        folder.chmod(0o700)


def test_without_a_server_workers_start_by_themselves(script: Path, tmp_path: Path) -> None:
    assert worker(ForkServer(str(tmp_path / "missing")), script) == RAY_ITSELF


DRAWN = """
import ray
from tunelab.launch.ray_internals import fork_server

print(fork_server._draw_differently())
ray.remote(type("Actor", (), {}))  # what the server keeps from drawing while it loads
print(fork_server._draw_differently())
"""


def test_copies_draw_different_ids_and_it_is_noticed_when_they_would_not(forks: ForkServer, tmp_path: Path) -> None:
    """Workers that drew the same ids put different objects into Ray's store under one id, and one of them died."""
    drawn = tmp_path / "drawn.py"
    drawn.write_text(DRAWN)
    assert worker(forks, drawn).split() == ["True", "False"]


def test_after_a_copy_has_crashed_there_are_no_more(forks: ForkServer, script: Path, tmp_path: Path) -> None:
    """The last worker of the module's server, which forks none from here on."""
    killed, crashing = tmp_path / "killed.py", tmp_path / "crashing.py"
    killed.write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    crashing.write_text("import os; os.abort()")
    worker(forks, killed)
    assert told(worker(forks, script))["forked"], "Ray kills workers: that says nothing of forks"
    worker(forks, crashing)
    assert worker(forks, script) == RAY_ITSELF


def test_the_server_ends_with_its_pipe(forks: ForkServer) -> None:
    """The end of the module's server."""
    (server,) = [pid for pid, line in descendants(os.getpid()).items() if "ray_internals.fork_server" in line]
    assert forks.pipe is not None
    forks.pipe.close()
    looking = os.WEXITED | os.WNOWAIT | os.WNOHANG  # its own block collects it
    assert wait_until(lambda: os.waitid(os.P_PID, server, looking) is not None, seconds=60)
    ended = os.waitid(os.P_PID, server, looking)
    assert ended is not None
    assert (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0)
