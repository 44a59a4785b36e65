"""``tunelab ui``: the MLflow UI on this machine."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from search_spaces.errors import UserError
from tunelab.cli.output.say import note
from tunelab.system.errors import Failure
from tunelab.tracking.open import open_store

if TYPE_CHECKING:
    from tunelab.tracking.store import Store

CHATTER = re.compile(rb"INFO|^\s*$|\[MLflow\]|Registry store URI not provided")
# Runs a command, and ends all processes of its session when standard input closes: with tunelab, however that ends.
GUARD = """
import os, signal, subprocess, sys, threading

def end_with_parent():
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)

threading.Thread(target=end_with_parent, daemon=True).start()
sys.exit(subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL))
"""
START_SECONDS = 120.0
POLL_SECONDS = 0.2
MAX_EXPERIMENTS = 10  # whose links are printed
MAX_SWEEPS = 5


def command(
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="The store to show.")] = None,
    host: Annotated[str, typer.Option(help="Address to bind; any but this one opens it to others.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to bind.")] = 5000,
) -> None:
    """Open the MLflow UI for the results: links to the runs of each experiment and to the newest sweeps."""
    store = open_store(tracking_uri)
    if store.uri.startswith("http"):
        note(f"The store is a server: open {store.shown_uri}")
        note(*links(store, store.shown_uri))
        return
    check_port(host, port)
    # one worker and no job runner: a quarter of the memory and half of the start-up of MLflow's default
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # MLflow calls its server by name
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path}
    settings["PYTHONWARNINGS"] = "ignore"  # of its libraries, about each other
    settings["MLFLOW_BACKEND_STORE_URI"] = store.uri  # a command line can be seen by all of the machine's users
    arguments = ["server", "--host", host, "--port", str(port), "--workers", "1"]
    arguments += ["--uvicorn-opts", f"--app-dir {os.sep}"]  # for its modules, instead of the working directory
    settings["PYTHONSAFEPATH"] = "1"  # a mlflow.py of the working directory is not the package
    line = [sys.executable, "-m", "mlflow", *arguments, "--artifacts-destination", store.artifact_root()]
    note("Starting the MLflow UI ...")
    # In a session of its own: Ctrl-C, or a signal to the whole group, reaches this process, which ends the server.
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", GUARD, *line],
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    Thread(target=copy_warnings, args=(server,), daemon=True).start()
    base = f"http://{host}:{port}"
    try:
        wait_until_it_answers(server, f"{base}/health")
        note(f"MLflow UI: {base}  (Ctrl-C ends it)", *links(store, base))
        while (code := server.poll()) is None:  # a wait without end is not interrupted by every signal
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return
    finally:
        end(server)
    if code:
        raise Failure(f"The MLflow server ended with exit code {code}.")


def links(store: Store, base: str) -> Iterator[str]:
    """Yield a line with an address for each experiment that has sweeps, newest first, and for the newest sweeps."""
    from tunelab.tracking.ui_views import COMPARE_VIEW, SWEEPS_VIEW, TRIALS_VIEW, run_link, view_link

    runs = store.sweeps()
    experiments = dict.fromkeys((run.info.experiment_id, run.data.tags["tunelab.task"]) for run in runs)
    for number, task in list(experiments)[:MAX_EXPERIMENTS]:
        yield f"The sweeps on {task}: {view_link(base, number, SWEEPS_VIEW)}"
        yield f"The sweeps on {task}, compared: {view_link(base, number, COMPARE_VIEW)}"
        yield f"The trials on {task}: {view_link(base, number, TRIALS_VIEW)}"
    for run in runs[:MAX_SWEEPS]:
        yield f"Sweep {run.data.tags['tunelab.sweep']}: {run_link(base, run.info.experiment_id, run.info.run_id)}"


def check_port(host: str, port: int) -> None:
    """Raise ``UserError`` when another program listens there, with a port that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe, socket.socket(family) as free:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((host, port))
        except OverflowError:
            raise UserError(f"--port must be between 1 and 65535, got {port}.") from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UserError(f"--host {host} --port {port} cannot be used: {error.strerror}.") from error
            free.bind((host, 0))
            hint = f"Give another, e.g. --port {free.getsockname()[1]}."
            raise UserError(f"--port {port} is used by another program on {host}. {hint}") from None


def wait_until_it_answers(server: subprocess.Popen[bytes], url: str) -> None:
    """Return when the page answers; raise ``Failure`` when the server ends before, or does not answer in time."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise Failure("The MLflow server did not start. `tunelab doctor` looks at this machine.")


def copy_warnings(server: subprocess.Popen[bytes]) -> None:
    """Copy what the server says to stderr, but for its lines about starting and about each request."""
    for line in server.stdout or ():
        if not CHATTER.search(line):
            sys.stderr.write(line.decode(errors="replace"))


def end(server: subprocess.Popen[bytes]) -> None:
    """End the server and its worker, which are a process group."""
    if server.poll() is None:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
