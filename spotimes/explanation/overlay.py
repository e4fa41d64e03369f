"""Draws a map over a picture, by Pillow alone."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from spotimes.explanation.ending import Real

# Two of Okabe and Ito's colours (2008), which the colour-blind tell apart as well.
FOR, AGAINST = (230, 159, 0), (0, 114, 178)
SMALLEST, LARGEST = 256, 1024  # pixels of the drawing's longer side
DENSEST = 0.8  # opacity where the map is at its largest


class Box(NamedTuple):
    """The part of a picture that the network sees, in its pixels; it may reach beyond its edges."""

    left: float
    top: float
    right: float
    bottom: float


def side_by_side(picture: Image.Image, map_: Real, box: Box | None = None) -> Image.Image:
    """Draws a picture, and to its right the map over it.

    Args:
        picture: in mode "L" or "RGB".
        map_: float32, shape (rows, columns).
        box: as for `overlaid`.
    """
    drawn = overlaid(picture, map_, box)
    both = Image.new("RGB", (2 * drawn.width, drawn.height))
    both.paste(_in_size(picture, drawn.size), (0, 0))
    both.paste(drawn, (drawn.width, 0))
    return both


def overlaid(picture: Image.Image, map_: Real, box: Box | None = None) -> Image.Image:
    """Draws a map over a picture in shades of grey: orange speaks for the class, blue against it.

    Args:
        picture: in mode "L" or "RGB".
        map_: float32, shape (rows, columns); the largest of its values, whatever its sign, becomes
            the densest colour.
        box: of the picture, what the map covers; all of it if None. What is outside is darkened.

    Returns:
        In mode "RGB", with the picture's proportions and a longer side of 256 to 1,024 pixels.
    """
    width, height = picture.size
    longer = max(width, height)
    # Whole factors show a small picture's pixels as they are.
    factor = min(1.0, LARGEST / longer) if longer >= SMALLEST else -(-SMALLEST // longer)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    grey = np.asarray(_in_size(picture, size).convert("L"), np.float32)
    left, top, right, bottom = box or Box(0, 0, width, height)
    across, down = size[0] / width, size[1] / height
    covered = (round(left * across), round(top * down), round(right * across), round(bottom * down))
    values, seen = _spread(map_, covered, size)
    drawn = np.where(seen, grey, grey / 3)[..., np.newaxis]
    colour = np.where(values[..., np.newaxis] > 0, FOR, AGAINST)
    opacity = DENSEST * np.abs(values)[..., np.newaxis]
    mixed = drawn + opacity * (colour - drawn)
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def _in_size(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    larger = size[0] > picture.width
    how = Image.Resampling.NEAREST if larger else Image.Resampling.BILINEAR
    return picture.convert("RGB").resize(size, how)


def _spread(
    map_: Real, covered: tuple[int, int, int, int], size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The map, -1 to 1, at each pixel of a drawing, and whether it covers it."""
    left, top, right, bottom = covered
    largest = np.abs(map_).max()
    scaled = np.clip(map_ / largest, -1, 1) if largest else map_
    smooth = Image.fromarray(scaled.astype(np.float32)).resize(
        (max(1, right - left), max(1, bottom - top)), Image.Resampling.BILINEAR
    )
    values, seen = Image.new("F", size), Image.new("1", size)
    values.paste(smooth, (left, top))
    seen.paste(1, (left, top, left + smooth.width, top + smooth.height))
    return np.asarray(values, np.float32), np.asarray(seen)
