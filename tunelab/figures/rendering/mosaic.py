"""Many small pictures as one."""

from __future__ import annotations

import numpy as np

from tunelab.figures.charts import Images


def mosaic(mark: Images) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Return one picture that holds all, and where their captions go, (x, y) in its pixels.

    The picture is uint8, grey (height, width) or in colours (height, width, 3), as the pictures are.
    """
    count, height, width, *colours = mark.pixels.shape
    rows = -(-count // mark.columns)
    lines = max((caption.count("\n") + 1 for caption in mark.captions if caption), default=0)
    gap = 2 + lines * height // 5
    sheet = np.full((rows * (height + gap), mark.columns * (width + 4), *colours), 255, dtype=np.uint8)
    places = []
    for number, pixels in enumerate(mark.pixels):
        top, left = (number // mark.columns) * (height + gap), (number % mark.columns) * (width + 4)
        sheet[top : top + height, left : left + width] = pixels
        places.append((left + width / 2, top + height + 0.5))
    return sheet, places
