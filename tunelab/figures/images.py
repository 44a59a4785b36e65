"""Sheets of images: what the training split holds, and where the model was most confidently wrong."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from trainables.base.images.occlusion import covering_effects
from trainables.base.kinds.percent import as_percent
from tunelab.figures.charts import Chart, Drawing, Images
from tunelab.figures.evidence import Evidence
from tunelab.figures.packing import pack_pictures, unpack_pictures
from tunelab.records.assessment.pictures import GeneratorSamples, Mistake, WrongPictures
from tunelab.system.language import tr

EACH, ROWS = 10, 20  # samples of a class, and classes
WRONG = 20
EXPLAINED = 8
SHOWN = 100  # samples of a generator


@runtime_checkable
class SampleSource(Protocol):
    """A generator: ``sheets`` (epochs, pictures, height, width) uint8 are samples of each epoch of its training."""

    sheets: np.ndarray

    def draw(self, seed: int, count: int) -> np.ndarray:
        """Return samples (count, height, width) uint8, light ink on black."""


def image_drawings(evidence: Evidence) -> list[Drawing]:
    """Return a sample sheet, the most confidently wrong images (none when nothing was wrong), and what decides."""
    wrong = wrong_pictures(evidence)
    mistakes = [] if wrong is None else [confidently_wrong(wrong)]
    return [sample_sheet(evidence), *mistakes, deciding_parts(evidence)]


def generator_samples(evidence: Evidence) -> GeneratorSamples | None:
    """Return samples of a generator, real pictures, and samples of some epochs; None for another model."""
    generator = evidence.predictor
    if not isinstance(generator, SampleSource):
        return None
    every = np.asarray(evidence.test.targets)
    real = every[:: max(1, len(every) // SHOWN)][:SHOWN]  # rows may be sorted by class
    epochs = np.unique(np.linspace(0, len(generator.sheets) - 1, EACH).astype(int)).tolist()
    by_epoch = np.concatenate([generator.sheets[epoch][:EACH] for epoch in epochs])
    made = pack_pictures(generator.draw(0, SHOWN))
    return GeneratorSamples(made, pack_pictures(real), tuple(epoch + 1 for epoch in epochs), pack_pictures(by_epoch))


def generator_drawings(samples: GeneratorSamples) -> list[Drawing]:
    """Draw samples of a generator beside real pictures, and those of some epochs on the way there."""
    charts = [
        Chart([Images(_on_white(unpack_pictures(one)), [""] * one.count, EACH)], title=title)
        for one, title in ((samples.generated, tr("generated, seed 0")), (samples.real, tr("real, test split")))
    ]
    each = samples.by_epoch.count // len(samples.epochs)
    captions = [[tr("epoch {number}", number=epoch), *[""] * (each - 1)] for epoch in samples.epochs]
    history = Images(_on_white(unpack_pictures(samples.by_epoch)), [text for row in captions for text in row], each)
    return [
        Drawing("samples", tr("Samples of the winner"), charts, 2, "", "tall"),
        Drawing("samples_by_epoch", tr("The same samples after some epochs"), [Chart([history])], 1, "", "large"),
    ]


def sample_sheet(evidence: Evidence) -> Drawing:
    """Return the first training images of each class, a row each."""
    images, targets = np.asarray(evidence.train.inputs), np.asarray(evidence.train.targets)
    rows = [np.flatnonzero(targets == value)[:EACH] for value in evidence.model_facts["classes"][:ROWS]]
    shown = np.concatenate([part for part in rows if len(part) == EACH] or rows)
    sheet = Images(_on_white(images[shown]), [""] * len(shown), EACH)
    title = tr("Samples of the training split ({count:,} images)", count=len(targets))
    return Drawing("samples", title, [Chart([sheet])], 1, "", "large")


def wrong_pictures(evidence: Evidence) -> WrongPictures | None:
    """Return test images that the model got wrong, those it was surest of first; None when it got all right."""
    truth, shares, classes = evidence.truth(), evidence.class_probabilities(), evidence.classes
    predicted = shares.argmax(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    if not len(wrong):
        return None
    worst = wrong[np.argsort(-shares[wrong, predicted[wrong]], kind="stable")][:WRONG]
    mistakes = [
        Mistake(classes[said], float(f"{shares[i, said]:.5g}"), classes[true], float(f"{shares[i, true]:.5g}"))
        for i, said, true in zip(worst.tolist(), predicted[worst].tolist(), truth[worst].tolist(), strict=True)
    ]
    shown = pack_pictures(np.asarray(evidence.test.inputs)[worst])
    return WrongPictures(shown, tuple(mistakes), len(wrong), len(truth))


def confidently_wrong(found: WrongPictures) -> Drawing:
    """Draw test images that the model got wrong, with the predicted class and the true one."""
    captions = [
        f"{one.predicted}: {as_percent(one.probability, 1)}\n"
        f"{tr('true')} {one.actual}: {as_percent(one.actual_probability, 1)}"
        for one in found.mistakes
    ]
    sheet = Images(_on_white(unpack_pictures(found.pictures)), captions, 5)
    note = tr(
        "{shown} of {wrong:,} wrong among {count:,} test images; predicted class and true class.",
        shown=len(captions),
        wrong=found.wrong,
        count=found.rows,
    )
    title = tr("Most confidently wrong, test split")
    return Drawing("confidently_wrong", title, [Chart([sheet])], 1, note, "large")


def deciding_parts(evidence: Evidence) -> Drawing:
    """Return test images, the most confidently wrong ones first, and below each which parts its prediction rests on."""
    truth, shares, classes = evidence.truth(), evidence.class_probabilities(), evidence.classes
    predicted = shares.argmax(axis=1)
    confidence = shares.max(axis=1)
    shown = np.lexsort((-confidence, predicted == truth))[:EXPLAINED]
    images = np.asarray(evidence.test.inputs)[shown]
    outputs = getattr(evidence.predictor, "outputs")  # noqa: B009 of models of rows, which this kind has
    maps = [_coloured(image, covering_effects(outputs, image)) for image in images]
    captions = [
        f"{classes[predicted[i]]}: {as_percent(confidence[i], 1)}\n{tr('true')} {classes[truth[i]]}" for i in shown
    ]
    pixels = np.stack([*(_in_colours(image) for image in _on_white(images)), *maps])
    sheet = Images(pixels, [*[""] * len(shown), *captions], len(shown))
    note = tr("Red: covering this square lowers the probability of the predicted class; blue: it raises it.")
    title = tr("What the predictions rest on, test split")
    return Drawing("deciding_parts", title, [Chart([sheet])], 1, note)


def _coloured(image: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Return an image in grey with the squares in red that lower a probability when covered, in blue that raise it."""
    height, width = image.shape[:2]
    rows, columns = (np.arange(size) * len(effects) // size for size in (height, width))
    strength = (effects / max(float(np.abs(effects).max()), 1e-9))[rows][:, columns, None]
    grey = _in_colours(_on_white(image[None])[0]).mean(axis=2, keepdims=True) * 0.5 + 96
    red, blue = np.array([220.0, 30.0, 30.0]), np.array([30.0, 60.0, 220.0])
    share = np.abs(strength) * 0.8
    mixed: np.ndarray = grey * (1 - share) + np.where(strength > 0, red, blue) * share
    return mixed.astype(np.uint8)


def _in_colours(image: np.ndarray) -> np.ndarray:
    """Return a grey image (height, width) as one in colours (height, width, 3); others as they are."""
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def _on_white(images: np.ndarray) -> np.ndarray:
    """Return digits (n, height, width), light ink on black, as dark ink on white; colour pictures as they are."""
    return 255 - images if images.ndim == 3 else images
