"""Pictures of the user's own: how files are read, what is left out or refused, and what is learned."""

from __future__ import annotations

import io
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from search_spaces import UserError
from tests.pictures import SHAPES, draw_shape, write_pictures
from trainables import get_task, load_predictor
from trainables.base.images.photograph import read_photograph
from trainables.base.images.picture_files import colour_moments
from trainables.base.images.picture_predictor import PicturePredictor
from trainables.base.prediction_input import draw_prediction, predict_image_file, text_picture
from trainables.images import Images

SIDE = 24
CONFIG = {
    **{"channels": 8, "stages": 2, "blocks": 1, "dropout": 0.0, "lr": 1e-2, "weight_decay": 1e-4, "batch_size": 16},
    **{"augment": True, "flip": True, "shift": 0.1, "zoom": 0.1, "light": 0.1},
}


def written(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, format=kind, **options)
    return content.getvalue()


def test_shapes_are_learned_kept_and_predicted_from_a_file(tmp_path: Path) -> None:
    task = Images(write_pictures(tmp_path, each=40), side=SIDE)
    splits = task.load()
    *_, last = task.fit(CONFIG, splits.training, 0, max_epochs=15)
    assert last.weights is not None
    model = task.predictor(CONFIG, last.weights, splits)
    test = splits.test.open()
    assert task.scores(model, test)["accuracy"] >= 0.8
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    loaded = load_predictor(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(test.inputs), model.predict(test.inputs), check_exact=True)
    found = predict_image_file(loaded, written(draw_shape("circle", np.random.default_rng(5))))
    assert set(found.probabilities) == set(SHAPES)
    assert loaded.predict(test.inputs[:0]).empty
    assert found.prediction == max(found.probabilities, key=lambda name: found.probabilities[name])
    assert len(text_picture(found.pixels).splitlines()) == 14
    assert draw_prediction(found).startswith(b"\x89PNG")


def test_covering_what_decides_lowers_the_probability(tmp_path: Path) -> None:
    task = Images(write_pictures(tmp_path, each=40), side=SIDE)
    splits = task.load()
    *_, last = task.fit(CONFIG, splits.training, 0, max_epochs=15)
    assert last.weights is not None
    model = task.predictor(CONFIG, last.weights, splits)
    assert isinstance(model, PicturePredictor)
    picture = splits.test.open().inputs[0]
    falls = model.explain(picture)
    assert falls.shape == (8, 8)
    assert falls.max() > 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_pictures_of_every_mode_are_read(mode: str) -> None:
    grey = np.linspace(0, 255, 50 * 30).reshape(30, 50)
    if mode == "I;16":
        image = Image.fromarray((grey * 257).astype(np.uint16))
    elif mode == "F":  # as programs for images in science write them, from 0 to 1
        image = Image.fromarray((grey / 255).astype(np.float32))
    else:
        image = Image.fromarray(grey.astype(np.uint8)).convert("RGB").convert(mode)
    read = read_photograph(written(image, "TIFF" if mode in ("CMYK", "F") else "PNG"), SIDE)
    assert read.shape == (SIDE, SIDE, 3)
    assert read[-1].mean() > read[0].mean() + 100  # dark above, light below


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "GIF"])
def test_pictures_of_every_format_are_read(kind: str) -> None:
    image = draw_shape("square", np.random.default_rng(0), 300, 200)
    read = read_photograph(written(image, kind), SIDE).astype(float)
    assert np.abs(read - read_photograph(written(image), SIDE)).mean() < 12


def test_a_picture_is_turned_as_its_camera_says() -> None:
    image = Image.fromarray(np.vstack([np.zeros((30, 30, 3)), np.full((30, 30, 3), 255)]).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    read = read_photograph(written(image, "JPEG", exif=exif), SIDE)
    assert read[0].mean() > 200 > 50 > read[-1].mean()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a picture"),
        (b"hello", "not a picture"),
        (written(Image.new("RGB", (64, 64), "red"))[:60], "damaged"),
    ],
)
def test_what_is_not_a_picture_is_said(content: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_photograph(content, SIDE)


def test_broken_and_stray_files_are_left_out_and_said(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=10)
    (root / "circle" / "broken.png").write_bytes(b"not a picture")
    (root / "circle" / "notes.txt").write_text("not a picture")
    (root / "empty").mkdir()
    (root / "stray.png").write_bytes((root / "circle" / "0.png").read_bytes())
    task = Images(root, side=SIDE)
    splits = task.load()
    notes = " ".join(task.description()["notes"])
    assert "'empty' has no picture and is not a class." in notes
    assert "Left out 1 pictures that lie in no folder of a class." in notes
    assert "Left out 1 of 31 files that cannot be read: 'broken.png'. This is not a picture." in notes
    assert task.description()["rows"] == 30
    assert task.description()["classes"] == {"circle": 10, "square": 10, "triangle": 10}
    rows = len(splits.train.targets) + len(splits.validation.targets) + len(splits.test)
    assert rows == 30


def test_colours_are_measured_exactly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1100, 4, 4, 3)).astype(np.uint8)
    mean, std = colour_moments(pixels)
    shares = pixels.reshape(-1, 3) / 255
    np.testing.assert_allclose(mean, shares.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, shares.std(axis=0), rtol=1e-12)


