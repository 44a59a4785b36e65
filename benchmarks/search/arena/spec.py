"""What a benchmark on recorded learning curves compares: validated once, before anything is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.spec import SuiteSpec
from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.methods import make_searcher
from benchmarks.search.arena.tables import pick_tasks, read_tables
from search_spaces import UserError

METHODS = (
    *("curves+asha@3", "tpe+asha@3", "tpe+asha", "random+asha@3", "random+asha", "random+none"),
    *("tpe+SuccessiveHalvingPruner", "tpe+HyperbandPruner", "OptunaSearch+ASHAScheduler"),
)
FULL_TRAININGS = (5, 10, 20)
WORKERS = (1, 8, 32)
REPETITIONS = 30


@dataclass(frozen=True)
class ArenaSpec(SuiteSpec):
    """A benchmark on recorded learning curves.

    Attributes:
        tables: folder of the curves.
        tasks: names such as ``lcbench/3945``; all in the folder when empty.
        methods: names such as ``tpe+asha``.
        workers: numbers of trials at once; a search for each.
        repetitions: searches of each method, task and number of workers.
        full_trainings: budgets at which regret is compared: the epochs of this many trials at full length.
        seed: from which the repetitions' seeds are derived.
    """

    tables: str
    tasks: tuple[str, ...] = ()
    methods: tuple[str, ...] = METHODS
    workers: tuple[int, ...] = WORKERS
    repetitions: int = REPETITIONS
    full_trainings: tuple[int, ...] = FULL_TRAININGS
    seed: int = 0


def check_arena(spec: ArenaSpec) -> list[CurveTask]:
    """Return the tasks of a spec, once every method has made a few decisions on the first.

    Raises:
        UserError: tables that cannot be read, an unknown task or method, one that cannot be made here, fewer than two
            methods, or a number below its least.
    """
    if len(set(spec.methods)) < 2 or len(set(spec.methods)) < len(spec.methods):
        raise UserError(f"--methods takes two or more different methods, got {', '.join(spec.methods)}.")
    for option, values, least in (
        ("seeds", (spec.repetitions,), 1),
        ("workers", spec.workers, 1),
        ("full-trials", spec.full_trainings, 1),
    ):
        if not values or min(values) < least:
            raise UserError(f"--{option} must be {least} or more, got {', '.join(map(str, values)) or 'none'}.")
    tasks = pick_tasks(read_tables(Path(spec.tables)), spec.tasks)
    for method in spec.methods:
        make_searcher(method, tasks[0], 0).next_trial()
    return tasks
