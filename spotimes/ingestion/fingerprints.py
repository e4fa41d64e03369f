"""What tells equal and similar images of a source from others."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from spotimes.dataset.image_file import ImageSource
from spotimes.ingestion.exact_copies import Digests, image_digests
from spotimes.ingestion.near_copies import Hashes, difference_hashes


class Fingerprints(NamedTuple):
    """Of all images of a source, in their order.

    Attributes:
        digests: uint64, shape (images, 2): equal for equal images alone.
        hashes: uint64, shape (images,): similar for similar images.
    """

    digests: Digests
    hashes: Hashes


def fingerprints_of(images: ImageSource) -> Fingerprints:
    """Fingerprints images, which may be in memory or on disk.

    Args:
        images: uint8, shape (images, height, width, channels).
    """
    return Fingerprints(image_digests(images), difference_hashes(images))


def concatenated(parts: Iterable[Fingerprints]) -> Fingerprints:
    """The fingerprints of images that were taken a few at a time."""
    digests, hashes = zip(*parts, strict=True)
    return Fingerprints(np.concatenate(digests), np.concatenate(hashes))