def test_a_pale_picture_is_seen_on_a_terminal() -> None:
    pixels = np.full((40, 40, 3), 240, np.uint8)
    pixels[10:30, 10:30] = 220
    assert len(set(text_picture(pixels)) - {"\n"}) > 1


def test_a_table_of_paths_and_labels_is_read_as_a_folder_is(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=10)
    files = sorted(root.rglob("*.png"))
    frame = pd.DataFrame(
        {"분류": [f.parent.name for f in files], "file": [str(f.relative_to(tmp_path)) for f in files]}
    )
    frame.to_csv(tmp_path / "list.csv", index=False)
    folder, table = Images(root, side=SIDE).load(), Images(tmp_path / "list.csv", side=SIDE).load()
    assert folder.training.digest == table.training.digest


def test_copies_of_a_picture_stay_in_one_split(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=8)
    for path in list(root.rglob("*.png")):
        path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    splits = Images(root, side=SIDE).load()
    parts = [{p.tobytes() for p in part.inputs} for part in (splits.train, splits.validation, splits.test.open())]
    assert parts[0].isdisjoint(parts[1] | parts[2])
    assert parts[1].isdisjoint(parts[2])


@pytest.mark.parametrize(
    ("shapes", "each", "options", "says"),
    [
        (SHAPES[:1], 10, {}, "1 class\\(es\\) \\('circle'\\), but two are needed"),
        (SHAPES, 2, {}, "The class 'circle' has 2 picture\\(s\\)"),
        (SHAPES, 4, {}, "has 12 pictures, but training, validation and test need at least 20"),
        (
            ("train", "test"),
            12,
            {},
            "are splits \\(test, train\\), not classes. Give the folder with one folder a class",
        ),
        (SHAPES, 10, {"side": 4}, "--side of task 'images' must be from 16 to 512"),
        (SHAPES, 10, {"data": "nowhere"}, "'nowhere' does not exist"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_sentence(
    shapes: tuple[str, ...], each: int, options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    given = {"data": write_pictures(tmp_path, each=each, shapes=shapes), **options}
    with pytest.raises(UserError, match=says):
        get_task("images", **given)


def test_a_folder_without_classes_says_what_it_holds_instead(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=10)
    with pytest.raises(UserError, match=f"one folder deeper: --data '{root}'"):
        Images(tmp_path)
    with pytest.raises(UserError, match="10 pictures lie in no folder of a class"):
        Images(root / "circle")
    for path in root.rglob("*.png"):
        path.rename(path.with_suffix(".HEIC"))
    with pytest.raises(UserError, match=r"formats are not read: \.heic \(30\)\. Save them as JPEG or PNG"):
        Images(root)


def test_pictures_of_other_formats_and_copies_in_several_classes_are_said(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=10)
    (root / "circle" / "phone.heic").write_bytes(b"ftypheic")
    (root / "square" / "copy.png").write_bytes((root / "circle" / "0.png").read_bytes())
    task = Images(root, side=SIDE)
    task.load()
    notes = " ".join(task.description()["notes"])
    assert "Left out files of formats that are not read: .heic (1)." in notes
    assert "Pictures lie in more than one class (1)" in notes
    assert "With few pictures a class, learning from a network that has seen many others is more accurate" in notes


def test_copies_that_leave_too_few_pictures_are_refused(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=15, shapes=SHAPES[:2])
    for path in (root / "circle").iterdir():
        path.write_bytes((root / "circle" / "0.png").read_bytes())
    with pytest.raises(UserError, match="Only 16 of 30 rows differ, and copies stay in one split"):
        Images(root, side=SIDE).load()


def test_a_table_names_files_in_any_column_and_as_windows_does(tmp_path: Path) -> None:
    files = sorted(write_pictures(tmp_path, each=8).rglob("*.png"))
    lines = [f"{file.parent.name},{str(file.relative_to(tmp_path)).replace('/', chr(92))}" for file in files]
    (tmp_path / "list.csv").write_text("\n".join(["무엇,어디", *lines]), "utf-8")
    task = Images(tmp_path / "list.csv", side=SIDE)
    assert task.load().training.facts["classes"] == list(SHAPES)
    assert "'어디' is the path and '무엇' the class of each picture." in task.description()["notes"]


def test_a_table_names_files_without_their_suffix(tmp_path: Path) -> None:
    files = sorted(write_pictures(tmp_path, each=8).rglob("*.png"))
    lines = [f"{file.relative_to(tmp_path).with_suffix('')},{file.parent.name}" for file in files]
    (tmp_path / "list.csv").write_text("\n".join(["id_code,diagnosis", *lines]), "utf-8")
    assert Images(tmp_path / "list.csv", side=SIDE).load().training.facts["classes"] == list(SHAPES)


def test_a_class_of_which_no_picture_can_be_read_is_refused(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=8)
    for path in (root / "circle").iterdir():
        path.write_bytes(b"not a picture")
    with pytest.raises(UserError, match="No picture of the class 'circle' can be read"):
        Images(root, side=SIDE).load()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["path", "a.png", "b.png"], "has a single column"),
        (["path,age", *(f"there.png,{n / 2}" for n in range(20))], "20 different numbers, e.g. '0.0'"),
        (["path,label", "there.png,cat", "b.png,dog", "c.png,dog"], "The class 'cat' has 1 picture"),
        (
            ["path,label", *(f"{n}.png,{'cat' if n % 2 else 'dog'}" for n in range(20))],
            "None of the files in the column",
        ),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_refused(lines: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("\n".join(lines), "utf-8")
    Image.new("RGB", (9, 9)).save(tmp_path / "there.png")
    with pytest.raises(UserError, match=says):
        Images(tmp_path / "list.csv", side=SIDE).load()


def test_names_in_hangul_are_the_same_composed_and_in_parts(tmp_path: Path) -> None:
    """macOS writes the letters of a syllable one after the other (NFD), others the syllable (NFC)."""
    root = write_pictures(tmp_path, each=12)
    (root / "circle").rename(root / "고양이")
    (root / "square").rename(root / unicodedata.normalize("NFD", "고양이"))
    assert Images(root, side=SIDE).description()["classes"] == {"고양이": 24, "triangle": 12}
    shutil.rmtree(root / "고양이")
    names = [unicodedata.normalize("NFC", str(file)) for file in sorted(root.rglob("*.png"))]
    lines = [f"{name},{'세모' if 'triangle' in name else '고양이'}" for name in names]
    (tmp_path / "list.csv").write_text("\n".join(["파일,라벨", *lines]), "cp949")
    task = Images(tmp_path / "list.csv", side=SIDE)
    task.load()
    assert task.description()["classes"] == {"고양이": 12, "세모": 12}
    assert not any("cannot be read" in note for note in task.description()["notes"])


def test_what_archives_of_macos_add_is_not_a_picture(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=8)
    for folder in ("__MACOSX", "circle"):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "._0.png").write_bytes(b"attributes")
    (root / "circle" / "0.png").rename(root / "circle" / "0.jfif")
    task = Images(root, side=SIDE)
    task.load()
    assert task.description()["classes"] == {"circle": 8, "square": 8, "triangle": 8}
    assert _notes_of_files(task) == []


def test_odd_pictures_are_read_and_links_that_lead_nowhere_are_not(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, each=8)
    frames = [draw_shape("circle", np.random.default_rng(i)) for i in range(3)]
    frames[0].save(root / "circle" / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].convert("CMYK").save(root / "circle" / "print.jpg")
    frames[0].convert("P").save(root / "circle" / "palette.png")
    Image.new("RGB", (1, 900)).save(root / "circle" / "thin.png")
    Image.new("F", (9, 9)).save(root / "circle" / "float.tiff")
    Image.new("L", (8001, 8001)).save(root / "circle" / "huge.png")
    (root / "circle" / "zero.png").write_bytes(b"")
    (root / "circle" / "nowhere.png").symlink_to("gone.png")
    (root / "circle" / "round").symlink_to(root)
    task = Images(root, side=SIDE)
    task.load()
    (note,) = _notes_of_files(task)
    assert "Left out 2 of 31 files that cannot be read: 'huge.png', 'zero.png'. The picture has 8,001 x 8,001" in note
    assert task.description()["classes"]["circle"] == 13


def _notes_of_files(task: Images) -> list[str]:
    return [note for note in task.description()["notes"] if not note.startswith("With few pictures a class")]
