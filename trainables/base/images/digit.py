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
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
MOSTLY_PAPER = 0.4  # of a framed picture that is neither of the frame's colour nor the digit's
FULL = 0.9  # of a frame's inside that is not of the frame's colour
MIN_CONTRAST = 12.0  # of 255 between ink and background; less is noise
FRAMED = 0.7  # of the picture's width and height that a frame spans, and of a side that its line covers
MARGIN = 8  # a rule lies in the outer eighth of the picture
LONGER = 1.3  # than the digit, from which a line beside it is a rule
MANY_DASHES = 8  # on all four sides: a dashed frame
SAME_HEIGHT, SAME_MASS = 0.6, 0.25  # of the largest shape, from which another one is a digit too
WIDE, TALL = 1.15, 1.8  # width by height, height by width, from which a picture may hold two digits
NEAR, FAR = 0.06, 0.25  # heights between two digits: in such a picture, and in any other
THIN, STROKE = 1.5, 2.2  # pixels in the 20 x 20 box: strokes thinner than the first are drawn as wide as the second


def read_digit(content: bytes) -> np.ndarray:
    """Read the bytes of a picture file as a (28, 28) uint8 picture, light ink on black.

    Any size, dark on light or light on dark, grey, colour, palette, 16 bit, with or without alpha. Ink is whatever
    stands out from the background, and the background is what the picture's edge shows. A frame round the digit, as of
    a form's cell, is cut off.

    Raises:
        UserError: not a PNG, JPEG, BMP, WEBP or TIFF file, a damaged or too large one, one that shows nothing, or one
            with several digits.
    """
    ink = _without_rules(_without_lines(_ink(_inside_frame(_colours(_open(content))))))
    mask = _digit_mask(ink)
    _require_one_digit(mask, ink)
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
        raise UserError("The input is not a PNG, JPEG, BMP, WEBP or TIFF picture.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(
            f"The picture is too large; at most {MAX_PIXELS:,} pixels are read. Make it smaller."
        ) from error
    except UserError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UserError(f"The picture is damaged: {error}.") from error


def _colours(image: Image.Image) -> np.ndarray:
    """Return (height, width, 3) float64 from 0 to 255, transparent parts filled with the colour of the background."""
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


def _inside_frame(colours: np.ndarray) -> np.ndarray:
    """Return the paper in a frame that is the picture's edge, else the picture as it is.

    The edge is then one colour all round, and all that has another colour fills a rectangle.
    """
    height, width, _ = colours.shape
    if min(height, width) < BOX:
        return colours
    edge = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    off = _distances(colours, np.median(edge, axis=0))
    other = off > max(MIN_CONTRAST, _otsu(off))
    if other.mean() < MOSTLY_PAPER:
        return colours
    inside = ndimage.binary_fill_holes(other)
    rows, columns = np.nonzero(inside.mean(axis=1) > FRAMED)[0], np.nonzero(inside.mean(axis=0) > FRAMED)[0]
    if not (len(rows) > FRAMED * height and len(columns) > FRAMED * width):
        return colours
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if inside[top:bottom, left:right].mean() < FULL:  # a fat round digit
        return colours
    blur = 1 + min(height, width) // 50  # the line's soft edge
    top, bottom, left, right = top + blur, bottom - blur, left + blur, right - blur
    second = [_line(~other[top:bottom, left:right], axis, end) for axis in (1, 0) for end in (1, -1)]
    above, below, before, after = (depth + blur * (depth > 0) for depth in second)  # a frame of two lines
    return colours[top + above : bottom - below, left + before : right - after]


