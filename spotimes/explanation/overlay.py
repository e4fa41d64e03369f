"""Draws a map over a picture, by Pillow alone."""

from collections.abc import Sequence
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


def side_by_side(picture: Image.Image, maps: Sequence[Real], box: Box | None = None) -> Image.Image:
    """Draws a picture, and to its right each of some maps over it, all in one scale.

    Args:
        picture: in mode "L" or "RGB".
        maps: each float32, of shape (rows, columns); at least one.
        box: as for `overlaid`.
    """
    largest = float(np.abs(maps).max())
    drawn = [overlaid(picture, map_, box, largest=largest) for map_ in maps]
    width, height = drawn[0].size
    row = Image.new("RGB", (width * (1 + len(drawn)), height))
    for number, each in enumerate([_in_size(picture, (width, height)), *drawn]):
        row.paste(each, (number * width, 0))
    return row


def overlaid(
    picture: Image.Image, map_: Real, box: Box | None = None, *, largest: float | None = None
) -> Image.Image:
    """Draws a map over a picture in shades of grey: orange speaks for the class, blue against it.

    Args:
        picture: in mode "L" or "RGB".
        map_: float32, shape (rows, columns).
        box: of the picture, what the map covers; all of it if None. What is outside is darkened.
        largest: the value, whatever its sign, that has the densest colour; the map's own if None.

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
    largest = largest or float(np.abs(map_).max()) or 1.0
    values, seen = _spread(np.clip(map_ / largest, -1, 1, dtype=np.float32), covered, size)
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
) -> tuple[Real, npt.NDArray[np.bool_]]:
    """The map at each pixel of a drawing, and whether it covers it."""
    left, top, right, bottom = covered
    smooth = Image.fromarray(map_).resize(
        (max(1, right - left), max(1, bottom - top)), Image.Resampling.BILINEAR
    )
    values, seen = Image.new("F", size), Image.new("1", size)
    values.paste(smooth, (left, top))
    seen.paste(1, (left, top, left + smooth.width, top + smooth.height))
    return np.asarray(values, np.float32), np.asarray(seen)
