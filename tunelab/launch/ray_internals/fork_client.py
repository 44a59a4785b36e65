"""Asks a fork server for a worker, and starts one as Ray would when it gives none.

Run by Ray in a worker's place, as ``python -I -S fork_client.py SOCKET COMMAND ...``: a file of its own that imports
next to nothing, for it costs what a worker's start then costs.
"""

import json
import os
import resource
import socket
import sys

SETUP = "setup_worker.py"  # Ray's way into other environments, of which workers of a local Ray have none
LANGUAGE = "--language="  # an argument of ``SETUP`` alone
OWN_ENVIRONMENT = "--serialized-runtime-env-context="
OOM_SCORE_ADJ = "/proc/self/oom_score_adj"


def main(path: str, command: list[str]) -> None:
    """Ask the fork server at ``path`` for a worker; run ``command`` in this process when it cannot make one."""
    script = [word for word in command[1:] if not word.endswith(SETUP) and not word.startswith(LANGUAGE)]
    plain = script[0].endswith(".py") and not any(word.startswith(OWN_ENVIRONMENT) for word in command)
    if not (plain and asked(path, script)):
        os.execv(command[0], command)


def asked(path: str, script: list[str]) -> bool:
    """Return whether a fork server has made a worker that runs ``script``."""
    try:
        with open(OOM_SCORE_ADJ, encoding="ascii") as file:  # Ray has set it for this process
            oom_score_adj = file.read().strip()
        request = {
            "script": script,
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "oom_score_adj": oom_score_adj,
            "open_files": resource.getrlimit(resource.RLIMIT_NOFILE),
        }
        content = json.dumps(request).encode()
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(path)
            sent = socket.send_fds(server, [content], [0, 1, 2])
            server.sendall(content[sent:])
            server.shutdown(socket.SHUT_WR)
            return bool(server.recv(64))
    except OSError:
        return False


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
