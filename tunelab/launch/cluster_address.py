"""Which Ray cluster a sweep uses, and whether it answers: Ray itself would try for minutes, deaf to signals."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from search_spaces import UserError
from tunelab.launch.own_ray import sessions_folder
from tunelab.system.machine import command_lines
from tunelab.system.redaction import without_secrets

AUTO = "auto"
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 6.0  # to load Ray and hear from the cluster's control process
# In a process of its own: the call holds the interpreter, and tries for minutes where nothing answers.
# One that asks for a token has answered.
PROBE = """
import sys, ray
try:
    ray._raylet.GcsClient(address=sys.argv[1])
except ray.exceptions.AuthenticationError:
    pass
"""
GCS = "--gcs-address="  # of a raylet's command line
LOOPBACK = "=127."


def given_address(address: str | None) -> str | None:
    """Return the address of the cluster that a user names, by option or ``RAY_ADDRESS``; an empty one names none."""
    return address or os.environ.get("RAY_ADDRESS", "").strip() or None


def check_address(address: str) -> str:
    """Return the address of a cluster of which something listens.

    Args:
        address: ``host:port``, or ``auto`` for the cluster of this machine.

    Raises:
        UserError: it is not an address, there is no cluster on this machine, or nothing listens there.
    """
    if address == "local":
        return address
    if address == AUTO:
        return _cluster_of_machine()
    shown = without_secrets(address)
    if address.startswith("ray://"):
        raise UserError(f"--address '{shown}': give the cluster's own address, host:6379, not one of Ray Client.")
    host, _, port = address.rpartition(":")
    if not port.isdigit() or not host:
        raise UserError(f"--address '{shown}' must be host:port, e.g. 10.0.0.5:6379, or auto.")
    problem = _refusal(address)
    if problem:
        raise UserError(f"No Ray cluster answers at '{shown}': {problem}.")
    return address


def check_answers(address: str) -> None:
    """Raise ``UserError`` when what listens at ``host:port`` does not speak as a Ray cluster does, in some seconds."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE, address], capture_output=True, timeout=ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"No Ray cluster answers at '{address}' within {ANSWER_SECONDS:g} s: what listens there is another "
            "program, or a cluster that hangs. Check it with `ray status`, or leave --address and RAY_ADDRESS out."
        ) from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it refused the connection"]
        raise UserError(f"No Ray cluster can be used at '{address}': {lines[-1][:300].rstrip('.')}.")


def _cluster_of_machine() -> str:
    """Return the cluster whose control process runs here, that of the last ``ray start`` first."""
    found = [address for address in (_last_started(), *_running()) if address]
    answering = next((address for address in found if not _refusal(address)), None)
    if answering is not None:
        return answering
    gone = f"the one at '{found[0]}' is gone" if found else "none was started here"
    raise UserError(
        f"--address auto: no Ray cluster runs on this machine, {gone}. Start one with `ray start --head`, give "
        "host:port, or leave --address and RAY_ADDRESS out for a Ray of the sweep's own."
    )


def _last_started() -> str:
    with suppress(OSError):
        return (sessions_folder() / "ray_current_cluster").read_text(encoding="utf-8", errors="replace").strip()
    return ""


def _running() -> list[str]:
    """Return addresses in the command lines of raylets; a sweep's own Ray, on loopback, is for that sweep alone."""
    found = []
    for words in command_lines():
        if words and Path(words[0]).name == "raylet":
            found += [word.removeprefix(GCS) for word in words if word.startswith(GCS) and LOOPBACK not in word]
    return list(dict.fromkeys(found))


def _refusal(address: str) -> str:
    """Why nothing can be reached at ``host:port``; empty when something listens."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError, ValueError) as error:
        return str(error)
    return ""
