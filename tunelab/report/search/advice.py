"""What to try in the next sweep."""

from __future__ import annotations

from collections.abc import Mapping

from tunelab.analysis.advice import advice
from tunelab.documents.blocks import Items, Section
from tunelab.records.result import SweepResult
from tunelab.system.language import tr


def advice_section(result: SweepResult, importance: Mapping[str, float]) -> Section | None:
    """Return what to do next; None where there is nothing to say."""
    lines = advice(result, importance)
    return Section(tr("Advice for the next sweep"), [Items(lines)]) if lines else None
