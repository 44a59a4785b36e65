"""``tunelab ui``: the MLflow UI on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tunelab.tracking.open import open_store


def command(
    tracking_uri: Annotated[str | None, typer.Option(help="The store to show.")] = None,
    host: Annotated[str, typer.Option(help="Address to bind; any but this one opens it to others.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to bind.")] = 5000,
) -> None:
    """Open the MLflow UI for the results; Ctrl-C ends it."""
    store = open_store(tracking_uri)
    from tunelab.tracking.ui_views import SWEEPS_VIEW, TRIALS_VIEW, view_link

    if store.uri.startswith("http"):
        sys.stderr.write(f"The store is a server: open {store.shown_uri}\n")
        return
    # one worker and no job runner: a quarter of the memory and half of the start-up of MLflow's default
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # MLflow calls its server by name
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path}
    settings["MLFLOW_BACKEND_STORE_URI"] = store.uri  # a command line can be seen by all of the machine's users
    arguments = ["server", "--host", host, "--port", str(port), "--workers", "1"]
    sys.stderr.write(f"MLflow UI: http://{host}:{port}  (Ctrl-C ends it)\n")
    newest = next(iter(store.sweeps()), None)
    if newest is not None:
        task = newest.data.tags["tunelab.task"]
        for what, view in (("sweeps", SWEEPS_VIEW), ("trials", TRIALS_VIEW)):
            link = view_link(f"http://{host}:{port}", newest.info.experiment_id, view)
            sys.stderr.write(f"The {what} on {task}: {link}\n")
    line = [sys.executable, "-m", "mlflow", *arguments, "--artifacts-destination", store.artifact_root()]
    sys.stderr.flush()
    os.execve(sys.executable, line, {**os.environ, **settings})  # signals reach the server itself
