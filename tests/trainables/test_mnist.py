"""Digits: data, networks, augmentation, scores, and pictures as people have them."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

import trainables
from search_spaces import UserError, get_space
from trainables.base.images.digit import read_digit
from trainables.base.images.idx_files import FILES
from trainables.base.images.networks import Distortion, build_image_model
from trainables.base.images.predictor import ImagePredictor, as_images
from trainables.base.kinds.metrics import calibration_error
from trainables.base.prediction_input import draw_prediction, predict_image_file, text_picture


@pytest.fixture(scope="module")
def task() -> trainables.Task:
    return trainables.get_task("mnist")


@pytest.fixture(scope="module")
def splits(task: trainables.Task) -> trainables.Splits:
    return task.load()


@pytest.fixture(scope="module")
def predictor(task: trainables.Task, splits: trainables.Splits) -> ImagePredictor:
    """A perceptron after six epochs: good enough to read digits."""
    params = dict(task.reference) | {"augment": True, "shift": 1.0, "rotation": 6.0, "zoom": 0.1, "shear": 0.1}
    config = task.space().config(params)
    *_, last = task.fit(config, splits.training, 1, max_epochs=6)
    assert last.weights is not None
    made = task.predictor(config, last.weights, splits)
    assert isinstance(made, ImagePredictor)
    return made


def png(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def larger(pixels: np.ndarray, side: int = 150) -> Image.Image:
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)


def coloured(pixels: np.ndarray, ink: tuple[int, int, int], paper: tuple[int, int, int]) -> Image.Image:
    share = np.asarray(larger(pixels))[..., None] / 255
    return Image.fromarray((share * ink + (1 - share) * paper).astype(np.uint8))


def cut_out(pixels: np.ndarray, grey: int) -> Image.Image:
    rgba = np.full((*pixels.shape, 4), grey, dtype=np.uint8)
    rgba[..., 3] = pixels
    return Image.fromarray(rgba)


def photographed(pixels: np.ndarray) -> Image.Image:
    share = np.asarray(larger(pixels))[..., None] / 255
    paper = np.linspace(250, 160, 150)[None, :, None] * [1, 0.97, 0.9]
    noise = np.random.default_rng(0).normal(0, 5, (150, 150, 3))
    return Image.fromarray((share * 40 + (1 - share) * paper + noise).clip(0, 255).astype(np.uint8))


def on_a_sheet(pixels: np.ndarray) -> Image.Image:
    sheet = Image.new("L", (400, 300), 255)
    sheet.paste(larger(255 - pixels, 90), (280, 20))
    return sheet


PICTURES: dict[str, Callable[[np.ndarray], bytes]] = {
    "light on dark": lambda x: png(Image.fromarray(x)),
    "dark on light": lambda x: png(Image.fromarray(255 - x)),
    "large jpeg": lambda x: png(larger(255 - x, 900), "JPEG"),
    "small": lambda x: png(larger(x, 20)),
    "wide": lambda x: png(Image.fromarray(np.pad(x, ((2, 2), (60, 10))))),
    "red on green": lambda x: png(coloured(x, (200, 40, 40), (40, 150, 40))),
    "blue on yellow": lambda x: png(coloured(x, (20, 20, 200), (250, 240, 90)), "JPEG"),
    "dark with alpha": lambda x: png(cut_out(x, 0)),
    "light with alpha": lambda x: png(cut_out(x, 255)),
    "palette": lambda x: png(larger(x).convert("P")),
    "16 bit": lambda x: png(Image.fromarray(x.astype(np.uint16) * 257)),
    "1 bit": lambda x: png(Image.fromarray(x > 127)),
    "cmyk": lambda x: png(larger(255 - x).convert("CMYK"), "JPEG"),
    "photograph": lambda x: png(photographed(x), "JPEG"),
    "on a sheet": lambda x: png(on_a_sheet(x)),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_of_every_sort_are_read_as_the_digit(
    kind: str, predictor: ImagePredictor, splits: trainables.Splits
) -> None:
    pixels = splits.validation.inputs[:60]
    own = predictor.predict(pixels)["prediction"].to_numpy()
    read = np.stack([predictor.read_image(PICTURES[kind](one)) for one in pixels])
    assert read.shape == (60, 28, 28)
    assert (predictor.predict(read)["prediction"].to_numpy() == own).mean() >= 0.85


@pytest.mark.parametrize("kind", ["light on dark", "dark on light"])
def test_a_picture_of_the_data_itself_is_read_as_it_was(
    kind: str, predictor: ImagePredictor, splits: trainables.Splits
) -> None:
    pixels = splits.validation.inputs[:200]
    read = np.stack([predictor.read_image(PICTURES[kind](one)) for one in pixels])
    assert np.abs(read.astype(float) - pixels).mean() < 2
    same = predictor.predict(read)["prediction"] == predictor.predict(pixels)["prediction"]
    assert same.mean() >= 0.98


def test_a_large_picture_of_16_bits_is_reduced_before_it_is_analysed() -> None:
    sheet = np.full((3000, 3000), 60_000, dtype=np.uint16)
    sheet[800:2200, 1450:1550] = 2_000
    content = png(Image.fromarray(sheet))
    tracemalloc.start()
    read = read_digit(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(read, read_digit(png(Image.fromarray((sheet >> 8).astype(np.uint8)))))
    assert peak < sheet.size * 4  # bytes: no array of floats as large as the picture


def test_a_thin_line_on_a_large_sheet_does_not_fade() -> None:
    sheet = np.full((1200, 1200), 255, dtype=np.uint8)
    sheet[200:1000, 600:606] = 0
    read = read_digit(png(Image.fromarray(sheet)))
    assert read[6:22].max(axis=1).min() > 200
    assert 1 <= (read[14] > 100).sum() <= 4


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a PNG, JPEG, BMP"),
        (b"size,town\n1,a\n", "not a PNG, JPEG, BMP"),
        (b"GIF89a" + bytes(40), "not a PNG, JPEG, BMP"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "not a PNG, JPEG, BMP"),
        (png(Image.new("L", (90, 90), 7))[:60], "damaged"),
        (bomb(50_000), "too large"),
        (bomb(9_000), "9,000 x 9,000"),
        (png(Image.new("RGB", (40, 40), "white")), "one colour"),
        (png(Image.new("RGBA", (40, 40), (0, 0, 0, 0))), "transparent"),
        (png(Image.new("L", (1, 1), 0)), "one colour"),
    ],
)
def test_what_is_not_a_picture_of_a_digit_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_digit(content)


@settings(max_examples=60, deadline=None)
@given(
    side=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    mode=st.sampled_from(["L", "RGB", "RGBA", "LA", "1"]),
    seed=st.integers(0, 9),
    cut=st.integers(0, 200),
)
@example(side=(1, 2), mode="RGBA", seed=0, cut=0)  # two pixels that are equal but for rounding
def test_no_picture_ends_in_anything_but_pixels_or_a_user_error(
    side: tuple[int, int], mode: str, seed: int, cut: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (*side, 4), dtype=np.uint8)
    content = png(Image.fromarray(noise).convert(mode))
    for given_bytes in (content, content[: len(content) - cut]):
        try:
            read = read_digit(given_bytes)
        except UserError:
            continue
        assert read.shape == (28, 28)
        assert read.max() == 255


def test_a_picture_becomes_a_prediction_to_look_at(predictor: ImagePredictor, splits: trainables.Splits) -> None:
    content = PICTURES["dark on light"](splits.validation.inputs[3])
    found = predict_image_file(predictor, content)
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.probabilities[found.prediction] == max(found.probabilities.values())
    lines = text_picture(found.pixels).split("\n")
    assert [len(line) for line in lines] == [28] * 14
    assert Image.open(io.BytesIO(draw_prediction(found))).format == "PNG"


def test_served_inputs_may_be_flat_or_lists(predictor: ImagePredictor, splits: trainables.Splits) -> None:
    pixels = splits.validation.inputs[:3]
    expected = predictor.outputs(pixels)
    for shape in (pixels.tolist(), pixels.reshape(3, 784).astype(float), pixels[:, None]):
        assert np.array_equal(predictor.outputs(shape), expected)
    assert len(predictor.outputs([])) == 0
    wrong: Any
    for wrong in (np.zeros((2, 27, 27)), np.full((1, 28, 28), 300), np.full((1, 28, 28), np.nan), "digit"):
        with pytest.raises(UserError):
            as_images(wrong)


def test_scores_hold_what_the_winner_is_judged_by(
    task: trainables.Task, predictor: ImagePredictor, splits: trainables.Splits
) -> None:
    scores = task.scores(predictor, splits.validation)
    assert set(scores) == {"accuracy", "f1", "log_loss", "auc", "ece"}
    assert scores["accuracy"] > 0.85
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    assert calibration_error(np.array([0, 1, 1]), shares) == pytest.approx((2 * abs(0.9 - 0.5) + 0.4) / 3)


def test_baselines_see_means_of_four_pixels(task: trainables.Task, splits: trainables.Splits) -> None:
    features = task.features(splits, splits.train.inputs[:3])
    assert features is not None
    assert features.shape == (3, 14 * 14)
    images = splits.training.arrays["x_train"][:3].reshape(3, 28, 28)
    np.testing.assert_allclose(features[:, 14 * 5 + 7], images[:, 10:12, 14:16].mean(axis=(1, 2)), rtol=1e-5)


def test_the_sample_is_named_and_nothing_is_downloaded(splits: trainables.Splits) -> None:
    sizes = [len(part.targets) for part in (splits.train, splits.validation, splits.test.open())]
    assert sizes == [3200, 800, 1000]
    assert "sample of 5,000" in trainables.get_task("mnist").facts.title
    with pytest.raises(UserError, match="sample or full"):
        trainables.get_task("mnist", data="all")
    with pytest.raises(UserError, match="takes no '--data-dir'"):
        trainables.get_task("mnist", data="sample", data_dir=".")


def idx_files(folder: Path, suffix: str = "") -> None:
    rng = np.random.default_rng(0)
    for name, shape in zip(FILES, ((100, 28, 28), (100,), (20, 28, 28), (20,)), strict=True):
        values = rng.integers(0, 256, shape) if len(shape) == 3 else np.arange(shape[0]) % 10
        header = struct.pack(">HBB", 0, 8, len(shape)) + struct.pack(f">{len(shape)}I", *shape)
        content = header + values.astype(np.uint8).tobytes()
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_users_idx_files_are_the_full_data(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UserError, match="lacks train-images"):
        trainables.get_task("mnist", data_dir=tmp_path).load()
    idx_files(tmp_path, suffix)
    task = trainables.get_task("mnist", data_dir=tmp_path)
    splits = task.load()
    assert [len(part.targets) for part in (splits.train, splits.validation, splits.test.open())] == [80, 20, 20]
    assert "full" in task.facts.title
    (tmp_path / f"{FILES[0]}{suffix}").write_bytes(b"\x1f\x8bnothing" if suffix else b"nothing")
    with pytest.raises(UserError, match=r"not a readable IDX file|damaged gzip file"):
        task.load()


def test_the_full_data_comes_through_torchvisions_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import MNIST

    def unreachable(self: Any) -> None:
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    def into_its_folder(self: Any) -> None:
        folder = Path(self.raw_folder)
        folder.mkdir(parents=True, exist_ok=True)
        idx_files(folder)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(MNIST, "download", unreachable)
    task = trainables.get_task("mnist", data="full")
    with pytest.raises(UserError, match="--data-dir"):
        task.load()
    monkeypatch.setattr(MNIST, "download", into_its_folder)
    assert len(task.load().train.targets) == 80


def test_distortion_moves_pixels_and_keeps_the_rest() -> None:
    batch = torch.zeros(64, 1, 28, 28) - 0.4
    batch[:, :, 10:18, 12:16] = 2.0
    still = Distortion()(batch, torch.Generator().manual_seed(0))
    assert torch.allclose(still, batch, atol=1e-4)
    moved = Distortion(shift=3, rotation=20, zoom=0.2, shear=0.3)(batch, torch.Generator().manual_seed(0))
    again = Distortion(shift=3, rotation=20, zoom=0.2, shear=0.3)(batch, torch.Generator().manual_seed(0))
    assert torch.equal(moved, again)
    assert not torch.allclose(moved[0], moved[1])
    assert torch.allclose(moved[:, 0, 0], torch.tensor(-0.4), atol=1e-4)  # background stays background
    assert moved.max() > 1.9


def test_both_families_are_built_from_the_space() -> None:
    space = get_space("mnist")
    names = set(space.distributions())
    assert {"family", "width_1", "channels", "batch_norm", "augment", "rotation"} <= names
    shared = {"dropout": 0.1, "lr": 1e-3, "weight_decay": 1e-3, "batch_size": 64, "augment": False}
    mlp = space.config(shared | {"family": "mlp", "n_layers": 2, "width_1": 128, "width_2": 64})
    cnn = space.config(shared | {"family": "cnn", "convolutions": 2, "channels": 12, "hidden": 32, "batch_norm": False})
    images = torch.zeros(5, 1, 28, 28)
    for config in (mlp, cnn):
        assert build_image_model(config, {"n_outputs": 10})(images).shape == (5, 10)
    widths = [tuple(p.shape) for p in build_image_model(mlp, {"n_outputs": 10}).parameters() if p.ndim == 2]
    assert widths == [(128, 784), (64, 128), (10, 64)]
    with pytest.raises(UserError, match="'family'"):
        build_image_model(mlp | {"family": "rnn"}, {"n_outputs": 10})
