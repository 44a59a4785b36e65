"""The live table on a real terminal, as the command line sets it up."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

from rich.cells import cell_len

DRAWN = """
from tests.tunelab.display.test_display import record
from tunelab.display.live_table import LiveTable
from tunelab.system.terminal import make_streams_printable

make_streams_printable()
table = LiveTable()
table.begin(["a name with \\x1b[31m in it"], 3)
table.progress([record(n, "running" if n > 8 else "stopped_early") for n in range(12)])
table.note("sent; the sweep takes it with its next report")
table.close()
"""


def shown_on_terminal(program: str, **variables: str) -> str:
    """What a program writes to a terminal of 80 columns that is its standard error."""
    ours, theirs = pty.openpty()
    settings = {**os.environ, "COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color", **variables}
    process = subprocess.Popen([sys.executable, "-c", program], env=settings, stderr=theirs)
    os.close(theirs)
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


def test_rich_draws_the_live_table_and_a_name_does_not() -> None:
    shown = shown_on_terminal(DRAWN, TUNELAB_LANGUAGE="ko")
    assert "\x1b[2K" in shown  # lines are drawn again
    assert shown.count("\\x1b") == 1  # of the name
    assert "보냈습니다. 탐색이 다음 보고 때 받습니다" in shown
    assert "실행 중" in shown


def test_a_table_in_korean_fits_eighty_columns() -> None:
    shown = shown_on_terminal(DRAWN, TUNELAB_LANGUAGE="ko", NO_COLOR="1")
    lines = [line for line in shown.replace("\x1b", "\n\x1b").splitlines() if "─" in line or "실행 중" in line]
    assert lines
    assert max(map(cell_len, lines)) <= 80
