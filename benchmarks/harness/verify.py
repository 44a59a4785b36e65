"""Runs a benchmark again from its lock and names what differs."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.lockfile import damaged_files, lock_command, read_lock
from benchmarks.harness.provenance import changed_origin, provenance
from benchmarks.harness.suite import Suite, differing_inputs
from search_spaces.errors import UserError, describe_error, unknown
from tunelab.system.trust import check_trusted

# The suite of each kind, as ``module:class``: it is loaded when a lock names it.
SUITES: dict[str, str] = {
    "generation": "benchmarks.generation.run:GenerationSuite",
    "search": "benchmarks.search.run:SearchSuite",
    "arena": "benchmarks.search.arena.run:ArenaSuite",
    "confirmation": "benchmarks.confirmation.run:ConfirmationSuite",
    "optimism": "benchmarks.optimism.run:OptimismSuite",
    "plan": "benchmarks.plan.run:PlanSuite",
    "tables": "benchmarks.tables.run:TablesSuite",
    "speed": "benchmarks.speed.run:SpeedSuite",
}


def verify(folder: Path, trusted: Sequence[str] = ()) -> list[str]:
    """Run a benchmark again from its lock.

    Args:
        folder: of the benchmark; it may be someone else's.
        trusted: files and places that the lock names and that are used although this user has not named them before.

    Returns:
        What differs, a line each: result files, inputs, numbers; then versions, commit and machine, as possible
        causes. Empty when everything is identical.

    Raises:
        UserError: the folder holds no complete benchmark, one that measures time, a damaged one, or one whose lock
            names what this user has not.
    """
    lock = read_lock(folder)
    if str(lock["kind"]) not in SUITES:
        raise unknown("kind of benchmark", str(lock["kind"]), SUITES)
    if lock.get("status") != "complete":
        raise UserError(
            f"The benchmark in '{folder}' is not complete. Run its command again first: {lock_command(lock)}"
        )
    suite_class = _suite_class(lock["kind"])
    try:
        check_trusted(suite_class.named(lock["resolved"]), trusted, f"The lock in '{folder}'")
        suite = suite_class.from_lock(lock)
        found = [
            *damaged_files(folder, lock),
            *differing_inputs(lock["resolved"], suite.resolved()),
            *suite.differences(folder, lock),
        ]
        return [*found, *changed_origin(lock["provenance"], provenance())] if found else []
    except (KeyError, TypeError, AttributeError) as error:  # a value that is missing, or of another type
        raise UserError(f"The lock in '{folder}' is damaged: {describe_error(error)}.") from error


def _suite_class(kind: str) -> type[Suite[Any]]:
    module, _, name = SUITES[kind].partition(":")
    found: type[Suite[Any]] = getattr(importlib.import_module(module), name)
    return found
