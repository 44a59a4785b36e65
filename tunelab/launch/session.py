"""Ray for the time of a sweep: started here, silent and small, or an existing cluster's."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from operator import attrgetter
from pathlib import Path
from typing import Any

import search_spaces
import trainables
from tunelab.launch.cluster_address import check_address, check_answers, given_address
from tunelab.launch.ray_internals.forks import ForkServer, fork_server, ray_runs, starts_ray
from tunelab.launch.ray_start import prepared, start_failed
from tunelab.system.scratch import mark_process
from tunelab.system.signals import hangup_ignored, put_off, unanswered

# Read by Ray when it is imported or started; a user's own settings win.
RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry
    "RAY_AIR_NEW_OUTPUT": "0",  # the new reporter prints boxes even when asked for silence
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # trials keep the user's working directory
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_idle_worker_killing_time_threshold_ms": "600000",  # else workers started ahead may end before actors are there
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # workers run in this environment, or in their node's own
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the journal and MLflow hold the curves
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # resuming is the journal's, so Tune's snapshots are not needed
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a failed trial is a row, not a traceback
    "TUNE_WARN_THRESHOLD_S": "600",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "600",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "600",
}
# What a raylet adds to the environment of its first job's workers, beside its process id.
WORKER_VARIABLES = {"RAY_JOB_ID": "01000000", "RAY_CLIENT_MODE": "0", "RAY_LD_PRELOAD_ON_WORKERS": "0"}
LOOPBACK = "127.0.0.1"
MAX_STARTED_WORKERS = 16  # at once, where each loads torch by itself
NO_PORT = -1
# What workers of a cluster run: this very code, whatever is installed there. Their torch and the rest is their own.
OUR_PACKAGES = [str(Path(package.__path__[0])) for package in (search_spaces, trainables)]
AGENTS = ("METRICS_AGENT", "METRICS_EXPORT", "DASHBOARD_AGENT_LISTEN", "RUNTIME_ENV_AGENT")  # whose ports Ray waits for


@contextmanager
def ray_running(
    address: str | None = None, workers: int | None = None, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[dict[str, float]]:
    """Ray for the time of the block, silent and without dashboard; yields the cluster's resources.

    A Ray that already runs in this process is used and left running; one started here is shut down and its session
    folder removed.

    Args:
        address: an existing cluster; this machine when None.
        workers: processes that a local Ray without a fork server starts at once; one a CPU when None.
        meanwhile: called before Ray starts, to begin what can go on beside that.

    Raises:
        UserError: no cluster answers at ``address``.
    """
    if ray_runs():
        meanwhile()
        yield import_ray().cluster_resources()
        return
    local = starts_ray(address)
    found = given_address(address)
    if found is not None:
        address = check_address(found)
        check_answers(address)
    with fork_server(address) as forks, prepared() if local else nullcontext() as folder:
        ray = import_ray()  # alone: the sooner Ray's processes start, the sooner workers load beside what follows
        meanwhile()
        _start(address, workers or os.cpu_count() or 1, forks if local else None, folder)
        try:
            if local:
                mark_process(_session())
            yield ray.cluster_resources()
        finally:
            _shut_down(local)


def _start(address: str | None, workers: int, forks: ForkServer | None, folder: str | None) -> None:
    """Connects to a cluster, or starts a local Ray with a fork server; shut down again when interrupted meanwhile.

    A connection holds the interpreter, so that no handler runs: signals have the system's own effect until it is there.

    Args:
        address: of the cluster.
        workers: see ``ray_running``.
        forks: for a local Ray.
        folder: for a local Ray's sessions; its own when None.
    """
    ray, local = import_ray(), forks is not None
    try:
        with put_off() if local else unanswered(), hangup_ignored(), our_handler(), ExitStack() as local_only:
            if forks is not None:
                local_only.enter_context(sparse_ray(workers, forks))
                local_only.enter_context(on_loopback())
            ray.init(
                address=address or ("local" if local else None),
                include_dashboard=False if local else None,
                _node_ip_address=LOOPBACK if local else None,
                runtime_env=None if local else {"py_modules": OUR_PACKAGES},
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                configure_logging=True,
                _temp_dir=folder,
            )
    except Exception as error:  # Ray raises anything, down to ``Exception`` itself
        with suppress(Exception):  # of a Ray that did not come up; what was raised first matters more
            _shut_down(local)
        raise start_failed(error, address or "this machine") from error
    except KeyboardInterrupt:  # it came while Ray started, and waited for that
        _shut_down(local)
        raise


def _session() -> Path:
    """The session folder of the running Ray."""
    return Path(import_ray()._private.worker._global_node.get_session_dir_path())


def _shut_down(local: bool) -> None:
    node = import_ray()._private.worker._global_node
    session = Path(node.get_session_dir_path()) if local and node is not None else None
    import_ray().shutdown()
    if session is not None:
        shutil.rmtree(session, ignore_errors=True)


def other_machines() -> list[str]:
    """Addresses of the nodes of the running Ray that are not on this machine, sorted."""
    ray = import_ray()
    own = ray.get_runtime_context().get_node_id()
    addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    return sorted(set(addresses.values()) - {addresses.get(own)})


@contextmanager
def on_loopback() -> Iterator[None]:
    """In this block a local Ray that is given 127.0.0.1 binds its ports there, where no other machine reaches them.

    By itself, Ray takes the machine's own instead, and then listens on all of them; it has no public
    switch. Where its private part is named otherwise, it listens as it always does, with its token authentication on.
    """
    from ray._private import services

    with _replaced(services, "get_node_ip_address", lambda *arguments, **options: LOOPBACK):
        yield


@contextmanager
def our_handler() -> Iterator[None]:
    """In this block Ray's Python part leaves the handler of SIGTERM as it is.

    Its own raises ``SystemExit`` wherever the signal comes, also where Python can only print an exception and go on:
    then the signal is lost. While Ray connects, its C++ part has a handler too, which nothing here can prevent: it
    holds the interpreter all that time.
    """
    with _replaced(import_ray()._private.utils, "set_sigterm_handler", lambda handler: None):
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """In this block an attribute has another value; nothing happens where there is no such attribute."""
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
    """In this block a local Ray starts what a sweep needs and no more.

    Left out are the autoscaler, the log monitor, the dashboard's server, and the agents for metrics and for runtime
    environments, of which actors have none: together some five seconds of CPU, two of them before the first worker
    starts. Workers are forks of a process that loads while this one goes on, or else start at once themselves. Ray's
    processes get a session of their own, where there is ``setsid``: a signal for this process's group, as `timeout` and
    batch systems send it, is the sweep's to answer, and without Ray it could not. Ray has no public switches for this:
    where its private parts look otherwise, it starts as it always does.

    Args:
        workers: how many start at once where there is no fork server; others follow when they are needed.
        forks: makes them.
    """
    from ray._private import services
    from ray._private.node import Node

    os.environ.setdefault(
        "RAY_preload_python_modules", "trainables.base.worker.trial_actor,trainables.base.worker.trial"
    )
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
    """A raylet's command line with a program that only waits in place of each agent, and so many workers.

    The raylet waits for files with the agents' ports: they say here, as agents of a minimal installation do, that
    nobody listens. ``cat`` ends with the pipe from the raylet, however that ends.
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


