"""A Jupyter kernel of a test's own, and what its cells show."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager

CELL_SECONDS = 180.0
CHANGING = ("display_data", "update_display_data")


@dataclass
class Shown:
    """What a cell has shown.

    Attributes:
        text: Its streams.
        result: The text of its value, and ``html`` that in HTML.
        pages: HTML of its displays, each state of a live one.
        error: Name and message of what it raised.
    """

    text: str = ""
    result: str = ""
    html: str = ""
    pages: list[str] = field(default_factory=list)
    error: str = ""

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """Adds one message of the kernel."""
        data = content.get("data", {})
        if kind == "stream":
            self.text += content["text"]
        elif kind == "execute_result":
            self.result, self.html = data.get("text/plain", ""), data.get("text/html", "")
        elif kind in CHANGING:
            self.pages.append(data.get("text/html", ""))
        elif kind == "error":
            self.error = f"{content['ename']}: {content['evalue']}"


class Kernel:
    """Runs cells.

    Args:
        manager: Of the started kernel.
    """

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=CELL_SECONDS)

    @property
    def pid(self) -> int:
        """Its process."""
        return int(self.manager.provisioner.pid)  # type: ignore[union-attr]

    def run(self, code: str, on_page: Callable[[str], object] = lambda page: None) -> Shown:
        """Runs a cell to its end.

        Args:
            code: Of the cell.
            on_page: Called with each HTML that the cell displays.
        """
        shown, asked = Shown(), self.client.execute(code)
        end = time.monotonic() + CELL_SECONDS
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return shown
            shown.take(kind, content)
            if kind in CHANGING:
                on_page(shown.pages[-1])
        raise TimeoutError(f"the cell did not end in {CELL_SECONDS:g} s: {code}")

    def restart(self, *, now: bool) -> None:
        """Starts another process in its place; ``now`` kills the old one."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=now)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=CELL_SECONDS)


@contextmanager
def started_kernel(folder: Path, environment: dict[str, str]) -> Iterator[Kernel]:
    """Runs a kernel of this Python in a folder for the time of the block."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env=environment)
    kernel = Kernel(manager)
    try:
        yield kernel
    finally:
        kernel.client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def descendants(pid: int) -> dict[int, str]:
    """The processes below one, with their command lines."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended in this moment
            continue
    found: dict[int, str] = {}
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found |= {child: command_line(child) for child in level}
    return found


def command_line(pid: int) -> str:
    """The command line of a process; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""
