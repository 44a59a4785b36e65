"""``tunelab doctor``: is this machine ready for a sweep?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from tunelab.cli.output.json_output import print_json
from tunelab.tracking.open import wanted_uri


def command(
    tracking_uri: Annotated[str | None, typer.Option(help="The store to look at.")] = None,
    address: Annotated[str | None, typer.Option(help="An existing Ray cluster.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what the platform sees: versions, CPUs, memory, GPUs, disks, data, store, Ray; and what is wrong."""
    from tunelab.doctor import examine

    findings = []
    for finding in examine(wanted_uri(tracking_uri), address):
        findings.append(finding)
        if not as_json:
            sign = "!!" if finding.problem else "ok"
            sys.stdout.write(f"{sign}  {finding.name}: {finding.value}\n")
            if finding.problem:
                sys.stdout.write(f"    {finding.problem}\n")
            sys.stdout.flush()
    problems = sum(bool(finding.problem) for finding in findings)
    if as_json:
        print_json([asdict(finding) for finding in findings], indent=2)
    else:
        sys.stdout.write(f"{problems} problems.\n" if problems else "All is well.\n")
    raise SystemExit(1 if problems else 0)
