"""Random changes to training images, in NumPy: the same on every CPU for the same seed."""

import numpy as np
import numpy.typing as npt

from spotimes.params.train import Augmentation

Images = npt.NDArray[np.uint8]
Targets = npt.NDArray[np.float32]


def augment(images: Images, augmentation: Augmentation, rng: np.random.Generator) -> Images:
    """Shifts, flips, relights and cuts a hole into each image at random, in this order.

        changed = augment(images, recipe.augmentation, np.random.default_rng(1))

    Args:
        images: uint8, shape (images, height, width, channels); not changed.
        augmentation: which changes, and how far.
        rng: the generator of all random numbers.

    Returns:
        As many images of the same shape.
    """
    count, height, width, _ = images.shape
    down, right = (round(augmentation.shift * side) for side in (height, width))
    images = _shifted(images, down, right, rng) if down or right else images.copy()
    if augmentation.flip:
        flipped = rng.random(count) < 0.5
        images[flipped] = images[flipped, :, ::-1]
    if augmentation.brightness or augmentation.contrast:
        _relight(images, augmentation.brightness, augmentation.contrast, rng)
    rows, columns = (round(augmentation.cutout * side) for side in (height, width))
    if rows and columns:
        _cut_out(images, rows, columns, rng)
    return images


def cut_mix(
    images: Images, targets: Targets, share: float, rng: np.random.Generator
) -> tuple[Images, Targets]:
    """Shows in a rectangle of some images what another image has there.

    The rectangle has the image's proportions and lies about a random pixel, as far as it is within
    the image; its area before that is a random share of the image's. Yun et al., 2019
    (arXiv:1905.04899), with alpha 1.

    Args:
        images: uint8, shape (images, height, width, channels); not changed.
        targets: how much each class counts, float32, shape (images, classes); not changed.
        share: the probability with which an image is changed.
        rng: the generator of all random numbers.

    Returns:
        As many images, and targets in which both of an image's classes count by their areas.
    """
    count, height, width, _ = images.shape
    changed = np.flatnonzero(rng.random(count) < share)
    others = rng.permutation(count)
    sides = np.sqrt(rng.random(count))
    middles = rng.integers(0, height, count), rng.integers(0, width, count)
    mixed, mixed_targets = images.copy(), targets.copy()
    for index in changed:
        rows, columns = (
            _within(middle[index], round(sides[index] * side), side)
            for middle, side in zip(middles, (height, width), strict=True)
        )
        other = others[index]
        mixed[index, rows, columns] = images[other, rows, columns]
        area = np.float32((rows.stop - rows.start) * (columns.stop - columns.start))
        shown = area / np.float32(height * width)
        mixed_targets[index] = targets[index] + shown * (targets[other] - targets[index])
    return mixed, mixed_targets


def _shifted(images: Images, down: int, right: int, rng: np.random.Generator) -> Images:
    """Shifts by up to `down` and `right` pixels either way; black comes in."""
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)))
    top = rng.integers(0, 2 * down + 1, count)
    left = rng.integers(0, 2 * right + 1, count)
    shifted = np.empty_like(images)
    for image, source, row, column in zip(shifted, padded, top, left, strict=True):
        image[:] = source[row : row + height, column : column + width]
    return shifted


def _relight(images: Images, brightness: float, contrast: float, rng: np.random.Generator) -> None:
    """Scales in place the distance to middle grey, then adds an offset; each image has its own."""
    count = len(images)
    factor = 1 + contrast * rng.uniform(-1, 1, count)
    offset = 255 * brightness * rng.uniform(-1, 1, count)
    # Every image is one table of 256 values: no float array of the images' size.
    levels = (np.arange(256) - 127.5) * factor[:, None] + 127.5 + offset[:, None]
    tables = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    for image, table in zip(images, tables, strict=True):
        image[:] = table[image]


def _cut_out(images: Images, rows: int, columns: int, rng: np.random.Generator) -> None:
    """Blackens in place a rectangle about a random pixel, as far as it lies within the image.

    DeVries and Taylor, 2017 (arXiv:1708.04552).
    """
    count, height, width, _ = images.shape
    middles = rng.integers(0, height, count), rng.integers(0, width, count)
    for image, row, column in zip(images, *middles, strict=True):
        image[_within(row, rows, height), _within(column, columns, width)] = 0


def _within(middle: int, length: int, side: int) -> slice:
    """A stretch about the pixel `middle`, as far as it lies within the side."""
    start = middle - length // 2
    return slice(max(start, 0), min(start + length, side))
