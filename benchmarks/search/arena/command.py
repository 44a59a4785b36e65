"""``tunelab bench search --tables FOLDER``: from the options to the lines that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.search.arena.report import arena_verdict
from benchmarks.search.arena.run import REPORT, run_arena
from benchmarks.search.arena.spec import ArenaSpec
from tunelab.cli.output.say import note
from tunelab.system.language import tr

FIELDS = {"seeds": "repetitions", "full_trials": "full_trainings"}  # of the spec, by option


def compare_on_curves(tables: Path, options: Mapping[str, Any], folder: Path) -> list[str]:
    """Run the benchmark.

    Args:
        tables: folder of the curves.
        options: those that were given, by name.
        folder: for results.

    Returns:
        The outcome, in lines.

    Raises:
        UserError: an option is wrong.
    """
    spec = ArenaSpec(str(tables), **{FIELDS.get(name, name): value for name, value in options.items()})
    results = run_arena(spec, folder, note)
    return [*arena_verdict(results), tr("Report: {path}", path=folder / REPORT)]
