"""What is drawn of a model's predictions, one object a kind of target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunelab.figures.charts import Drawing

if TYPE_CHECKING:
    from tunelab.figures.evidence import Evidence


class KindFigures:
    """Figures of predictions of the test split; none for kinds whose models give no outputs for rows."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        """Return the drawings that the data can fill."""
        return []


class RegressionFigures(KindFigures):
    """Predicted against actual, residuals."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        from tunelab.figures.regression import regression_drawings

        return regression_drawings(evidence)


class ClassificationFigures(KindFigures):
    """ROC and precision-recall curves, confusion matrix, scores by class, reliability."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        from tunelab.figures.classification import classification_drawings  # loads scikit-learn

        return classification_drawings(evidence)


class ImageFigures(ClassificationFigures):
    """The figures of a classification, samples, and images that the model gets wrong."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        from tunelab.figures.images import image_drawings

        return [*super().drawings(evidence), *image_drawings(evidence)]


KINDS: dict[str, KindFigures] = {
    "regression": RegressionFigures(),
    "binary": ClassificationFigures(),
    "multiclass": ClassificationFigures(),
    "images": ImageFigures(),
}
NONE = KindFigures()


def kind_figures(kind: str) -> KindFigures:
    """Return the figures of a kind, see ``TaskFacts.kind``."""
    return KINDS.get(kind, NONE)
