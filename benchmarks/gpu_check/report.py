"""The results of a check as one Markdown table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.gpu_check.row import RowResult, Setting
from benchmarks.harness.provenance import provenance, provenance_facts
from tunelab.documents.blocks import Document, Section, Table
from tunelab.documents.markdown import to_markdown

COLUMNS = ("what", "figure", "status", "reason", "seconds")


def to_table(results: Sequence[RowResult], setting: Setting) -> str:
    """Return the page in Markdown: the table, and below it what the figures were made with."""
    cells = [(r.what, r.figure or None, str(r.status), r.reason or None, round(r.seconds, 1)) for r in results]
    counts = ", ".join(f"{n} {status}" for status, n in _counts(results).items())
    return to_markdown(
        Document(
            title=f"GPU check on {setting.device}",
            subtitle=f"{counts} in {sum(r.seconds for r in results):.0f} s.",
            sections=[Section("Rows", [Table(COLUMNS, cells)])],
            provenance=provenance_facts(provenance()),
        )
    )


def to_json(results: Sequence[RowResult], setting: Setting) -> str:
    """Return setting, provenance and all rows, with the numbers by name and the logs of failed rows."""
    content = {"setting": asdict(setting), "provenance": provenance(), "rows": [asdict(r) for r in results]}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _counts(results: Sequence[RowResult]) -> dict[str, int]:
    statuses = [str(r.status) for r in results]
    return {status: statuses.count(status) for status in sorted(set(statuses))}
