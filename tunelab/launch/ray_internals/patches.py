"""What tunelab replaces in Ray while a local one starts, and in Tune before actors open; see ``parts`` for the switch.

Ray has no public switches for any of this. Where a private part has another name in a later version, it is left as it
is: Ray then starts as it always does.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from threading import current_thread
from typing import Any, TextIO

from tunelab.launch.ray_internals.forks import ForkServer
from tunelab.launch.ray_internals.parts import AGENTS, patches_on

LOOPBACK = "127.0.0.1"
RAY_THREADS = "ray_"  # the beginning of the names of Ray's threads in this process
MAX_STARTED_WORKERS = 16  # at once, where each loads torch by itself
NO_PORT = -1
# What a raylet adds to the environment of its first job's workers, beside its process id.
WORKER_VARIABLES = {"RAY_JOB_ID": "01000000", "RAY_CLIENT_MODE": "0", "RAY_LD_PRELOAD_ON_WORKERS": "0"}
PRELOADED = "trainables.base.worker.trial_actor,trainables.base.worker.trial"


@contextmanager
def patched_ray(workers: int, forks: ForkServer | None) -> Iterator[None]:
    """Replace private parts of Ray inside the block, in which Ray starts or connects; restore them on exit.

    Args:
        workers: How many start at once where there is no fork server; others follow when they are needed.
        forks: Makes the workers of a local Ray; None for a cluster's.
    """
    if not patches_on():
        yield
        return
    with ExitStack() as patches:
        patches.enter_context(our_handler())
        if forks is not None:
            patches.enter_context(sparse_ray(workers, forks))
            patches.enter_context(on_loopback())
        yield


@contextmanager
def raylet_silenced() -> Iterator[None]:
    """Keep the raylet's notes about dead workers off stdout inside the block, where ``--json`` writes.

    Trials' records hold them. Without the patch they are written to stderr.
    """
    if patches_on():
        with _replaced(importlib.import_module("ray._private.worker"), "print_to_stdstream", _print_nothing):
            yield
    else:
        with redirect_stdout(RayApart(sys.stdout)):
            yield


def _print_nothing(*arguments: Any, **options: Any) -> None:
    return


class RayApart:
    """Standard output, but for what threads of Ray's write: that goes to stderr.

    Args:
        stdout: The real one.
    """

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def write(self, text: str) -> int:
        """Write a text to the stream of the current thread."""
        stream = sys.stderr if current_thread().name.startswith(RAY_THREADS) else self._stdout
        return stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stdout, name)


def use_started_workers() -> None:
    """Let actors run in the workers that a local Ray has started already.

    Tune gives its actors a runtime environment of some variables, and thereby new processes; workers of this machine
    have inherited these variables anyway.
    """
    from ray.tune.execution import class_cache

    if patches_on() and "RAY_preload_python_modules" in os.environ:
        class_cache.DEFAULT_ENV_VARS = {}
        class_cache.ENV_VARS_TO_PROPAGATE = set()


@contextmanager
def on_loopback() -> Iterator[None]:
    """Let a local Ray bind its ports to 127.0.0.1 inside the block, where no other machine reaches them.

    Ray itself replaces this address by the machine's own, and then listens on all of them.
    """
    with ExitStack() as replaced:
        for module in ("ray._private.services", "ray.util"):
            replaced.enter_context(_replaced(importlib.import_module(module), "get_node_ip_address", _loopback))
        yield


def _loopback(*arguments: Any, **options: Any) -> str:
    return LOOPBACK


@contextmanager
def our_handler() -> Iterator[None]:
    """Keep our handler of SIGTERM inside the block.

    Ray's own raises ``SystemExit`` wherever the signal comes, also where Python can only print an exception:
    then the signal is lost. While Ray connects, its C++ part has a handler too, which nothing here can prevent: it
    holds the interpreter all that time.
    """
    with _replaced(importlib.import_module("ray._private.utils"), "set_sigterm_handler", lambda handler: None):
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give an attribute another value inside the block; do nothing where there is no such attribute."""
    if not hasattr(owner, name):
        yield
        return
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def sparse_ray(workers: int, forks: ForkServer) -> Iterator[None]:
    """Let a local Ray start only what a sweep needs, inside the block.

    Left out are the autoscaler, the log monitor, the dashboard's server, and the agents for metrics and for runtime
    environments, of which actors have none: together some five seconds of CPU, two of them before the first worker
    starts. Workers are forks of a process that loads while this one continues, or else start at once themselves. Ray's
    processes get a session of their own, where there is ``setsid``: a signal for this process's group, as `timeout` and
    batch systems send it, is the sweep's to answer, and without Ray it could not.

    Args:
        workers: How many start at once where there is no fork server; others follow when they are needed.
        forks: Makes them.
    """
    from ray._private import services
    from ray._private.node import Node

    os.environ.setdefault("RAY_preload_python_modules", PRELOADED)
    start_process = getattr(services, "start_ray_process", None)
    setsid = shutil.which("setsid")

    def start(command: Sequence[str], kind: str, *arguments: Any, **options: Any) -> Any:
        if kind == "raylet":
            # a fork starts at once when it is needed, and Ray would have this process wait for workers started before
            command = forks.in_raylet(_without_agents(command, 0 if forks.path else min(workers, MAX_STARTED_WORKERS)))
        command = [setsid, *command] if setsid else command  # which becomes the process: Ray ends it as its own
        started = start_process(command, kind, *arguments, **options)  # type: ignore[misc]
        if kind == "raylet":
            forks.expect_workers({**os.environ, **WORKER_VARIABLES, "RAY_RAYLET_PID": str(started.process.pid)})
        return started

    with ExitStack() as replaced:
        for name in ("start_monitor", "start_log_monitor", "start_api_server"):
            replaced.enter_context(_replaced(Node, name, _leave_out))
        replaced.enter_context(_replaced(services, "start_ray_process", start))
        yield


def _leave_out(node: Any, **options: Any) -> None:
    node._webui_url = ""


def _without_agents(command: Sequence[str], workers: int) -> list[str]:
    """Return a raylet's command line with a program that only waits in place of each agent, and this many workers.

    The raylet waits for files with the agents' ports: they say here, as agents of a minimal installation do, that
    none listens. ``cat`` ends with the pipe from the raylet, however that ends.
    """
    _raylet: Any = importlib.import_module("ray._raylet")
    given = dict(word.removeprefix("--").split("=", 1) for word in command if word.startswith("--") and "=" in word)
    ports = [getattr(_raylet, f"{name}_PORT_NAME", None) for name in AGENTS]
    agents = {"dashboard_agent_command", "runtime_env_agent_command"}
    persist_port: Any = getattr(_raylet, "persist_port", None)
    known = None not in (persist_port, *ports) and {"session_dir", "node_id", *agents} <= set(given)
    if not known or "RAY_RUNTIME_ENV_HOOK" in os.environ:  # with that, a user gives workers an environment of their own
        return list(command)
    for port in ports:
        persist_port(given["session_dir"], given["node_id"], port, NO_PORT)
    replaced = {f"--{name}": "cat" for name in agents} | {"--num_prestart_python_workers": str(workers)}
    words = [(word, word.partition("=")[0]) for word in command]
    return [f"{name}={replaced[name]}" if name in replaced else word for word, name in words]
