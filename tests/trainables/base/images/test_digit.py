"""Pictures of a digit as people scan them: in a form's cell, several at once, in the formats of scanners."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from search_spaces import UserError
from trainables.base.images.digit import read_digit


def drawn(text: str, size: tuple[int, int] = (100, 130)) -> Image.Image:
    """Dark digits on light paper."""
    picture = Image.new("L", size, 245)
    ImageDraw.Draw(picture).text(
        (size[0] / 2, size[1] / 2), text, fill=30, font=ImageFont.load_default(70), anchor="mm", stroke_width=2
    )
    return picture


def content(picture: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def framed(picture: Image.Image, inset: int, width: int, outside: int) -> Image.Image:
    """The same in a rectangle of lines, with so much of another sheet round it."""
    framed = Image.new("L", (picture.width + 2 * outside, picture.height + 2 * outside), 245)
    framed.paste(picture, (outside, outside))
    corners = (inset, inset, framed.width - 1 - inset, framed.height - 1 - inset)
    ImageDraw.Draw(framed).rectangle(corners, outline=40, width=width)
    return framed


FRAMES = [(0, 3, 0), (0, 8, 8), (4, 2, 6), (2, 5, 8), (0, 1, 1)]  # inset, width, sheet outside


@pytest.mark.parametrize("digit", "0123456789")
@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_round_a_digit_is_cut_off(digit: str, frame: tuple[int, int, int]) -> None:
    plain = read_digit(content(drawn(digit))).astype(float)
    read = read_digit(content(framed(drawn(digit), *frame))).astype(float)
    assert np.abs(plain - read).mean() < 8  # of 255: the frame takes the soft edge of some strokes with it


def dashed(picture: Image.Image) -> Image.Image:
    """The same in a frame of dashes."""
    draw, (width, height) = ImageDraw.Draw(picture), picture.size
    for at in range(2, max(width, height), 12):
        for y in (2, height - 4):
            draw.line((at, y, at + 6, y), fill=40, width=2)
        for x in (2, width - 4):
            draw.line((x, at, x, at + 6), fill=40, width=2)
    return picture


def underlined(picture: Image.Image) -> Image.Image:
    """The same on a line of a form."""
    ImageDraw.Draw(picture).line((0, picture.height - 6, picture.width, picture.height - 6), fill=40, width=3)
    return picture


@pytest.mark.parametrize("form", [dashed, underlined, lambda picture: framed(framed(picture, 0, 2, 6), 0, 3, 4)])
@pytest.mark.parametrize("digit", "0123456789")
def test_other_lines_of_a_form_are_cut_off(digit: str, form: Callable[[Image.Image], Image.Image]) -> None:
    plain = read_digit(content(drawn(digit))).astype(float)
    assert np.abs(plain - read_digit(content(form(drawn(digit))))).mean() < 8


@pytest.mark.parametrize("text", ["17", "71", "11"])
def test_a_one_beside_another_digit_is_not_a_line_of_a_form(text: str) -> None:
    picture = drawn(text, (140, 130))
    ink = np.nonzero(np.asarray(picture) < 200)
    tight = picture.crop((ink[1].min() - 1, ink[0].min() - 1, ink[1].max() + 2, ink[0].max() + 2))
    with pytest.raises(UserError, match="2 digits"):
        read_digit(content(tight))


def test_light_digits_in_a_light_frame_are_read_too() -> None:
    picture = Image.fromarray(255 - np.asarray(framed(drawn("5"), 2, 3, 6)))
    assert np.abs(read_digit(content(drawn("5"))).astype(float) - read_digit(content(picture))).mean() < 8


@pytest.mark.parametrize(("text", "size"), [("27", (220, 130)), ("3 1 4", (330, 130)), ("8\n5", (100, 260))])
def test_several_digits_are_refused_with_their_number(text: str, size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"shows {len(text.split()) if ' ' in text else 2} digits"):
        read_digit(content(drawn(text, size)))


def test_a_digit_in_two_pieces_is_one() -> None:
    picture = drawn("0")
    ImageDraw.Draw(picture).rectangle((47, 0, 53, 130), fill=245)  # a scratch down the middle
    assert read_digit(content(picture)).any()


@pytest.mark.parametrize("kind", ["BMP", "WEBP", "TIFF", "JPEG"])
def test_formats_of_scanners_and_phones_are_read(kind: str) -> None:
    plain = read_digit(content(drawn("7"))).astype(float)
    assert np.abs(plain - read_digit(content(drawn("7"), kind))).mean() < 12  # of 255: two of them are lossy
