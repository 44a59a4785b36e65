"""Small pictures of shapes on a noisy ground, as files in one folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("circle", "square", "triangle")


def draw_shape(shape: str, draw: np.random.Generator, width: int = 40, height: int = 32) -> Image.Image:
    """Return a picture of a shape, somewhere, in some colour."""
    ground = draw.integers(120, 256, size=(height, width, 3)).astype(np.uint8)
    image = Image.fromarray(ground)
    pen = ImageDraw.Draw(image)
    size = int(draw.integers(14, 22))
    left, top = int(draw.integers(0, width - size)), int(draw.integers(0, height - size))
    box = (left, top, left + size, top + size)
    colour = tuple(int(value) for value in draw.integers(0, 110, size=3))
    if shape == "circle":
        pen.ellipse(box, fill=colour)
    elif shape == "square":
        pen.rectangle(box, fill=colour)
    else:
        pen.polygon([(left, top + size), (left + size, top + size), (left + size // 2, top)], fill=colour)
    return image


def write_pictures(folder: Path, each: int = 20, shapes: tuple[str, ...] = SHAPES, seed: int = 0) -> Path:
    """Write some pictures of each shape into ``folder/shapes``; return that folder."""
    draw = np.random.default_rng(seed)
    root = folder / "shapes"
    for shape in shapes:
        (root / shape).mkdir(parents=True)
        for number in range(each):
            draw_shape(shape, draw).save(root / shape / f"{number}.png")
    return root