def missing_parts() -> dict[str, str]:
    """Of Ray's private parts that this file replaces, those that are not there, with what a sweep then does without."""
    exposed = "A local Ray listens on all of this machine's addresses, with its token authentication on."
    slow = "A local Ray takes some seconds longer to start; everything else is as it was."
    lost_signal = "A SIGTERM that comes while Ray starts may be lost."
    no_forks = "Each worker loads torch by itself: three seconds and 300 MB for each trial at once."
    slow_workers = "Sweeps start new workers instead of those that wait; everything else is as it was."
    parts = {
        ("ray._private.services", "get_node_ip_address"): exposed,
        ("ray._private.utils", "set_sigterm_handler"): lost_signal,
        ("ray.actor", "ActorClassID.from_random"): no_forks,
        ("ray", "ObjectRef.from_random"): no_forks,
        ("ray._private.services", "start_ray_process"): slow,
        ("ray._private.node", "Node.start_monitor"): slow,
        ("ray._private.node", "Node.start_log_monitor"): slow,
        ("ray._private.node", "Node.start_api_server"): slow,
        ("ray._raylet", "persist_port"): slow,
        **{("ray._raylet", f"{name}_PORT_NAME"): slow for name in AGENTS},
        ("ray.tune.execution.class_cache", "DEFAULT_ENV_VARS"): slow_workers,
        ("ray.tune.execution.class_cache", "ENV_VARS_TO_PROPAGATE"): slow_workers,
    }
    import_ray()
    return {f"{module}.{name}": lost for (module, name), lost in parts.items() if not _is_there(module, name)}


def _is_there(module: str, name: str) -> bool:
    try:
        attrgetter(name)(importlib.import_module(module))
    except (ImportError, AttributeError):
        return False
    return True


def import_ray() -> Any:
    """Ray with our settings and without its chatter; Tune is left for ``import_tune``: Ray starts without it."""
    for name, value in RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    ray = _quiet("ray")
    # The raylet's notes about dead workers would go to stdout, between the lines of --json; trials' records hold them.
    ray._private.worker.print_to_stdstream = lambda *arguments, **options: None
    return ray


def import_tune() -> Any:
    """Ray Tune, likewise."""
    import_ray()
    return _quiet("ray.tune")


def _quiet(module: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        imported = importlib.import_module(module)
    for name in ("ray", "ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return imported


def use_started_workers() -> None:
    """Lets actors run in the workers that a local Ray has started already.

    Tune gives its actors a runtime environment of some variables, and thereby new processes; workers of this machine
    have inherited these variables anyway.
    """
    from ray.tune.execution import class_cache

    if "RAY_preload_python_modules" in os.environ:
        class_cache.DEFAULT_ENV_VARS = {}
        class_cache.ENV_VARS_TO_PROPAGATE = set()
