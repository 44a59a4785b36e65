"""A picture of one digit, as people have it, to the 28 x 28 grey values that MNIST's digits have.

MNIST's way (LeCun et al. 1998): light ink on black, the digit's box scaled to fit 20 x 20, centred by mass.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

from search_spaces.errors import UserError

SIDE, BOX = 28, 20  # pixels of a picture and of the box its digit fits in
MAX_PIXELS = 64_000_000  # a larger picture is refused before it is decoded
WORK_SIDE = 280  # larger pictures are reduced to this before they are analysed
FORMATS = ("PNG", "JPEG")
MIN_CONTRAST = 12.0  # of 255 between ink and background; less is noise
THIN, STROKE = 1.5, 2.2  # pixels in the 20 x 20 box: strokes thinner than the first are drawn as wide as the second


def read_digit(content: bytes) -> np.ndarray:
    """The bytes of a PNG or JPEG file to a (28, 28) uint8 picture, light ink on black.

    Any size, dark on light or light on dark, grey, colour, palette, 16 bit, with or without alpha. Ink is whatever
    stands out from the background, and the background is what the picture's edge shows.

    Raises:
        UserError: not a PNG or JPEG file, a damaged or too large one, or one that shows nothing.
    """
    ink = _ink(_colours(_open(content)))
    mask = _digit_mask(ink)
    rows, columns = np.nonzero(mask)
    box = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    inside = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return _centred(_scaled(np.where(inside, box, 0.0)))


def _open(content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise UserError(
                    f"The picture has {image.width:,} x {image.height:,} pixels; at most {MAX_PIXELS:,} are read. "
                    "Make it smaller."
                )
            image.load()
            return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise UserError("The input is no PNG or JPEG picture.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(
            f"The picture is too large; at most {MAX_PIXELS:,} pixels are read. Make it smaller."
        ) from error
    except UserError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UserError(f"The picture is damaged: {error}.") from error


def _colours(image: Image.Image) -> np.ndarray:
    """(height, width, 3) float64 from 0 to 255, transparent parts filled with what the digit stands out from."""
    deep = image.mode.startswith("I")  # 16 bit grey
    if image.mode not in ("L", "RGB"):
        image = image.convert("I" if deep else "RGBA")
    if max(image.size) > WORK_SIDE:  # first of all: what follows takes many bytes a pixel
        image.thumbnail((WORK_SIDE, WORK_SIDE), Image.Resampling.BOX)
    if deep:
        values = np.asarray(image, dtype=np.float64)
        low, high = values.min(), values.max()
        grey = (values - low) * (255 / max(high - low, 255.0))  # keeps a picture of less than 8 bit contrast as it is
        image = Image.fromarray(np.round(grey).astype(np.uint8))
    rgba = image.convert("RGBA")
    values = np.asarray(rgba, dtype=np.float64)
    colours, opacity = values[..., :3], values[..., 3:] / 255
    if opacity.min() == 1:
        return colours
    weight = opacity.sum()
    if weight == 0:
        raise UserError("The picture shows nothing: every pixel is transparent.")
    if opacity.mean() > 0.5:  # a sheet with see-through corners: fill with its own colour
        fill = np.median(colours[opacity[..., 0] > 0.5], axis=0)
    else:  # a digit cut out
        bright = float((colours.mean(axis=2, keepdims=True) * opacity).sum() / weight)
        fill = np.full(3, 0.0 if bright > 127.5 else 255.0)
    return colours * opacity + fill * (1 - opacity)


def _ink(colours: np.ndarray) -> np.ndarray:
    """(height, width) from 0, background, to 1, ink: the distance in colour from a background that may be shaded."""
    height, width, _ = colours.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    plane = np.stack([np.ones_like(x), x, y], axis=-1)
    edge = np.zeros((height, width), dtype=bool)
    margin = max(1, min(height, width) // 28)
    edge[:margin] = edge[-margin:] = edge[:, :margin] = edge[:, -margin:] = True
    background: np.ndarray = np.median(colours[edge], axis=0)
    off = np.abs(colours - background).max(axis=2)
    quiet = edge & (off < 40)  # edge pixels that are background, shaded or noisy, and not ink
    if min(height, width) > 2 and quiet.sum() > edge.sum() / 2:
        slopes, *_ = np.linalg.lstsq(plane[quiet], colours[quiet], rcond=None)
        background = plane @ slopes
    distance = np.abs(colours - background).max(axis=2)
    noise = 3 * float(distance[quiet].std()) if quiet.any() else 0.0
    strong = distance[distance > _otsu(distance)]
    full = float(np.quantile(strong, 0.9)) if strong.size else 0.0
    if full < max(MIN_CONTRAST, noise):
        raise UserError("The picture shows no digit: it is one colour all over.")
    floor = min(noise, 0.3 * full)
    ink: np.ndarray = np.clip((distance - floor) / (full - floor), 0.0, 1.0)
    return ink


def _otsu(values: np.ndarray) -> float:
    """The threshold that parts values best into two groups (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=128)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
        spread = np.where(above > 0, below * above * gap**2, 0.0)
    return float(edges[np.argmax(spread) + 1])


def _digit_mask(ink: np.ndarray) -> np.ndarray:
    """Where the digit is: strokes with their soft edges, without specks."""
    parts, count = ndimage.label(ink > 0.25, structure=np.ones((3, 3)))
    if count == 0:
        raise UserError("The picture shows no digit: nothing in it stands out from the background.")
    mass = np.asarray(ndimage.sum_labels(ink, parts, np.arange(1, count + 1)))
    kept = np.isin(parts, 1 + np.flatnonzero(mass >= 0.04 * mass.max()))
    reach = ndimage.binary_dilation(kept, structure=np.ones((3, 3)), iterations=1)
    mask: np.ndarray = kept | (reach & (ink > 0.02))
    return mask


def _scaled(box: np.ndarray) -> np.ndarray:
    """The digit's box, scaled so that its longer side is 20 pixels, with strokes as wide as a pen's."""
    height, width = box.shape
    scale = BOX / max(height, width)
    solid = box > 0.5
    stroke = 4 * float(ndimage.distance_transform_edt(np.pad(solid, 1))[1:-1, 1:-1][solid].mean()) - 1
    if stroke * scale < THIN and scale < 1:  # a thin line would fade when it is scaled down
        grow = round((STROKE / scale - stroke) / 2)
        box = ndimage.grey_dilation(np.pad(box, grow), footprint=_disc(grow))
        height, width = box.shape
        scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray((box * 255).astype(np.float32))
    if size != (width, height):
        picture = picture.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR)
    scaled: np.ndarray = np.asarray(picture, dtype=np.float64)
    scaled = scaled * (255 / scaled.max())
    return scaled


def _centred(digit: np.ndarray) -> np.ndarray:
    """A digit of at most 20 x 20 in a 28 x 28 picture, its centre of mass at index 14 as far as it fits, as MNIST's."""
    height, width = digit.shape
    down, right = ndimage.center_of_mass(digit)
    top = int(np.clip(round(SIDE / 2 - down), 0, SIDE - height))
    left = int(np.clip(round(SIDE / 2 - right), 0, SIDE - width))
    picture = np.zeros((SIDE, SIDE), dtype=np.uint8)
    picture[top : top + height, left : left + width] = np.round(digit).clip(0, 255)
    return picture


def _disc(radius: int) -> np.ndarray:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    inside: np.ndarray = x * x + y * y <= radius * radius
    return inside
