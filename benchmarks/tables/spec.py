"""What a benchmark on tables runs: tables, systems, seeds and time, read from a folder's ``tables.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.tables.systems import SYSTEMS, missing_system
from search_spaces.errors import UserError, unknown
from trainables import get_task
from trainables.base.tables.tabular import TabularTask
from tunelab.records.spec import make_spec
from tunelab.records.yaml_file import read_yaml

FILE = "tables.yaml"
KEYS = ("tables", "systems", "seeds", "time_budget")


@dataclass(frozen=True)
class TableEntry:
    """One table: a task and its options, e.g. ``table`` with ``data`` and ``target``."""

    name: str
    task: str
    options: Mapping[str, Any]

    def load(self) -> TabularTask:
        """Return the task; raise ``UserError`` when it does not exist or is not a table."""
        task = get_task(self.task, **self.options)
        if not isinstance(task, TabularTask):
            raise UserError(f"'{self.name}': the task '{self.task}' is not a table.")
        return task


@dataclass(frozen=True)
class TablesSpec:
    """A benchmark.

    Attributes:
        tables: in order.
        systems: names, see ``systems.SYSTEMS``.
        seeds: of the systems; every system gets each of them on each table.
        time_budget: seconds of the search that a system may use for one table and seed.
    """

    tables: tuple[TableEntry, ...]
    systems: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    time_budget: float = 120.0

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TablesSpec:
        """Read what ``to_json`` gave."""
        tables = tuple(TableEntry(**entry) for entry in values["tables"])
        return cls(tables, tuple(values["systems"]), tuple(values["seeds"]), float(values["time_budget"]))


def read_tables(folder: Path) -> TablesSpec:
    """Read a folder's ``tables.yaml``.

    ``tables`` is a list of tables, each a file (``data`` and ``target``, the path relative to the folder) or a bundled
    task (``task``), with that task's options as further keys; ``systems``, ``seeds`` and ``time_budget`` have defaults.

    Raises:
        UserError: the file cannot be read, or something in it is not what it should be.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"'{path}' does not exist. Give a folder that holds {FILE}.")
    values = read_yaml(path, "The list of tables")
    if not isinstance(values, dict) or not isinstance(values.get("tables"), list) or not values["tables"]:
        raise UserError(f"'{path}' must have a list 'tables', e.g. - {{data: houses.csv, target: price}}.")
    for key in values:
        if key not in KEYS:
            raise unknown(f"key in '{path}'", str(key), KEYS)
    default = [name for name in SYSTEMS if missing_system(name) is None]
    seeds = values.get("seeds", [0, 1, 2])
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise UserError(f"'{path}': 'seeds' must be a list of whole numbers from 0, got {seeds!r}.")
    systems = values.get("systems", default)
    if not isinstance(systems, list):
        raise UserError(f"'{path}': 'systems' must be a list of {', '.join(SYSTEMS)}, got {systems!r}.")
    budget = make_spec({"task": "wine", "time_budget": values.get("time_budget", "2m")}).time_budget
    tables = tuple(_entry(entry, folder, path) for entry in values["tables"])
    spec = TablesSpec(tables, tuple(map(str, systems)), tuple(seeds), float(budget or 120.0))
    check(spec)
    return spec


def _entry(values: object, folder: Path, path: Path) -> TableEntry:
    if not isinstance(values, dict) or not ({"data", "task"} & values.keys()):
        raise UserError(f"'{path}': each table needs 'data' and 'target', or 'task'; got {values!r}.")
    options = {str(key): value for key, value in values.items() if key not in ("name", "task")}
    if "data" in options:
        options["data"] = str((folder / str(options["data"])).absolute())
    task = str(values.get("task", "table"))
    name = values.get("name") or (Path(options["data"]).name.partition(".")[0] if "data" in options else task)
    return TableEntry(str(name), task, options)


def check(spec: TablesSpec) -> None:
    """Raise ``UserError`` for a system or table that cannot be run, or for two tables of one name."""
    for system in spec.systems:
        if system not in SYSTEMS:
            raise unknown("system", system, SYSTEMS)
        missing = missing_system(system)
        if missing is not None:
            raise UserError(f"The system '{system}' needs the package '{missing}', which is not installed.")
    if len(set(spec.systems)) < 2:
        raise UserError(f"A comparison needs two systems or more, got {', '.join(spec.systems) or 'none'}.")
    names = [entry.name for entry in spec.tables]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(f"Two tables are called '{twice[0]}'. Give one of them another 'name'.")
    for entry in spec.tables:
        entry.load()
