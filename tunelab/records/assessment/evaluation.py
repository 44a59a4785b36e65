"""An evaluation: what the winner uses and gets wrong on the test split."""

from __future__ import annotations

from dataclasses import dataclass

from tunelab.records.assessment.importance import Importance
from tunelab.records.assessment.pictures import GeneratorSamples, WrongPictures


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of one class, and its number of test rows."""

    name: str
    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Test rows whose predicted class has a similar probability.

    Attributes:
        confidence: Mean probability of the predicted class.
        accuracy: Fraction of the rows that the prediction is right on.
        rows: Number of rows.
    """

    confidence: float
    accuracy: float
    rows: int


@dataclass(frozen=True)
class ClassificationTables:
    """How a classifier does by class.

    Attributes:
        classes: One entry for each class, in the order of the model's outputs.
        calibration_error: The expected calibration error.
        confusion: Test rows by true class (outer) and predicted class (inner); empty with very many classes.
        reliability: Bins with rows, by rising confidence.
    """

    classes: tuple[ClassScores, ...]
    calibration_error: float
    confusion: tuple[tuple[int, ...], ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()


@dataclass(frozen=True)
class RegressionPoints:
    """Predictions of a regression on test rows, drawn at random where there are many.

    Attributes:
        target: What is predicted.
        actual: Targets in their unit.
        predicted: Predictions in the target's unit, in the same order.
        rows: Number of test rows that they were drawn from.
    """

    target: str
    actual: tuple[float, ...]
    predicted: tuple[float, ...]
    rows: int


@dataclass(frozen=True)
class ForecastLine:
    """Forecasts of one series over its test moments, each from the last of the origins that lie a horizon apart.

    Attributes:
        target: What is forecast.
        group: The series' name; empty for the only one.
        moments: Seconds since 1970 where they are dates, else numbers of the time column, rising.
        actual: Targets in their unit.
        predicted: Forecasts in the target's unit, in the same order.
        width: Half the width of the interval of each, in the target's unit.
        origins: Moments after which the forecasts of a horizon begin.
        begins: The first moment shown, as a file would hold it.
        coverage: Share of all test rows inside their intervals; None in results of earlier versions.
        time: The time column, with the offset from UTC where all moments have one; empty in results of earlier
            versions, whose moments and origins are steps since the first moment shown.
        dated: Whether moments are dates.
    """

    target: str
    group: str
    moments: tuple[float, ...]
    actual: tuple[float, ...]
    predicted: tuple[float, ...]
    width: tuple[float, ...]
    origins: tuple[float, ...]
    begins: str
    coverage: float | None = None
    time: str = ""
    dated: bool = False


@dataclass(frozen=True)
class ExplainedText:
    """What the words of a test text contribute to what the model says of it.

    Attributes:
        actual: The class, or the target in its unit.
        predicted: The same as predicted, with its probability for a class.
        words: Those that contribute most, for or against, in the text's order, each with its place.
        contributions: By how much the probability of the predicted class, or the predicted number, falls without each.
        count: Number of words of the text.
    """

    actual: str
    predicted: str
    words: tuple[str, ...]
    contributions: tuple[float, ...]
    count: int


@dataclass(frozen=True)
class Evaluation:
    """What was measured of the winner beside its scores.

    Attributes:
        importance: Permutation importance of the raw columns; None for inputs that are not a table.
        classification: Scores by class; None for a model that is not a classifier.
        notes: What was not measured, and why, a phrase each.
        regression: Predictions beside targets; None for a model that is not a regression.
        forecast: Forecasts over the test moments; None for a model that does not forecast series.
        texts: Some test texts with what their words contribute; none for a model that reads no texts.
        samples: What the winner draws; None for a model that is not a generator of pictures.
        wrong_pictures: Its surest mistakes; None for a model that reads no pictures, or makes no mistake.
    """

    importance: Importance | None = None
    classification: ClassificationTables | None = None
    notes: tuple[str, ...] = ()
    regression: RegressionPoints | None = None
    forecast: ForecastLine | None = None
    texts: tuple[ExplainedText, ...] = ()
    samples: GeneratorSamples | None = None
    wrong_pictures: WrongPictures | None = None