def _without_lines(ink: np.ndarray) -> np.ndarray:
    """Return what lies inside the lines of a frame that is drawn as ink, else the ink as it is."""
    height, width = ink.shape
    strong = ink > 0.25
    rows, columns = np.nonzero(strong.any(axis=1))[0], np.nonzero(strong.any(axis=0))[0]
    if not len(rows) or rows[-1] - rows[0] < FRAMED * height or columns[-1] - columns[0] < FRAMED * width:
        return ink
    box = strong[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    sides = [_line(box, axis, end) for axis in (1, 0) for end in (1, -1)]
    if any(depth == 0 for depth in sides):
        return ink
    above, below, before, after = sides
    blur = 1 + min(height, width) // 50
    inner = ink[
        rows[0] + above + blur : rows[-1] + 1 - below - blur,
        columns[0] + before + blur : columns[-1] + 1 - after - blur,
    ]
    return inner if inner.size and (inner > 0.5).any() else ink  # a square zero has nothing inside


def _line(box: np.ndarray, axis: int, end: int) -> int:
    """Return the depth of a line along a side of a box, in pixels; 0 without one."""
    covered = box.mean(axis=axis)[::end]
    lines = np.nonzero(covered[: max(2, len(covered) // 6)] > FRAMED)[0]
    return int(lines[-1]) + 1 if len(lines) else 0


def _without_rules(ink: np.ndarray) -> np.ndarray:
    """Return the ink without what is left of a form: a line along a side, apart from the digit, or a dashed frame."""
    height, width = ink.shape
    parts, count = ndimage.label(ink > 0.25, structure=np.ones((3, 3)))
    boxes = {i: box for i, box in enumerate(ndimage.find_objects(parts), start=1) if box is not None}
    sides = {i: _side(box, height, width) for i, box in boxes.items()}
    inner = [box for i, box in boxes.items() if not sides[i]]
    if count < 2 or not inner:
        return ink
    rows, columns = (max(box[axis].stop for box in inner) - min(box[axis].start for box in inner) for axis in (0, 1))
    dashes: list[int] = []
    dropped: list[int] = []
    for i, box in boxes.items():
        high, wide = (part.stop - part.start for part in box)
        along = sides[i] in ("above", "below")
        length, least = (
            (wide, max(FRAMED * width, LONGER * columns)) if along else (high, max(FRAMED * height, LONGER * rows))
        )
        if sides[i]:
            (dropped if length > least else dashes).append(i)
    if len(dashes) >= MANY_DASHES and len({sides[i] for i in dashes}) == 4:
        dropped += dashes
    kept = np.isin(parts, [i for i in boxes if i not in dropped])
    gone = ndimage.binary_dilation(np.isin(parts, dropped), structure=np.ones((3, 3))) & ~kept  # with its soft edge
    return np.where(gone, 0.0, ink)


def _side(box: tuple[slice, slice], height: int, width: int) -> str:
    """Return the side of the picture along which a shape lies; empty for one that is further inside."""
    rows, columns = box
    if rows.stop <= height / MARGIN:
        return "above"
    if rows.start >= height - height / MARGIN:
        return "below"
    if columns.stop <= width / MARGIN:
        return "before"
    return "after" if columns.start >= width - width / MARGIN else ""


def _require_one_digit(mask: np.ndarray, ink: np.ndarray) -> None:
    """Raise ``UserError`` when shapes of about one height are side by side, or above one another.

    A digit whose strokes do not meet is still one digit: it is not as wide, or its parts are close together.
    """
    rows, columns = (np.ptp(np.nonzero(mask)[axis]) + 1 for axis in (0, 1))
    for axis, long in ((0, columns > WIDE * rows), (1, rows > TALL * columns)):
        gap = (NEAR if long else FAR) * rows
        across = np.pad(mask.any(axis=axis), round(gap))
        spans, count = ndimage.label(ndimage.binary_closing(across, np.ones(max(1, round(gap)))))
        spans = spans[round(gap) : len(spans) - round(gap)]
        parts = [mask & ((spans == i)[None, :] if axis == 0 else (spans == i)[:, None]) for i in range(1, count + 1)]
        heights = [int(np.ptp(np.nonzero(part)[0])) + 1 for part in parts]
        masses = [float(ink[part].sum()) for part in parts]
        pairs = zip(heights, masses, strict=True)
        alike = sum(h >= SAME_HEIGHT * max(heights) and m >= SAME_MASS * max(masses) for h, m in pairs)
        if alike > 1:
            raise UserError(f"The picture shows {alike} digits; one is read at a time. Cut them apart.")


def _ink(colours: np.ndarray) -> np.ndarray:
    """(height, width) from 0, background, to 1, ink: the distance in colour from a background that may be shaded."""
    height, width, _ = colours.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    plane = np.stack([np.ones_like(x), x, y], axis=-1)
    edge = np.zeros((height, width), dtype=bool)
    margin = max(1, min(height, width) // 28)
    edge[:margin] = edge[-margin:] = edge[:, :margin] = edge[:, -margin:] = True
    background: np.ndarray = np.median(colours[edge], axis=0)
    off = _distances(colours, background)
    quiet = edge & (off < 40)  # edge pixels that are background, shaded or noisy, and not ink
    if min(height, width) > 2 and quiet.sum() > edge.sum() / 2:
        slopes, *_ = np.linalg.lstsq(plane[quiet], colours[quiet], rcond=None)
        background = plane @ slopes
    distance = _distances(colours, background)
    noise = 3 * float(distance[quiet].std()) if quiet.any() else 0.0
    strong = distance[distance > _otsu(distance)]
    full = float(np.quantile(strong, 0.9)) if strong.size else 0.0
    if full < max(MIN_CONTRAST, noise):
        raise UserError("The picture shows no digit: it is one colour all over.")
    floor = min(noise, 0.3 * full)
    ink: np.ndarray = np.clip((distance - floor) / (full - floor), 0.0, 1.0)
    return ink


def _distances(colours: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the largest difference of a channel, (height, width), from one colour or from as many as there are."""
    # numpy's max over an axis of three is ten times slower
    red, green, blue = np.moveaxis(np.abs(colours - other), 2, 0)
    largest: np.ndarray = np.maximum(np.maximum(red, green), blue)
    return largest


def _otsu(values: np.ndarray) -> float:
    """Return the threshold that parts values best into two groups (Otsu 1979)."""
    if np.ptp(values) <= 1e-9 * np.abs(values).max():  # equal but for rounding: one group
        return float(np.nextafter(values.min(), -np.inf))
    counts, edges = np.histogram(values.astype(np.float64), bins=128)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
        spread = np.where(above > 0, below * above * gap**2, 0.0)
    return float(edges[np.argmax(spread) + 1])


def _digit_mask(ink: np.ndarray) -> np.ndarray:
    """Return where the digit is: strokes with their soft edges, without specks."""
    parts, count = ndimage.label(ink > 0.25, structure=np.ones((3, 3)))
    if count == 0:
        raise UserError("The picture shows no digit: nothing in it stands out from the background.")
    mass = np.asarray(ndimage.sum_labels(ink, parts, np.arange(1, count + 1)))
    kept = np.isin(parts, 1 + np.flatnonzero(mass >= 0.04 * mass.max()))
    reach = ndimage.binary_dilation(kept, structure=np.ones((3, 3)), iterations=1)
    mask: np.ndarray = kept | (reach & (ink > 0.02))
    return mask


def _scaled(box: np.ndarray) -> np.ndarray:
    """Return the digit's box, scaled so that its longer side is 20 pixels, with strokes as wide as a pen's."""
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
    """Return a digit of at most 20 x 20 in 28 x 28, its centre of mass at index 14 as far as it fits, as MNIST's."""
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
