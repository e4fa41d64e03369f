"""Random changes to training images, in NumPy: the same on every CPU for the same seed."""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from spotimes.params.train import Augmentation

Images = npt.NDArray[np.uint8]


def augment(images: Images, augmentation: Augmentation, rng: np.random.Generator) -> Images:
    """Shifts, flips, brightens and cuts out of each image at random, in this order.

    Args:
        images: uint8, shape (images, height, width, channels); left as they are.
        augmentation: which changes, and how far.
        rng: what is random.

    Returns:
        As many images of the same shape.
    """
    count, height, width, _ = images.shape
    down, right = (round(augmentation.shift * side) for side in (height, width))
    if down or right:
        images = _shifted(images, down, right, rng)
    if augmentation.flip:
        flipped = rng.random(count) < 0.5
        images = np.where(flipped[:, None, None, None], images[:, :, ::-1], images)
    if augmentation.brightness or augmentation.contrast:
        images = _relit(images, augmentation.brightness, augmentation.contrast, rng)
    rows, columns = (round(augmentation.cutout * side) for side in (height, width))
    if rows and columns:
        images = _cut_out(images, rows, columns, rng)
    return images


def _shifted(images: Images, down: int, right: int, rng: np.random.Generator) -> Images:
    """By up to `down` and `right` pixels either way; black comes in."""
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)))
    windows = sliding_window_view(padded, (height, width), axis=(1, 2))  # type: ignore[call-overload]
    top = rng.integers(0, 2 * down + 1, count)
    left = rng.integers(0, 2 * right + 1, count)
    shifted: Images = windows[np.arange(count), top, left].transpose(0, 2, 3, 1)
    return shifted


def _relit(images: Images, brightness: float, contrast: float, rng: np.random.Generator) -> Images:
    """The distance to middle grey times a factor, then an offset, for each image its own."""
    count = len(images)
    factor = 1 + contrast * rng.uniform(-1, 1, count)
    offset = 255 * brightness * rng.uniform(-1, 1, count)
    # Every image is one table of 256 values: no float array of the images' size.
    levels = (np.arange(256) - 127.5) * factor[:, None] + 127.5 + offset[:, None]
    tables = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return np.take_along_axis(tables, images.reshape(count, -1).astype(np.intp), axis=1).reshape(
        images.shape
    )


def _cut_out(images: Images, rows: int, columns: int, rng: np.random.Generator) -> Images:
    """Blackens a rectangle about a random pixel, as far as it lies within the image.

    DeVries and Taylor, 2017 (arXiv:1708.04552).
    """
    count, height, width, _ = images.shape
    top = rng.integers(0, height, count) - rows // 2
    left = rng.integers(0, width, count) - columns // 2
    below, beside = np.arange(height) - top[:, None], np.arange(width) - left[:, None]
    hit_rows, hit_columns = (below >= 0) & (below < rows), (beside >= 0) & (beside < columns)
    hit = hit_rows[:, :, None] & hit_columns[:, None, :]
    return np.where(hit[..., None], np.uint8(0), images)
