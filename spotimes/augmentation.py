"""Random changes to training images, in NumPy: the same on every CPU for the same seed."""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from spotimes.params.train import Augmentation


def augment(
    images: npt.NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Shifts and flips each image at random.

    Args:
        images: uint8, shape (images, height, width, channels); left as they are.
        augmentation: which changes, and how far.
        rng: what is random.

    Returns:
        As many images of the same shape.
    """
    count, height, width, _ = images.shape
    if (shift := augmentation.shift) > 0:
        padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)))
        windows = sliding_window_view(padded, (height, width), axis=(1, 2))  # type: ignore[call-overload]
        top, left = rng.integers(0, 2 * shift + 1, (2, count))
        images = windows[np.arange(count), top, left].transpose(0, 2, 3, 1)
    if augmentation.flip:
        flipped = rng.random(count) < 0.5
        images = np.where(flipped[:, None, None, None], images[:, :, ::-1], images)
    return images
