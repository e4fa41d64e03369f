"""What equal and similar images of a source are found by."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import ImageSource
from spotimes.ingestion.exact_copies import Digests, image_digests
from spotimes.ingestion.near_copies import Hashes, Thumbnail, difference_hashes, thumbnails_of

NONE: Mapping[int, Thumbnail] = MappingProxyType({})


class Fingerprints(NamedTuple):
    """Of all images of a source, in their order.

    Pictures of more than 8 bits are compared by their own values, as their images can be alike
    although they are not.

    Attributes:
        digests: uint64, shape (images, 2): equal for equal images alone.
        hashes: uint64, shape (images,): similar for similar images.
        thumbnails: of the images of such pictures, by their indices.
    """

    digests: Digests
    hashes: Hashes
    thumbnails: Mapping[int, Thumbnail] = NONE

    def replaced(self, others: Mapping[int, "Fingerprint"]) -> "Fingerprints":
        """With other fingerprints of some images, given by their indices."""
        digests, hashes = self.digests.copy(), self.hashes.copy()
        for index, other in others.items():
            digests[index], hashes[index] = other.digest, other.hash
        return Fingerprints(
            digests, hashes, {index: other.thumbnail for index, other in others.items()}
        )


class Fingerprint(NamedTuple):
    """Of a picture of more than 8 bits.

    Attributes:
        digest: uint64, shape (2,): of its values.
        hash: uint64: of an image that was made of all values that there are in the source.
        thumbnail: of the same.
    """

    digest: npt.NDArray[np.uint64]
    hash: np.uint64
    thumbnail: Thumbnail


def fingerprint_of(digest: bytes, image: npt.NDArray[np.uint8]) -> Fingerprint:
    """Fingerprints a picture of more than 8 bits.

    Args:
        digest: 16 bytes, of its values.
        image: uint8, shape (height, width, channels): of all values that there are in the source.
    """
    (hash_,), (thumbnail,) = difference_hashes(image[np.newaxis]), thumbnails_of(image[np.newaxis])
    return Fingerprint(np.frombuffer(digest, "<u8").astype(np.uint64), hash_, thumbnail)


def fingerprints_of(images: ImageSource) -> Fingerprints:
    """Fingerprints images, which may be in memory or on disk.

    Args:
        images: uint8, shape (images, height, width, channels).
    """
    # Not the default, which cannot be sent to another process.
    return Fingerprints(image_digests(images), difference_hashes(images), thumbnails={})


def concatenated(parts: Iterable[Fingerprints]) -> Fingerprints:
    """The fingerprints of images that were taken a few at a time."""
    every = list(parts)
    return Fingerprints(
        np.concatenate([each.digests for each in every]),
        np.concatenate([each.hashes for each in every]),
    )
