"""A picture file of any kind to the square of pixels that a network reads."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from search_spaces.errors import UserError
from trainables.base.images.formats import FORMATS

MAX_PIXELS = 64_000_000  # a larger picture is refused before it is decoded
PAPER = (255, 255, 255)  # behind what is transparent


def read_photograph(content: bytes, side: int) -> np.ndarray:
    """Read the bytes of a picture as (side, side, 3) uint8.

    It is turned as its EXIF entry says; grey, palette, 16 bit and transparent pictures become colours on white; the
    middle square of it is scaled.

    Args:
        content: Of a file.
        side: Pixels of the square.

    Raises:
        UserError: No picture, a damaged one, or one with more than 64 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise UserError(
                    f"The picture has {image.width:,} x {image.height:,} pixels; at most {MAX_PIXELS:,} are read. "
                    "Make it smaller."
                )
            image.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded at the size that is needed
            return np.asarray(ImageOps.fit(_colours(ImageOps.exif_transpose(image)), (side, side)))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UserError(f"The picture has more than {MAX_PIXELS:,} pixels. Make it smaller.") from error
    except UserError:  # which is a ValueError, too
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"This is not a picture. Give a file of the formats {', '.join(FORMATS)}.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises over damaged files
        raise UserError(f"The picture is damaged: {str(error).rstrip('.')}.") from error


def _colours(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.asarray(image, dtype=np.float64)
        top = 65_535.0 if values.max() > 255 else 1.0 if image.mode == "F" and values.max() <= 1 else 255.0
        image = Image.fromarray(np.clip(values * 255 / top, 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layers = image.convert("RGBA")
        paper = Image.new("RGBA", layers.size, (*PAPER, 255))
        image = Image.alpha_composite(paper, layers)
    return image.convert("RGB")
