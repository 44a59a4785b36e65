"""Pictures as text that a result holds, and back."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from tunelab.records.assessment.pictures import Pictures

MAX_SIDE = 96  # pixels; more makes a report heavy and shows little more on a sheet


def pack_pictures(pixels: np.ndarray) -> Pictures:
    """Pack pictures, scaled down where a side is over ``MAX_SIDE``.

    Args:
        pixels: (n, height, width) grey or (n, height, width, 3) in colours, uint8, at least one.
    """
    height, width = pixels.shape[1:3]
    scale = MAX_SIDE / max(height, width, MAX_SIDE)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    strip = np.concatenate([np.asarray(Image.fromarray(picture).resize(size)) for picture in pixels])
    written = io.BytesIO()
    Image.fromarray(strip).save(written, format="PNG", optimize=True)
    return Pictures(base64.b64encode(written.getvalue()).decode("ascii"), len(pixels))


def unpack_pictures(pictures: Pictures) -> np.ndarray:
    """Return the pixels of packed pictures, (n, height, width) grey or (n, height, width, 3) in colours, uint8."""
    strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures.png))))
    return strip.reshape(pictures.count, -1, *strip.shape[1:])
