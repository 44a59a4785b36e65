"""``tunelab tasks``: what there is to learn."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from tunelab.cli.output.json_output import print_json
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the tasks: what they learn, from which data, with which budget."""
    from trainables import task_classes

    rows = [_row(name, cls) for name, cls in task_classes().items()]
    if as_json:
        print_json(rows, indent=2)
        return
    from tunelab.cli.output.tables import print_table

    print_table(
        [tr("task"), tr("kind"), tr("learns"), tr("score"), tr("trials x epochs"), tr("data")],
        [
            [
                r["name"],
                tr_term(r["kind"]),
                tr_text(r["title"]),
                f"{r['score']} {r['unit']}",
                f"{r['trials']} x {r['max_epochs']}",
                tr_text(r["source"]),
            ]
            for r in rows
        ],
    )


def _row(name: str, cls: type) -> dict[str, Any]:
    facts = getattr(cls, "facts", None)
    if facts is None:  # its facts come with the user's own data
        doc = (cls.__doc__ or "").partition("\n")[0]
        empty = dict.fromkeys(("kind", "source", "licence", "score", "unit", "trials", "max_epochs", "note"), "")
        return {**empty, "name": name, "title": doc, "kind": "inferred", "source": "your own"}
    return asdict(facts)
