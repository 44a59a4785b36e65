"""What is drawn of a model's predictions, one object a kind of target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tunelab.figures.charts import Drawing
from tunelab.records.assessment.evaluation import Evaluation

if TYPE_CHECKING:
    from tunelab.figures.evidence import Evidence


class KindFigures:
    """Figures of predictions of the test split; none for kinds whose models give no outputs for rows."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        """Return the drawings that the data can fill."""
        return []

    def measure(self, evidence: Evidence) -> Evaluation:
        """Return the numbers of the drawings that a report shows."""
        return Evaluation()

    def report_drawings(self, evaluation: Evaluation, unit: str) -> list[Drawing]:
        """Return the drawings that a report makes of what ``measure`` gave, in the target's unit."""
        return []


class RegressionFigures(KindFigures):
    """Forecasts of a series; predicted against actual, residuals."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        return self.report_drawings(self.measure(evidence), evidence.unit)

    def measure(self, evidence: Evidence) -> Evaluation:
        from tunelab.figures.forecasts import forecast_line
        from tunelab.figures.regression import regression_points
        from tunelab.figures.words import explained_texts

        return Evaluation(
            regression=regression_points(evidence), forecast=forecast_line(evidence), texts=explained_texts(evidence)
        )

    def report_drawings(self, evaluation: Evaluation, unit: str) -> list[Drawing]:
        from tunelab.figures.forecasts import forecast_drawing
        from tunelab.figures.regression import regression_drawings
        from tunelab.figures.words import word_drawings

        line, points = evaluation.forecast, evaluation.regression
        found = [] if line is None else [forecast_drawing(line, unit)]
        found += [] if points is None else regression_drawings(points, unit)
        return [*found, *word_drawings(evaluation.texts)]


class ClassificationFigures(KindFigures):
    """ROC and precision-recall curves, confusion matrix, scores by class, reliability; what words contribute."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        from tunelab.figures.classification import classification_drawings  # loads scikit-learn
        from tunelab.figures.words import explained_texts, word_drawings

        return [*classification_drawings(evidence), *word_drawings(explained_texts(evidence))]

    def measure(self, evidence: Evidence) -> Evaluation:
        from tunelab.figures.classification import classification_tables
        from tunelab.figures.words import explained_texts

        return Evaluation(classification=classification_tables(evidence), texts=explained_texts(evidence))

    def report_drawings(self, evaluation: Evaluation, unit: str) -> list[Drawing]:
        from tunelab.figures.class_drawings import confusion, reliability
        from tunelab.figures.words import word_drawings

        tables = evaluation.classification
        found = [] if tables is None else [confusion(tables), reliability(tables)]
        return [*(drawing for drawing in found if drawing is not None), *word_drawings(evaluation.texts)]


class ImageFigures(ClassificationFigures):
    """The figures of a classification, samples, and images that the model gets wrong."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        from tunelab.figures.images import image_drawings

        return [*super().drawings(evidence), *image_drawings(evidence)]

    def measure(self, evidence: Evidence) -> Evaluation:
        from tunelab.figures.images import wrong_pictures

        return replace(super().measure(evidence), wrong_pictures=wrong_pictures(evidence))

    def report_drawings(self, evaluation: Evaluation, unit: str) -> list[Drawing]:
        from tunelab.figures.images import confidently_wrong

        wrong = evaluation.wrong_pictures
        return [*super().report_drawings(evaluation, unit), *([] if wrong is None else [confidently_wrong(wrong)])]


class GeneratorFigures(KindFigures):
    """Samples of the trained generator, and of each epoch on the way there."""

    def drawings(self, evidence: Evidence) -> list[Drawing]:
        return self.report_drawings(self.measure(evidence), evidence.unit)

    def measure(self, evidence: Evidence) -> Evaluation:
        from tunelab.figures.images import generator_samples

        return Evaluation(samples=generator_samples(evidence))

    def report_drawings(self, evaluation: Evaluation, unit: str) -> list[Drawing]:
        from tunelab.figures.images import generator_drawings

        return [] if evaluation.samples is None else generator_drawings(evaluation.samples)


KINDS: dict[str, KindFigures] = {
    "regression": RegressionFigures(),
    "binary": ClassificationFigures(),
    "multiclass": ClassificationFigures(),
    "images": ImageFigures(),
    "generator": GeneratorFigures(),
}
NONE = KindFigures()


def kind_figures(kind: str) -> KindFigures:
    """Return the figures of a kind, see ``TaskFacts.kind``."""
    return KINDS.get(kind, NONE)
