"""``tunelab check-task``: what a task gets wrong, before a sweep relies on it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from tunelab.cli.json_output import print_json

PASSED, FAULTY = "✓", "✗"


def command(
    task: Annotated[str, typer.Argument(help="A Python file that defines a task, or a task's name.")],
    data: Annotated[str | None, typer.Option(help="table, mnist, kogpt2: the user's data.")] = None,
    target: Annotated[str | None, typer.Option(help="table: the column to predict.")] = None,
    space: Annotated[str | None, typer.Option(help="A search space by name or Python file.")] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Also train in a bare ray.tune.Tuner.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run the conformance suite on a task; exit code 1 when it gets something wrong."""
    from trainables import get_task, shipped_tasks

    given = {"data": data, "target": target}
    subject = get_task(task, **{name: value for name, value in given.items() if value is not None})
    from trainables.base.contract.conformance import check_task

    results = []
    for result in check_task(subject, shipped_tasks(), space=space, ray=ray):
        results.append(result)
        if not as_json:
            mark = PASSED if result.passed else FAULTY
            fault = "" if result.fault is None else f"\n    {result.fault}"
            sys.stdout.write(f"{mark} {result.name}  ({result.seconds:.1f} s){fault}\n")
            sys.stdout.flush()
    faults = sum(not result.passed for result in results)
    if as_json:
        print_json([asdict(r) for r in results], indent=2)
    else:
        verdict = f"{faults} of {len(results)} checks failed" if faults else f"all {len(results)} checks passed"
        sys.stdout.write(f"{task}: {verdict}\n")
    raise SystemExit(1 if faults else 0)
