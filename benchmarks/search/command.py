"""``tunelab bench search`` on bundled tasks: from the options to the lines that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.search.report import verdict
from benchmarks.search.run import REPORT, run
from benchmarks.search.spec import SearchSpec, check
from benchmarks.search.statistics import needed_repetitions
from search_spaces import UserError
from tunelab.cli.output.say import note
from tunelab.system.language import tr


def compare_by_training(options: Mapping[str, Any], folder: Path) -> list[str]:
    """Run the benchmark.

    Args:
        options: those that were given, by name.
        folder: for results.

    Returns:
        The outcome, in lines.

    Raises:
        UserError: an option is wrong.
    """
    values = dict(options)
    if "full_trials" in values:
        if len(values["full_trials"]) != 1:
            raise UserError("--full-trials takes one number without --tables.")
        values["full_trials"] = values["full_trials"][0]
    spec = SearchSpec.from_options(**values)
    check(spec)
    note(needed_repetitions(len(spec.methods), len(spec.tasks), spec.seeds))
    results = run(spec, folder, note)
    return [verdict(results.ranking), tr("Report: {path}", path=folder / REPORT)]
