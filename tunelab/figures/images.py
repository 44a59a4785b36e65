"""Sheets of images: what the training split holds, and where the model was most confidently wrong."""

from __future__ import annotations

import numpy as np

from tunelab.figures.charts import Chart, Drawing, Images
from tunelab.figures.evidence import Evidence
from tunelab.system.language import tr

EACH, ROWS = 10, 20  # samples of a class, and classes
WRONG = 20


def image_drawings(evidence: Evidence) -> list[Drawing]:
    """Return a sample sheet and the most confidently wrong images; the second is left out when nothing was wrong."""
    drawings = [sample_sheet(evidence), confidently_wrong(evidence)]
    return [drawing for drawing in drawings if drawing is not None]


def sample_sheet(evidence: Evidence) -> Drawing:
    """Return the first training images of each class, a row each."""
    images, targets = np.asarray(evidence.train.inputs), np.asarray(evidence.train.targets)
    rows = [np.flatnonzero(targets == value)[:EACH] for value in evidence.model_facts["classes"][:ROWS]]
    shown = np.concatenate([part for part in rows if len(part) == EACH] or rows)
    sheet = Images(_on_white(images[shown]), [""] * len(shown), EACH)
    title = tr("Samples of the training split ({count:,} images)", count=len(targets))
    return Drawing("samples", title, [Chart([sheet])], 1, "", "large")


def confidently_wrong(evidence: Evidence) -> Drawing | None:
    """Return test images that the model got wrong, those it was surest of first."""
    truth, shares, classes = evidence.truth(), evidence.class_probabilities(), evidence.classes
    predicted = shares.argmax(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    if not len(wrong):
        return None
    worst = wrong[np.argsort(-shares[wrong, predicted[wrong]], kind="stable")][:WRONG]
    captions = [
        f"{classes[predicted[i]]}: {shares[i, predicted[i]]:.1%}\n"
        f"{tr('true')} {classes[truth[i]]}: {shares[i, truth[i]]:.1%}"
        for i in worst
    ]
    sheet = Images(_on_white(np.asarray(evidence.test.inputs)[worst]), captions, 5)
    note = tr(
        "{shown} of {wrong:,} wrong among {count:,} test images; predicted class and true class.",
        shown=len(worst),
        wrong=len(wrong),
        count=len(truth),
    )
    title = tr("Most confidently wrong, test split")
    return Drawing("confidently_wrong", title, [Chart([sheet])], 1, note, "large")


def _on_white(images: np.ndarray) -> np.ndarray:
    """Return digits (n, height, width), light ink on black, as dark ink on white; colour pictures as they are."""
    return 255 - images if images.ndim == 3 else images
