"""Finds the tables of learning curves in a folder."""

from __future__ import annotations

from pathlib import Path

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.lcbench import has_lcbench, read_lcbench
from benchmarks.search.arena.taskset import has_taskset, read_taskset
from search_spaces import UserError, unknown

LCBENCH = ("lcbench", "yahpo_data/lcbench")  # folders below --tables
TASKSET = ("taskset", "DyHPO/data/taskset")
FETCH = (  # both Apache-2.0
    "git clone --depth 1 https://github.com/slds-lmu/yahpo_data {folder}/yahpo_data",
    "git clone --depth 1 https://github.com/releaunifreiburg/DyHPO {folder}/DyHPO",
)


def read_tables(folder: Path) -> dict[str, CurveTask]:
    """Return every task below a folder by name: LCBench's, then TaskSet's.

    Raises:
        UserError: the folder holds neither, or a file that cannot be read.
    """
    tasks: dict[str, CurveTask] = {}
    for place in LCBENCH:
        if has_lcbench(folder / place):
            tasks |= read_lcbench(folder / place)
    for place in TASKSET:
        if has_taskset(folder / place):
            tasks |= read_taskset(folder / place)
    if not tasks:
        first, second = (command.format(folder=folder) for command in FETCH)
        raise UserError(
            f"--tables '{folder}' holds no learning curves. Fetch them with two commands: `{first}` and `{second}`."
        )
    return tasks


def pick_tasks(tasks: dict[str, CurveTask], names: tuple[str, ...]) -> list[CurveTask]:
    """Return the named tasks, or all of them without names.

    Raises:
        UserError: a name is unknown.
    """
    for name in names:
        if name not in tasks:
            raise unknown("task", name, tasks)
    return [tasks[name] for name in names or tasks]
