"""Symbols on photographs, which take many pictures to learn from scratch, of what scikit-learn and matplotlib ship.

The grounds are crops of scikit-learn's two photographs (china.jpg and flower.jpg, CC BY 2.0), the symbols are those of
the font DejaVu Sans (free, Bitstream Vera's licence).
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_images

SYMBOLS = {"heart": "♥", "star": "★", "telephone": "☎", "aeroplane": "✈", "umbrella": "☂", "note": "♫"}
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
SIDE = 64


def write_symbols(folder: Path, each: int, seed: int = 0) -> Path:
    """Write some pictures of each symbol, in any colour, size and place, turned by up to 30 degrees.

    Args:
        folder: Gets one folder a symbol.
        each: Number of pictures of a symbol.
        seed: Of every draw.
    """
    draw = np.random.default_rng(seed)
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    for name, symbol in SYMBOLS.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            picture = _ground(draw, photographs[int(draw.integers(len(photographs)))])
            ink = Image.new("RGB", picture.size, tuple(int(value) for value in draw.integers(0, 256, 3)))
            picture.paste(ink, (0, 0), _mask(draw, symbol))
            picture.save(folder / name / f"{number}.png")
    return folder


def _ground(draw: np.random.Generator, photograph: Image.Image) -> Image.Image:
    size = int(draw.integers(60, 200))
    left, top = int(draw.integers(photograph.width - size)), int(draw.integers(photograph.height - size))
    return photograph.crop((left, top, left + size, top + size)).resize((SIDE, SIDE))


def _mask(draw: np.random.Generator, symbol: str) -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE), 0)
    place = tuple(SIDE * draw.uniform(0.4, 0.6, 2))
    font = ImageFont.truetype(str(FONT), int(SIDE * draw.uniform(0.45, 0.8)))
    ImageDraw.Draw(mask).text(place, symbol, fill=255, font=font, anchor="mm")
    return mask.rotate(float(draw.uniform(-30, 30)))
