"""``tunelab doctor``: is this machine ready for a sweep?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from tunelab.cli.output.json_output import print_json
from tunelab.cli.output.say import print_marked, say
from tunelab.system.language import tr_term
from tunelab.system.texts import tr_text
from tunelab.tracking.open import wanted_uri

STYLES = {"ok": "green4", "!!": "color(130)"}  # which can be read on white and on black


def command(
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="The store to look at.")] = None,
    address: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="An existing Ray cluster.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what the platform sees: versions, CPUs, memory, GPUs, disks, data, store, Ray; and what is wrong."""
    from tunelab.doctor import examine

    findings = []
    for finding in examine(wanted_uri(tracking_uri), address):
        findings.append(finding)
        if not as_json:
            sign = "!!" if finding.problem else "ok"
            print_marked(sign, f"{tr_text(tr_term(finding.name))}: {tr_text(finding.value)}", STYLES[sign])
            if finding.problem:
                say(f"    {finding.problem}")
    problems = sum(bool(finding.problem) for finding in findings)
    if as_json:
        print_json([asdict(finding) for finding in findings], indent=2)
    else:
        say(f"Problems: {problems}." if problems else "All is well.")
    raise SystemExit(1 if problems else 0)
