"""What tells equal and similar images of a source from others."""

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

    Pictures of more than 8 bits are told apart by their own values, as their images can be alike
    although they are not.

    Attributes:
        digests: uint64, shape (images, 2): equal for equal images alone.
        hashes: uint64, shape (images,): similar for similar images.
        thumbnails: of the images of such pictures, by their indices.
    """

    digests: Digests
    hashes: Hashes
    thumbnails: Mapping[int, Thumbnail] = NONE

    def with_looks(self, looks: Mapping[int, "Look"]) -> "Fingerprints":
        """The same, but for some images, given by their indices."""
        digests, hashes = self.digests.copy(), self.hashes.copy()
        for index, look in looks.items():
            digests[index], hashes[index] = look.digest, look.hash
        return Fingerprints(
            digests, hashes, {index: look.thumbnail for index, look in looks.items()}
        )


class Look(NamedTuple):
    """What tells a picture of more than 8 bits from others.

    Attributes:
        digest: uint64, shape (2,): of its values.
        hash: uint64: of an image that was made of all values that there are in the source.
        thumbnail: of the same.
    """

    digest: npt.NDArray[np.uint64]
    hash: np.uint64
    thumbnail: Thumbnail


def look_of(digest: bytes, image: npt.NDArray[np.uint8]) -> Look:
    """What tells a picture from others.

    Args:
        digest: 16 bytes, of its values.
        image: uint8, shape (height, width, channels): of all values that there are in the source.
    """
    (hash_,), (thumbnail,) = difference_hashes(image[np.newaxis]), thumbnails_of(image[np.newaxis])
    return Look(np.frombuffer(digest, "<u8").astype(np.uint64), hash_, thumbnail)


def fingerprints_of(images: ImageSource) -> Fingerprints:
    """Fingerprints images, which may be in memory or on disk.

    Args:
        images: uint8, shape (images, height, width, channels).
    """
    return Fingerprints(image_digests(images), difference_hashes(images))


def concatenated(parts: Iterable[Fingerprints]) -> Fingerprints:
    """The fingerprints of images that were taken a few at a time."""
    every = list(parts)
    return Fingerprints(
        np.concatenate([each.digests for each in every]),
        np.concatenate([each.hashes for each in every]),
    )
