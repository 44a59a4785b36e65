"""Pictures of a winner: PNG files and one interactive page. A figure that would be empty is not drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.figures.charts import Drawing
from tunelab.figures.kinds import kind_figures

if TYPE_CHECKING:  # they load pandas and scikit-learn, which drawing does without
    from tunelab.figures.evidence import Evidence
    from tunelab.records.assessment.importance import Importance

PAGE = "figures.html"


def drawings_of(evidence: Evidence, importance: Importance | None = None) -> list[Drawing]:
    """Return every drawing that the task's kind calls for and the data can fill."""
    from tunelab.figures.features import feature_drawings, importance_drawing

    found = [*model_drawings(evidence), importance_drawing(importance, evidence), *feature_drawings(evidence)]
    return [drawing for drawing in found if drawing is not None]


def model_drawings(evidence: Evidence) -> list[Drawing]:
    """Return those of how the model learned and what it says of the test split."""
    from tunelab.figures.curves import learning_curves

    found = [learning_curves(evidence.trial, evidence.facts)]
    if evidence.can_be_shown:
        found += kind_figures(evidence.facts.kind).drawings(evidence)
    return [drawing for drawing in found if drawing is not None]


def write_drawings(drawings: Sequence[Drawing], folder: Path, title: str = "", subtitle: str = "") -> str:
    """Write ``<name>.png`` for each drawing that has none yet, and with a title ``figures.html`` with all of them.

    Returns:
        What would make the figures better, one line; empty for nothing.
    """
    from tunelab.figures.rendering.fonts import advice
    from tunelab.figures.rendering.html import figures_page
    from tunelab.figures.rendering.png import png_bytes

    for drawing in drawings:
        path = folder / f"{drawing.name}.png"
        if not path.exists():
            path.write_bytes(png_bytes(drawing))
    if title:
        (folder / PAGE).write_text(figures_page(title, subtitle, drawings), encoding="utf-8", newline="\n")
    return advice(text for drawing in drawings for text in drawing.texts())
